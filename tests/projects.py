"""Our own definitions on a test's log and store, and functions that run their jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from tests import needs

if TYPE_CHECKING:
    from ticket_assets.settings import Settings

JOB = "ticket_model_evaluation"
REPORT_JOB = "ticket_performance_report"


def project(
    store: Path, event_log: str = "sample", cache: Path | None = None, **settings: Any
) -> dg.Definitions:
    tickets = needs.tickets()
    from tests.ticket_settings import SETTINGS  # the tickets may not be installed

    changed = replace(SETTINGS, event_log=event_log, store=store, cache=cache or SETTINGS.cache)
    changed = replace(changed, **settings)
    defs: dg.Definitions = tickets.build_definitions(changed)
    return defs


def small_project(folder: Path, rows: Sequence[Mapping[str, str]]) -> dg.Definitions:
    """The definitions on a log of these rows; log, cache and store are in the folder."""
    from tests.logs import write_log  # the tickets may not be installed

    log = write_log(folder / "log.csv", rows)
    return project(folder / "store", str(log), folder / "cache")


def partition_tags(partition: str) -> dict[str, str]:
    """The tags that Dagster's commands give a run of `A` or `A...B`."""
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


def run_and_notify(
    settings: "Settings", partition: str | None, instance: dg.DagsterInstance, job: str = JOB
) -> dg.SkipReason:
    """Runs the job, then the sensor for its outcome; returns the sensor's result."""
    defs = needs.tickets().build_definitions(settings)
    return notify(settings, run_dagster(defs, partition, instance, job=job), instance)


def notify(
    settings: "Settings", result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance
) -> dg.SkipReason:
    """Runs the sensor for the outcome of this run; returns its result."""
    defs = needs.tickets().build_definitions(settings)
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
    """The errors of the run's failed steps, with their causes."""
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
