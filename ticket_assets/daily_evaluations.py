"""The outcome of a check's faults, and its record for each day of a run of several days."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pandas as pd

from ticket_assets.days import to_days
from ticket_assets.upstream_fixes.private_names import (
    AssetCheckEvaluationTargetMaterializationData as TargetMaterialization,
)

SHOWN_FAULTS = 5


def outcome_of(faults: pd.DataFrame, rule: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a check's result that depend on the faults."""
    if faults.empty:
        return {"passed": True, "description": rule, "metadata": facts}
    first = _as_text(faults.head(SHOWN_FAULTS))
    description = ", ".join(f"{name} {value}" for name, value in first[0].items())
    return {
        "passed": False,
        "description": f"{rule} Broken {len(faults)} times; first: {description}.",
        "metadata": {"first_faults": dg.MetadataValue.json(first), **facts},
    }


def _as_text(rows: pd.DataFrame) -> list[dict[str, str]]:
    """The rows as JSON objects, without their empty cells."""
    rows = rows.assign(day=rows["day"].dt.date)
    return [
        {str(name): str(value) for name, value in record.items() if pd.notna(value)}
        for record in rows.to_dict("records")
    ]


def record_each_day(
    run: dg.OpExecutionContext,
    faults: pd.DataFrame,
    rule: str,
    severity: dg.AssetCheckSeverity,
) -> None:
    """Records one check evaluation for each day of the run.

    An `AssetCheckResult` has no partition. For a run of several days Dagster 1.13 records one
    result and shows every day as skipped.
    """
    (key,) = run.selected_asset_check_keys
    targets = _targets(run.instance, key.asset_key, run.partition_keys)
    of_all = faults[faults["day"].isna()]
    of_days = dict(list(faults.groupby("day")))
    without_own = outcome_of(of_all, rule, {})  # that of most days, so made once
    for name, day in zip(run.partition_keys, to_days(run.partition_keys), strict=True):
        outcome = without_own
        if day in of_days:
            outcome = outcome_of(pd.concat([of_all, of_days[day]]), rule, {})
        evaluation: Any = dg.AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            severity=severity,
            partition=name,
            target_materialization_data=targets.get(name),
            **outcome,
        )
        run.log_event(evaluation)  # accepts an evaluation, though its types deny it (1.13)


def _targets(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, days: Sequence[str]
) -> dict[str, TargetMaterialization]:
    """The latest materialization of each day.

    Dagster shows a check's result only if it targets the latest one.
    """
    latest = instance.get_latest_storage_id_by_partition(
        asset_key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(days)
    )
    materializations = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key, storage_ids=sorted(latest.values())),
        # Dagster takes a limit of 0 for none, and no ids for no filter: it would read them all.
        limit=max(1, len(latest)),
    )
    return {
        str(record.partition_key): TargetMaterialization(
            run_id=record.run_id, storage_id=record.storage_id, timestamp=record.timestamp
        )
        for record in materializations.records
    }
