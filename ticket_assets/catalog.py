"""What Dagster's catalog shows of each product: columns, lineage, figures by day, data version."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from ticket_assets import previews
from ticket_assets.days import days_of_run, to_keys
from ticket_assets.evaluation import SECONDS_PER_HOUR
from ticket_assets.storage import Documents, content_digests, provenance_of


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
    content: pd.DataFrame | Documents,
    facts: Mapping[str, Mapping[str, Any]],
    of_run: Mapping[str, Any],
) -> dg.MaterializeResult[Any]:
    """The result with each day's own metadata and a content fingerprint as data version.

    Dagster keeps one data version for all the days of a run (dagster issue 34013): for one day
    it is the day's fingerprint, for a range that of all its days in order; each day's own stands
    in its metadata. `of_run` is attached to the last day, so that a year is not told 356 times.
    """
    keys = to_keys(days_of_run(context))
    digests = content_digests(content, keys)
    for key in keys:
        context.add_asset_metadata(
            {**facts[key], "content_sha256": digests[key]}, partition_key=key
        )
    context.add_asset_metadata(dict(of_run), partition_key=keys[-1])
    whole = digests[keys[0]] if len(keys) == 1 else _digest_of(digests)
    return dg.MaterializeResult(value=content, data_version=dg.DataVersion(whole))


def _digest_of(digests: Mapping[str, str]) -> str:
    (digest,) = content_digests({"run": {"days": dict(digests)}}, ["run"]).values()
    return digest


def table_facts(
    context: dg.AssetExecutionContext, table: pd.DataFrame, preview: list[str]
) -> dict[str, dict[str, Any]]:
    """For each day: row count, a preview, and which log it is of."""
    keys = to_keys(days_of_run(context))
    parts = dict(iter(table[["day", *preview]].groupby("day")[preview]))
    origins = provenance_of(table)
    empty = table[preview].head(0)
    facts = {}
    for day, key in zip(days_of_run(context), keys, strict=True):
        rows = parts.get(day, empty)
        facts[key] = {
            "dagster/partition_row_count": len(rows),
            "preview": previews.markdown_table(rows),
            **log_facts(origins[key]),
        }
    return facts


def log_facts(origin: Mapping[str, Any]) -> dict[str, Any]:
    """Which log a day's provenance names."""
    return {"log_source": origin["log_source"], "log_sha256": origin["log_sha256"]}


def metric_facts(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Figures that the UI plots over the days, in hours; those that do not exist are left out."""
    origins = provenance_of(table)
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
        to_keys(pd.DatetimeIndex(table["day"])),
        table["num_obs"],
        hours.to_dict("records"),
        strict=True,
    ):
        known = {str(name): value for name, value in figures.items() if np.isfinite(value)}
        facts[key] = {"num_obs": int(tickets), **known, **log_facts(origins[key])}
    return facts
