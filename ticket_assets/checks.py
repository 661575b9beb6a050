"""Checks of the data products, evaluated by every run that makes them.

A check covers all the days of the run at once and names the days and rows that break its rule. A
run of several days also records it for each day, so that Dagster shows which days passed.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from ticket_assets.daily_evaluations import outcome_of, record_each_day
from ticket_assets.days import days_of_run, to_days, to_keys
from ticket_assets.declarations import Declaration, LogTable, declare
from ticket_assets.evaluation.alerts import ALERTS
from ticket_assets.evaluation.keys import KEY_COLUMNS
from ticket_assets.evaluation.populations import OPEN, is_open
from ticket_assets.evaluation.sample import count_rows_by_day
from ticket_assets.event_log.schema import COLUMNS, NAMES, PRIORITIES
from ticket_assets.report_page import QUESTIONS, UNITS
from ticket_assets.store.provenance import provenance_of
from ticket_assets.store.tables import map_parts, no_rows_of

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
DRIFT_LIMIT = 1.5


def _verdict(
    context: dg.AssetCheckExecutionContext,
    faults: pd.DataFrame,
    rule: str,
    severity: dg.AssetCheckSeverity = ERROR,
    **facts: Any,
) -> dg.AssetCheckResult:
    """The check's result: passed without faults, else with their number and the first few.

    `faults` has one row per fault; one without a `day` counts for every day.
    """
    run = context.op_execution_context
    if run.has_partition_key_range and not run.has_partition_key:
        record_each_day(run, faults, rule, severity)
    return dg.AssetCheckResult(
        severity=severity, **outcome_of(faults, rule, {"faults": len(faults), **facts})
    )


def daily_check(
    **options: Any,
) -> Callable[[Callable[..., Any]], Declaration[dg.AssetChecksDefinition]]:
    """Declares a check of each day of a daily asset."""
    return declare(dg.asset_check, is_daily=True, **options)


@daily_check(asset="raw_log", blocking=True)
def raw_log_schema(
    context: dg.AssetCheckExecutionContext, raw_log: LogTable
) -> dg.AssetCheckResult:
    """Every column of the log is present with its type, and the required ones have no gaps."""
    of_parts = pd.concat(map_parts(_schema_faults, raw_log))
    kinds = ["day", "column", "expected", "found"]
    faults = of_parts.groupby(kinds, dropna=False, as_index=False)["rows"].sum()
    extra = set(no_rows_of(raw_log).columns) - set(NAMES) - set(KEY_COLUMNS)
    return _verdict(
        context,
        faults,
        "All 36 columns have their types.",
        extra_columns=", ".join(sorted(extra)),
    )


def _schema_faults(part: pd.DataFrame) -> pd.DataFrame:
    """Columns of the wrong type, without a day; and gaps in required columns, by day."""
    faults: list[tuple[Any, str, str, str, int]] = []
    for column in COLUMNS:
        dtype = str(part.dtypes.get(column.name, "missing"))
        if dtype != column.dtype:
            faults.append((pd.NaT, column.name, column.dtype, dtype, len(part)))
        if column.required and column.name in part:
            gaps = part.loc[part[column.name].isna(), "day"].value_counts(sort=False)
            faults += [(day, column.name, "no gaps", "gaps", n) for day, n in gaps.items()]
    names = ["day", "column", "expected", "found", "rows"]
    return pd.DataFrame(faults, columns=names).astype({"day": "datetime64[s]"})


@daily_check(asset="raw_log")
def known_priorities(
    context: dg.AssetCheckExecutionContext, raw_log: LogTable
) -> dg.AssetCheckResult:
    """Every priority is one of the four that the model knows; others get its default."""
    shown = raw_log[["day", "log_row", "priority"]]
    return _verdict(
        context,
        pd.concat(map_parts(_unknown_priorities, shown)),
        f"Priorities are {', '.join(PRIORITIES)}; any other is predicted with the default.",
        severity=WARN,
    )


def _unknown_priorities(part: pd.DataFrame) -> pd.DataFrame:
    """One row per day and unknown priority: `rows` that have it, and `first_log_row`."""
    unknown = part[~part["priority"].isin(PRIORITIES)]
    days = unknown.groupby(["day", "priority"], dropna=False, observed=True)["log_row"]
    return days.agg(rows="size", first_log_row="min").reset_index()


@daily_check(
    asset="sampled_batch",
    additional_ins={"raw_log": dg.AssetIn(metadata={"columns": [*KEY_COLUMNS, "incident_state"]})},
)
def sample_is_of_the_log(
    context: dg.AssetCheckExecutionContext, sampled_batch: pd.DataFrame, raw_log: LogTable
) -> dg.AssetCheckResult:
    """Each day's batch has distinct rows of that day's log, and the right number of them."""
    keys = KEY_COLUMNS
    provenances = provenance_of(sampled_batch)
    open_days = to_days(
        [key for key, origin in provenances.items() if origin.get("population") == OPEN]
    )
    drawn, log = sampled_batch[keys], raw_log[[*keys, "incident_state"]]
    counts = list(map_parts(partial(_drawable_by_day, open_days=open_days), log))
    in_day = pd.Series(sum(map(Counter, counts), Counter()), dtype="int64").sort_index()
    in_day.index = pd.DatetimeIndex(in_day.index, name="day")
    of_parts = [drawn[drawn["day"].isin(list(days))] for days in counts]
    common_rows = partial(_common_rows, open_days=open_days)
    in_log = pd.concat(map_parts(common_rows, log, of_parts))
    stray = drawn.merge(in_log, how="left", on=keys, indicator="origin")
    stray = stray[(stray["origin"] == "left_only") | stray.duplicated(keys, keep=False)]
    actual = sampled_batch.groupby("day").size()
    expected = pd.Series(
        [
            min(rows, provenances[key]["batch_size"])
            for key, rows in zip(to_keys(pd.DatetimeIndex(in_day.index)), in_day, strict=True)
        ],
        index=in_day.index,
        dtype="int64",
    )
    sizes = pd.DataFrame({"expected": expected, "found": actual}).fillna(0).astype("int64")
    short = sizes[sizes["expected"] != sizes["found"]].reset_index()
    faults = pd.concat([stray.astype({"origin": "str"}), short], ignore_index=True)
    return _verdict(
        context,
        faults,
        "Each day's batch is min(batch_size, rows of the day) distinct rows of its log.",
        rows=len(sampled_batch),
    )


def _drawable(log: pd.DataFrame, open_days: pd.DatetimeIndex) -> pd.DataFrame:
    """The rows from which the batch was drawn: on these days not the Closed ones."""
    return log[is_open(log) | ~log["day"].isin(open_days)]


def _drawable_by_day(log: pd.DataFrame, open_days: pd.DatetimeIndex) -> dict[pd.Timestamp, int]:
    return count_rows_by_day(_drawable(log, open_days))


def _common_rows(
    log: pd.DataFrame, drawn: pd.DataFrame, open_days: pd.DatetimeIndex
) -> pd.DataFrame:
    # Each row once: one that was drawn twice would be multiplied by the caller's merge.
    drawable = _drawable(log, open_days)[KEY_COLUMNS]
    return drawable.merge(drawn.drop_duplicates(), on=KEY_COLUMNS)


@daily_check(asset="targets", blocking=True)
def no_negative_target(
    context: dg.AssetCheckExecutionContext, targets: pd.DataFrame
) -> dg.AssetCheckResult:
    """No ticket was closed before its last update."""
    # Not `< 0`: a missing target is a fault too.
    negative = targets[~(targets["target_s"] >= 0)]
    return _verdict(context, negative, "closed_at is not before sys_updated_at.", rows=len(targets))


@daily_check(asset="predictions")
def predictions_are_positive(
    context: dg.AssetCheckExecutionContext, predictions: pd.DataFrame
) -> dg.AssetCheckResult:
    """Every sampled row has a prediction, finite and not negative."""
    seconds = predictions["predicted_s"]
    return _verdict(
        context,
        predictions[~(np.isfinite(seconds) & (seconds >= 0))],
        "Predictions are finite and not negative.",
        rows=len(predictions),
    )


@daily_check(asset="metrics")
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
        context,
        faults,
        "Every day has one row, with finite errors if it had tickets.",
        empty_days=int((metrics["num_obs"] == 0).sum()),
    )


@declare(dg.asset_check, is_daily=False, asset="performance_report")
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


def _check_of(name: str) -> Declaration[dg.AssetChecksDefinition]:
    """The check that fails while this alert of the report fires."""

    def check(evaluation_report: dict[str, Any]) -> dg.AssetCheckResult:
        (alert,) = (each for each in evaluation_report["alerts"] if each["name"] == name)
        facts = {key: alert[key] for key in ("number", "limit") if alert[key] is not None}
        if facts:
            facts["unit"] = UNITS[name]
        return dg.AssetCheckResult(
            passed=not alert["fires"],
            severity=ERROR if alert["is_severe"] else WARN,
            description=alert["description"],
            metadata={**facts, "is_new": alert["is_new"]},
        )

    check.__name__ = f"no_{name}"
    return declare(
        dg.asset_check,
        is_daily=False,
        asset="evaluation_report",
        description=f"{QUESTIONS[name]} Fails if somebody should act.",
    )(check)


CHECKS = [
    raw_log_schema,
    known_priorities,
    sample_is_of_the_log,
    no_negative_target,
    predictions_are_positive,
    metrics_are_finite,
    no_drift,
    *map(_check_of, ALERTS),
]
