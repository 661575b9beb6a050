"""Metadata for Dagster's catalog: columns, lineage, figures by day, data versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from ticket_assets import previews
from ticket_assets.days import days_of_run, to_keys
from ticket_assets.evaluation.models import SECONDS_PER_HOUR
from ticket_assets.evaluation.populations import OPEN
from ticket_assets.store.digests import (
    DayDigests,
    Hashes,
    content_digests,
    document_digest,
    row_hashes,
)
from ticket_assets.store.provenance import provenance_of
from ticket_assets.store.split import Documents, rows_by_day
from ticket_assets.store.tables import Table, map_parts

PREVIEW_ROWS = 5
PLOTTED = ("mae_h", "bias_h", "within_24h", "skill_constant", "skill_state_median")


def column_schema(**columns: tuple[str, str]) -> dict[str, dg.TableSchema]:
    """The columns by name, each with its type and meaning, after the two key columns."""
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
    """The upstream columns, as `asset.column`, that each column is made from."""
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
    """The result with each day's own metadata and a content digest as data version.

    Dagster keeps one data version for all the days of a run (dagster issue 34013). For one day
    it is the day's digest; for a range it is a digest of all its days' digests, and each day's
    own is in its metadata. `of_run` goes to the last day only: repeated on each of 356 days, it
    would be most of what the run writes.
    """
    keys = to_keys(days_of_run(context))
    for key in keys:
        context.add_asset_metadata(dict(facts[key]), partition_key=key)
    context.add_asset_metadata(dict(of_run), partition_key=keys[-1])
    digests = {key: facts[key]["content_sha256"] for key in keys}
    version = digests[keys[0]] if len(keys) == 1 else document_digest({"days": digests})
    return dg.MaterializeResult(value=content, data_version=dg.DataVersion(version))


def table_facts(
    context: dg.AssetExecutionContext,
    table: Table,
    preview: list[str],
    distinct: Mapping[str, str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Metadata of each day: row count, a preview of some columns, content digest, log.

    `distinct` maps the name of a figure to a column whose distinct values it counts.
    """
    distinct = distinct or {}
    keys = to_keys(days_of_run(context))
    summaries = {key: _DaySummary(0, (), {}) for key in keys}
    digests = DayDigests(table, keys)
    summarize = partial(
        _summarize_part, keys=keys, preview=preview, distinct=list(distinct.values())
    )
    for part in map_parts(summarize, table):
        for key, summary, hashes in part:
            summaries[key] = summaries[key].with_more(summary)
            digests.update(key, hashes)
    provenances = provenance_of(table)
    by_key = digests.by_key()
    return {
        key: {
            "dagster/partition_row_count": summary.rows,
            **{name: summary.count(column) for name, column in distinct.items()},
            "preview": previews.markdown_of(preview, summary.first, summary.rows),
            "content_sha256": by_key[key],
            **log_facts(provenances[key]),
        }
        for key, summary in summaries.items()
    }


@dataclass(frozen=True)
class _DaySummary:
    """Rows of a day: their number, the first few as lines of markdown, and hashes of columns'
    distinct values."""

    rows: int
    first: tuple[str, ...]
    values: Mapping[str, Hashes]

    def with_more(self, later: "_DaySummary") -> "_DaySummary":
        # The empty summary that a day starts with has no `values` to unite.
        if not self.rows:
            return later
        first = (*self.first, *later.first)[:PREVIEW_ROWS]
        values = {
            column: np.union1d(hashes, later.values[column])
            for column, hashes in self.values.items()
        }
        return _DaySummary(self.rows + later.rows, first, values)

    def count(self, column: str) -> int:
        return len(self.values.get(column, ()))


def _summarize_part(
    part: pd.DataFrame, keys: Sequence[str], preview: list[str], distinct: Sequence[str]
) -> list[tuple[str, _DaySummary, Hashes]]:
    """A summary of each day that has rows, with the hashes of its rows."""
    hashes = row_hashes(part)
    values = {column: row_hashes(part[column]) for column in distinct}
    days = [
        (key, rows)
        for key, rows in zip(keys, rows_by_day(part, keys), strict=True)
        if rows.stop > rows.start
    ]
    shown = [row for _, rows in days for row in range(part.shape[0])[rows][:PREVIEW_ROWS]]
    lines = previews.markdown_rows(part[preview].take(shown))
    summaries, start = [], 0
    for key, rows in days:
        count = rows.stop - rows.start
        stop = start + min(count, PREVIEW_ROWS)
        distinct_values = {column: np.unique(of_all[rows]) for column, of_all in values.items()}
        summary = _DaySummary(count, tuple(lines[start:stop]), distinct_values)
        summaries.append((key, summary, hashes[rows]))
        start = stop
    return summaries


def log_facts(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The log that a day was made from."""
    return {"log_source": provenance["log_source"], "log_sha256": provenance["log_sha256"]}


def model_score_facts(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Each day's scores as a table in hours, and the champion's figures that the UI plots."""
    provenances = provenance_of(table)
    keys = list(provenances)
    digests = content_digests(table, keys)
    hours = table.assign(
        **{name: table[name] / SECONDS_PER_HOUR for name in table.columns if name.endswith("_s")}
    ).rename(columns=lambda name: f"{name[:-2]}_h" if name.endswith("_s") else name)
    shown = _readable_scores(hours)
    lines = dict(zip(hours.index, previews.markdown_rows(shown), strict=True))
    facts = {}
    for key, rows in zip(keys, rows_by_day(table, keys), strict=True):
        part = hours.iloc[rows]
        (champion,) = part[part["is_champion"] & (part["population"] == OPEN)].to_dict("records")
        figures = {f"{name}_open": champion[name] for name in PLOTTED}
        facts[key] = {
            "scores": previews.markdown_of(
                list(shown.columns),
                [lines[row] for row in part.index],
                len(part) if part["num_obs"].any() else 0,
            ),
            "incidents": int(champion["incidents"]),
            **{name: value for name, value in figures.items() if np.isfinite(value)},
            "content_sha256": digests[key],
            **log_facts(provenances[key]),
        }
    return facts


def _readable_scores(hours: pd.DataFrame) -> pd.DataFrame:
    """The columns that fit beside each other in the UIs; intervals as text."""
    ends = zip(hours["mae_low_h"], hours["mae_high_h"], strict=True)
    intervals = [f"{low:,.1f} to {high:,.1f}" if low == low else None for low, high in ends]
    return pd.DataFrame(
        {
            "rows": hours["num_obs"].astype("str") + " " + hours["population"].astype("str"),
            "model": hours["model"],
            "MAE h": hours["mae_h"],
            "95% interval": pd.Series(intervals, hours.index, dtype="object"),
            "bias h": hours["bias_h"],
            "within 24 h": hours["within_24h"],
            "skill: constant": hours["skill_constant"],
            "skill: state": hours["skill_state_median"],
        }
    )


def metric_facts(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Figures that the UI plots over the days, in hours; undefined ones are left out."""
    provenances = provenance_of(table)
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
    for key, rows, figures in zip(keys, table["num_obs"], hours.to_dict("records"), strict=True):
        defined = {str(name): value for name, value in figures.items() if np.isfinite(value)}
        facts[key] = {
            "num_obs": int(rows),
            **defined,
            "content_sha256": digests[key],
            **log_facts(provenances[key]),
        }
    return facts
