"""Our own definitions on a log and a store of a test's own, and how to run a job of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from ticket_assets.definitions import SETTINGS, build_definitions

JOB = "ticket_model_evaluation"
REPORT_JOB = "ticket_performance_report"


def project(store: Path, event_log: str = "sample", cache: Path | None = None) -> dg.Definitions:
    return build_definitions(
        replace(SETTINGS, event_log=event_log, store=store, cache=cache or SETTINGS.cache)
    )


def partition_tags(partition: str) -> dict[str, str]:
    """What Dagster's commands tag a run of `A` or `A...B` with."""
    first, _, last = partition.partition("...")
    if not last:
        return {"dagster/partition": first}
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def run_dagster(
    defs: dg.Definitions,
    partition: str | None,
    instance: dg.DagsterInstance,
    ops: Mapping[str, Any] | None = None,
    job: str = JOB,
) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        run_config={"ops": {name: {"config": config} for name, config in (ops or {}).items()}},
        tags=partition_tags(partition) if partition else {},
        instance=instance,
        raise_on_error=False,
    )


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What the run's failed steps said, the causes with it."""
    texts = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None:
                texts.append(error.message)
                error = error.cause
            user_data = event.step_failure_data.user_failure_data
            texts.append(user_data.description or "" if user_data else "")
    return "\n".join(texts)


def files(store: Path) -> dict[str, bytes]:
    """Every product in the store by its path below it."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.suffix in (".parquet", ".json")
    }
