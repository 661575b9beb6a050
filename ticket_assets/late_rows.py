"""Late rows: a day that is evaluated again because its rows have changed says so."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ticket_assets.store.io_manager import DailyStore

ROWS = "dagster/partition_row_count"


def late_rows(
    store: DailyStore, asset: str, facts: Mapping[str, Mapping[str, Any]], log: dg.DagsterLogManager
) -> dict[str, dict[str, Any]]:
    """The facts of each day with `late_rows`: its rows more than at the last evaluation.

    0 for a day that was not evaluated before, or whose files are the same; below 0 if rows were
    removed.
    """
    before = store.stored_days(asset, list(facts))
    result = {}
    for day, facts_of_day in facts.items():
        late, known = 0, before.get(day)
        if known and known.provenance.get("log_sha256") != facts_of_day["log_sha256"]:
            late = facts_of_day[ROWS] - known.rows
            log.info(
                f"{day}: {late:,} late rows: {facts_of_day[ROWS]:,} rows, {known.rows:,} at the"
                " last evaluation. The day is evaluated again."
            )
        result[day] = {**facts_of_day, "late_rows": late}
    return result
