"""What Dagster's catalog shows of each product: columns, lineage, figures by day, data version."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from ticket_assets import previews
from ticket_assets.days import days_of_run, to_keys
from ticket_assets.evaluation.models import SECONDS_PER_HOUR
from ticket_assets.store.io_manager import (
    Digests,
    Documents,
    Hashes,
    content_digests,
    hashes_of,
    provenance_of,
    rows_by_day,
)
from ticket_assets.store.tables import Table, map_parts, no_rows_of

PREVIEW_ROWS = 5


def column_schema(**columns: tuple[str, str]) -> dict[str, dg.TableSchema]:
    """The columns by name, each with its type and meaning; the two key columns come first."""
    keys = {"day": ("date", "Calendar day of closed_at."), "log_row": ("int64", "Row in the log.")}
    return {
        "dagster/column_schema": dg.TableSchema(
            [
                dg.TableColumn(name, kind, description=description)
                for name, (kind, description) in (keys | columns).items()
            ]
        )
    }


def column_lineage(**columns: tuple[str, ...]) -> dict[str, dg.TableColumnLineage]:
    """Which upstream columns each column is made of, as `asset.column`."""
    return {
        "dagster/column_lineage": dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(*source.split(".")) for source in sources]
                for column, sources in columns.items()
            }
        )
    }


def materialized(
    context: dg.AssetExecutionContext,
    content: Table | Documents,
    facts: Mapping[str, Mapping[str, Any]],
    of_run: Mapping[str, Any],
) -> dg.MaterializeResult[Any]:
    """The result with each day's own metadata and a content fingerprint as data version.

    Dagster keeps one data version for all the days of a run (dagster issue 34013): for one day
    it is the day's fingerprint, for a range that of all its days in order; each day's own stands
    in its metadata. `of_run` is attached to the last day, so that a year is not told 356 times.
    """
    keys = to_keys(days_of_run(context))
    for key in keys:
        context.add_asset_metadata(dict(facts[key]), partition_key=key)
    context.add_asset_metadata(dict(of_run), partition_key=keys[-1])
    digests = {key: facts[key]["content_sha256"] for key in keys}
    whole = digests[keys[0]] if len(keys) == 1 else _digest_of(digests)
    return dg.MaterializeResult(value=content, data_version=dg.DataVersion(whole))


def _digest_of(digests: Mapping[str, str]) -> str:
    (digest,) = content_digests({"run": {"days": dict(digests)}}, ["run"]).values()
    return digest


def table_facts(
    context: dg.AssetExecutionContext,
    table: Table,
    preview: list[str],
    distinct: Mapping[str, str] | None = None,
) -> dict[str, dict[str, Any]]:
    """For each day: row count, a preview, the content's digest and which log it is of; and, under
    the names of `distinct`, how many values these columns have."""
    distinct = distinct or {}
    keys = to_keys(days_of_run(context))
    described = {key: _Described(0, no_rows_of(table)[preview], {}) for key in keys}
    digests = Digests(table, keys)
    describe = partial(_describe, keys=keys, preview=preview, distinct=list(distinct.values()))
    for part in map_parts(describe, table):
        for key, found, hashes in part:
            described[key] = described[key].with_more(found)
            digests.update(key, hashes)
    origins = provenance_of(table)
    by_key = digests.by_key()
    return {
        key: {
            "dagster/partition_row_count": found.rows,
            **{name: found.count(column) for name, column in distinct.items()},
            "preview": previews.markdown_table(found.first, PREVIEW_ROWS, of=found.rows),
            "content_sha256": by_key[key],
            **log_facts(origins[key]),
        }
        for key, found in described.items()
    }


@dataclass(frozen=True)
class _Described:
    """Rows of a day: how many, the first, and the hashes of the distinct values of columns."""

    rows: int
    first: pd.DataFrame
    values: Mapping[str, Hashes]

    def with_more(self, later: "_Described") -> "_Described":
        if not self.rows:
            return later
        first = pd.concat([self.first, later.first.head(PREVIEW_ROWS - len(self.first))])
        values = {
            column: np.union1d(hashes, later.values[column])
            for column, hashes in self.values.items()
        }
        return _Described(self.rows + later.rows, first, values)

    def count(self, column: str) -> int:
        return len(self.values.get(column, ()))


def _describe(
    part: pd.DataFrame, keys: list[str], preview: list[str], distinct: list[str]
) -> list[tuple[str, _Described, Hashes]]:
    """Each day that has rows, with the hashes of its rows."""
    hashes = hashes_of(part)
    values = {column: hashes_of(part[column]) for column in distinct}
    found = [
        (key, rows)
        for key, rows in zip(keys, rows_by_day(part, keys), strict=True)
        if rows.stop > rows.start
    ]
    # Taken, not sliced: a slice would bring all the part's texts with it from a worker.
    shown = [row for _, rows in found for row in range(part.shape[0])[rows][:PREVIEW_ROWS]]
    first = part[preview].take(shown)
    described, start = [], 0
    for key, rows in found:
        count = rows.stop - rows.start
        stop = start + min(count, PREVIEW_ROWS)
        distinct_values = {column: np.unique(of_all[rows]) for column, of_all in values.items()}
        described.append(
            (key, _Described(count, first.iloc[start:stop], distinct_values), hashes[rows])
        )
        start = stop
    return described


def log_facts(origin: Mapping[str, Any]) -> dict[str, Any]:
    """Which log a day's provenance names."""
    return {"log_source": origin["log_source"], "log_sha256": origin["log_sha256"]}


def metric_facts(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Figures that the UI plots over the days, in hours; those that do not exist are left out."""
    origins = provenance_of(table)
    keys = to_keys(pd.DatetimeIndex(table["day"]))
    digests = content_digests(table, keys)
    hours = pd.DataFrame(
        {
            "mae_h": table["mae_s"] / SECONDS_PER_HOUR,
            "medae_h": table["medae_s"] / SECONDS_PER_HOUR,
            "mse_h2": table["mse_s2"] / SECONDS_PER_HOUR**2,
            "r2": table["r2"],
        }
    )
    facts = {}
    for key, tickets, figures in zip(
        keys,
        table["num_obs"],
        hours.to_dict("records"),
        strict=True,
    ):
        known = {str(name): value for name, value in figures.items() if np.isfinite(value)}
        facts[key] = {
            "num_obs": int(tickets),
            **known,
            "content_sha256": digests[key],
            **log_facts(origins[key]),
        }
    return facts
