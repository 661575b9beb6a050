"""Our own definitions on a log and a store of a test's own, and how to run a job of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from tests import needs

if TYPE_CHECKING:
    from ticket_assets.settings import Settings

JOB = "ticket_model_evaluation"
REPORT_JOB = "ticket_performance_report"


def project(store: Path, event_log: str = "sample", cache: Path | None = None) -> dg.Definitions:
    tickets = needs.tickets()
    settings = tickets.SETTINGS
    changed = replace(settings, event_log=event_log, store=store, cache=cache or settings.cache)
    defs: dg.Definitions = tickets.build_definitions(changed)
    return defs


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


def told(found: "Settings", partition: str, instance: dg.DagsterInstance) -> dg.SkipReason:
    """Runs the job, then has the sensor for its outcome look at the run."""
    defs = needs.tickets().build_definitions(found)
    result = run_dagster(defs, partition, instance)
    name = "notice_of_success" if result.success else "notice_of_failure"
    sensor = next(sensor for sensor in defs.sensors or () if sensor.name == name)
    kind = dg.DagsterEventType.RUN_SUCCESS if result.success else dg.DagsterEventType.RUN_FAILURE
    (entry,) = instance.all_logs(result.run_id, of_type=kind)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    event = entry.get_dagster_event()
    context = dg.build_run_status_sensor_context(name, event, instance, run)
    skipped = sensor(context)
    assert isinstance(skipped, dg.SkipReason)
    return skipped


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
