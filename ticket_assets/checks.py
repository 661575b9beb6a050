"""What must be true of the data products, evaluated on every run that makes them.

A check covers all the days of the run at once and names the days and rows that break it.
"""

from collections import Counter
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from ticket_assets import evaluation
from ticket_assets.assets import (
    DAYS,
    LogTable,
    metrics,
    performance_report,
    predictions,
    raw_log,
    sampled_batch,
    targets,
)
from ticket_assets.days import days_of_run, to_keys
from ticket_assets.event_log.schema import COLUMNS, NAMES, PRIORITIES
from ticket_assets.storage import provenance_of
from ticket_assets.tables import map_parts, no_rows_of

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
DRIFT_LIMIT = 1.5
SHOWN = 5
GAPS = "gaps"


def _verdict(
    faults: pd.DataFrame,
    rule: str,
    severity: dg.AssetCheckSeverity = ERROR,
    count: int | None = None,
    **facts: Any,
) -> dg.AssetCheckResult:
    """Passed where no row is at fault; otherwise says how many are, and shows the first.

    `count` is how many there are, where `faults` are only some.
    """
    count = len(faults) if count is None else count
    first = faults.head(SHOWN).to_dict("records")
    description = rule if faults.empty else f"{rule} Broken {count} times; first: {first[0]}"
    return dg.AssetCheckResult(
        passed=bool(faults.empty),
        severity=severity,
        description=description,
        metadata={
            "faults": count,
            **({"first_faults": dg.MetadataValue.json(_plain(first))} if first else {}),
            **facts,
        },
    )


def _plain(records: list[dict[Any, Any]]) -> list[dict[str, str]]:
    return [{str(name): str(value) for name, value in record.items()} for record in records]


@dg.asset_check(asset=raw_log, blocking=True, partitions_def=DAYS)
def raw_log_schema(raw_log: LogTable) -> dg.AssetCheckResult:
    """Every column of the log is there with its type, and the required ones have no gaps."""
    found: Counter[tuple[str, str, str]] = Counter()
    for part in map_parts(_dtypes_and_gaps, raw_log):
        found.update(part)
    faults = pd.DataFrame(
        [
            (column, expected, f"{gaps} gaps" if dtype == GAPS else dtype)
            for (column, expected, dtype), gaps in found.items()
        ],
        columns=["column", "expected", "found"],
    )
    extra = set(no_rows_of(raw_log).columns) - set(NAMES) - set(evaluation.KEY_COLUMNS)
    return _verdict(
        faults, "All 36 columns have their types.", extra_columns=", ".join(sorted(extra))
    )


def _dtypes_and_gaps(part: pd.DataFrame) -> dict[tuple[str, str, str], int]:
    """Each fault as (column, expected, found), and how often it occurs in the part."""
    dtypes = {column.name: str(part.dtypes.get(column.name, "missing")) for column in COLUMNS}
    wrong = {
        (column.name, column.dtype, dtypes[column.name]): 1
        for column in COLUMNS
        if dtypes[column.name] != column.dtype
    }
    gaps = {
        (column.name, "no gaps", GAPS): count
        for column in COLUMNS
        if column.required
        and column.name in part
        and (count := int(part[column.name].isna().sum()))
    }
    return wrong | gaps


@dg.asset_check(asset=raw_log, partitions_def=DAYS)
def known_priorities(raw_log: LogTable) -> dg.AssetCheckResult:
    """Every priority is one of the four that the model knows; others get its default."""
    shown = raw_log[["day", "log_row", "number", "priority"]]
    counts, first = zip(*map_parts(_unknown_priorities, shown), strict=True)
    return _verdict(
        pd.concat(first),
        f"Priorities are {', '.join(PRIORITIES)}; any other is predicted with the default.",
        severity=WARN,
        count=sum(counts),
    )


def _unknown_priorities(part: pd.DataFrame) -> tuple[int, pd.DataFrame]:
    unknown = part[~part["priority"].isin(PRIORITIES)]
    return len(unknown), unknown.head(SHOWN)


@dg.asset_check(
    asset=sampled_batch,
    additional_ins={"raw_log": dg.AssetIn(metadata={"columns": evaluation.KEY_COLUMNS})},
    partitions_def=DAYS,
)
def sample_is_of_the_log(sampled_batch: pd.DataFrame, raw_log: LogTable) -> dg.AssetCheckResult:
    """Each day's batch is distinct rows of that day's log, as many as asked for or there are."""
    keys = evaluation.KEY_COLUMNS
    drawn, log = sampled_batch[keys], raw_log[keys]
    counts = list(map_parts(evaluation.rows_by_day, log))
    there = pd.Series(sum(map(Counter, counts), Counter()), dtype="int64").sort_index()
    there.index = pd.DatetimeIndex(there.index, name="day")
    of_parts = [drawn[drawn["day"].isin(list(days))] for days in counts]
    in_log = pd.concat(map_parts(_rows_of_both, log, of_parts))
    stray = drawn.merge(in_log, how="left", on=keys, indicator="origin")
    stray = stray[(stray["origin"] == "left_only") | stray.duplicated(keys, keep=False)]
    found = sampled_batch.groupby("day").size()
    origins = provenance_of(sampled_batch)
    expected = pd.Series(
        [
            min(rows, origins[key]["batch_size"])
            for key, rows in zip(to_keys(pd.DatetimeIndex(there.index)), there, strict=True)
        ],
        index=there.index,
        dtype="int64",
    )
    sizes = pd.DataFrame({"expected": expected, "found": found}).fillna(0).astype("int64")
    short = sizes[sizes["expected"] != sizes["found"]].reset_index()
    faults = pd.concat([stray.astype({"origin": "str"}), short], ignore_index=True)
    return _verdict(
        faults,
        "Each day's batch is min(batch_size, rows of the day) distinct rows of its log.",
        rows=len(sampled_batch),
    )


def _rows_of_both(log: pd.DataFrame, drawn: pd.DataFrame) -> pd.DataFrame:
    return log.merge(drawn.drop_duplicates(), on=evaluation.KEY_COLUMNS)


@dg.asset_check(asset=targets, blocking=True, partitions_def=DAYS)
def no_negative_target(targets: pd.DataFrame) -> dg.AssetCheckResult:
    """No ticket was closed before its last update."""
    negative = targets[~(targets["target_s"] >= 0)]
    return _verdict(negative, "closed_at is not before sys_updated_at.", rows=len(targets))


@dg.asset_check(asset=predictions, partitions_def=DAYS)
def predictions_are_positive(predictions: pd.DataFrame) -> dg.AssetCheckResult:
    """Every sampled row has a prediction, finite and above zero."""
    seconds = predictions["predicted_s"]
    return _verdict(
        predictions[~(np.isfinite(seconds) & (seconds > 0))],
        "Predictions are finite and above zero.",
        rows=len(predictions),
    )


@dg.asset_check(asset=metrics, partitions_def=DAYS)
def metrics_are_finite(
    context: dg.AssetCheckExecutionContext, metrics: pd.DataFrame
) -> dg.AssetCheckResult:
    """Each day of the run has one row; its errors are finite unless it had no tickets."""
    days = days_of_run(context)
    columns = ["mae_s", "medae_s", "mse_s2"]
    broken = (metrics["num_obs"] > 0) & ~np.isfinite(metrics[columns]).all(axis=1)
    missing = pd.DataFrame({"day": days.difference(pd.DatetimeIndex(metrics["day"]))})
    faults = pd.concat([metrics.loc[broken, ["day", "num_obs", *columns]], missing])
    return _verdict(
        faults,
        "Every day has one row, with finite errors where it had tickets.",
        empty_days=int((metrics["num_obs"] == 0).sum()),
    )


@dg.asset_check(asset=performance_report)
def no_drift(performance_report: dict[str, Any]) -> dg.AssetCheckResult:
    """The median daily MAE of the last 28 days is at most 1.5 times that of the days before."""
    ratio = performance_report["drift"]["ratio"]
    return dg.AssetCheckResult(
        passed=ratio is None or ratio <= DRIFT_LIMIT,
        severity=WARN,
        description=f"Recent over earlier MAE: {ratio if ratio is None else round(ratio, 3)};"
        f" limit {DRIFT_LIMIT}.",
        metadata={"limit": DRIFT_LIMIT, **performance_report["drift"]},
    )


CHECKS = [
    raw_log_schema,
    known_priorities,
    sample_is_of_the_log,
    no_negative_target,
    predictions_are_positive,
    metrics_are_finite,
    no_drift,
]
