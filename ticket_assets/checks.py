"""What must be true of the data products, evaluated on every run that makes them.

A check covers all the days of the run at once and names the days and rows that break it.
"""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from ticket_assets import evaluation
from ticket_assets.assets import (
    DAYS,
    metrics,
    performance_report,
    predictions,
    raw_log,
    sampled_batch,
    targets,
)
from ticket_assets.days import days_of_run, to_keys
from ticket_assets.event_log.schema import COLUMNS, PRIORITIES
from ticket_assets.storage import provenance_of

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
DRIFT_LIMIT = 1.5


def _verdict(
    faults: pd.DataFrame,
    rule: str,
    severity: dg.AssetCheckSeverity = ERROR,
    **facts: Any,
) -> dg.AssetCheckResult:
    """Passed where no row is at fault; otherwise says how many are, and shows the first."""
    first = faults.head(5).to_dict("records")
    description = rule if faults.empty else f"{rule} Broken {len(faults)} times; first: {first[0]}"
    return dg.AssetCheckResult(
        passed=bool(faults.empty),
        severity=severity,
        description=description,
        metadata={
            "faults": len(faults),
            **({"first_faults": dg.MetadataValue.json(_plain(first))} if first else {}),
            **facts,
        },
    )


def _plain(records: list[dict[Any, Any]]) -> list[dict[str, str]]:
    return [{str(name): str(value) for name, value in record.items()} for record in records]


@dg.asset_check(asset=raw_log, blocking=True, partitions_def=DAYS)
def raw_log_schema(raw_log: pd.DataFrame) -> dg.AssetCheckResult:
    """Every column of the log is there with its type, and the required ones have no gaps."""
    dtypes = {column.name: column.dtype for column in COLUMNS}
    wrong = [
        {"column": name, "expected": dtype, "found": str(raw_log.dtypes.get(name, "missing"))}
        for name, dtype in dtypes.items()
        if str(raw_log.dtypes.get(name, "missing")) != dtype
    ]
    gaps = [
        {"column": column.name, "expected": "no gaps", "found": f"{count} gaps"}
        for column in COLUMNS
        if column.required and (count := int(raw_log[column.name].isna().sum()))
    ]
    faults = pd.DataFrame([*wrong, *gaps], columns=["column", "expected", "found"])
    extra = sorted(set(raw_log.columns) - set(dtypes) - set(evaluation.KEY_COLUMNS))
    return _verdict(faults, "All 36 columns have their types.", extra_columns=", ".join(extra))


@dg.asset_check(asset=raw_log, partitions_def=DAYS)
def known_priorities(raw_log: pd.DataFrame) -> dg.AssetCheckResult:
    """Every priority is one of the four that the model knows; others get its default."""
    unknown = raw_log[~raw_log["priority"].isin(PRIORITIES)]
    return _verdict(
        unknown[["day", "log_row", "number", "priority"]],
        f"Priorities are {', '.join(PRIORITIES)}; any other is predicted with the default.",
        severity=WARN,
    )


@dg.asset_check(
    asset=sampled_batch,
    additional_ins={"raw_log": dg.AssetIn(metadata={"columns": evaluation.KEY_COLUMNS})},
    partitions_def=DAYS,
)
def sample_is_of_the_log(sampled_batch: pd.DataFrame, raw_log: pd.DataFrame) -> dg.AssetCheckResult:
    """Each day's batch is distinct rows of that day's log, as many as asked for or there are."""
    keys = evaluation.KEY_COLUMNS
    stray = sampled_batch[keys].merge(raw_log[keys], how="left", on=keys, indicator="origin")
    stray = stray[(stray["origin"] == "left_only") | stray.duplicated(keys, keep=False)]
    found = sampled_batch.groupby("day").size()
    origins = provenance_of(sampled_batch)
    there = raw_log.groupby("day").size()
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
