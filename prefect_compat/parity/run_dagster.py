"""Dagster's side of a comparison: the job in one Dagster run, in this process.

python -m prefect_compat.parity.run_dagster '{"module": ..., "job": ..., ...}'
"""

import time
from collections.abc import Sequence
from typing import Any

import dagster as dg

from prefect_compat.parameters import read_run_config, run_config_of
from prefect_compat.parity.contents import read_contents
from prefect_compat.parity.record import NOT_STARTED, Record, RecordedCheck, fixed_steps
from prefect_compat.parity.side import SideTask, main
from prefect_compat.partitions import chunks, run_keys, run_tags
from prefect_compat.plan import CheckId, OutputId, read_plan, resolve_job

STATES = {
    dg.DagsterEventType.STEP_SUCCESS: "succeeded",
    dg.DagsterEventType.STEP_FAILURE: "failed",
    dg.DagsterEventType.STEP_SKIPPED: "skipped",
}


def run_dagster(task: SideTask) -> Record:
    """Runs the job under Dagster and says what Dagster's event log recorded."""
    job = resolve_job(task.project.load(), task.job)
    config = read_run_config(task.run_config) if task.run_config else {}
    plan = read_plan(job)
    with dg.DagsterInstance.get() as instance:
        keys = run_keys(job, task.partition, instance)
        started = time.perf_counter()
        # A run for each chunk of partitions, as Dagster's backfill starts them.
        runs = list(chunks(keys, plan.partitions_per_run)) if keys else [None]
        run_ids = [_run(job, instance, chunk, config) for chunk in runs]
        wall_s = time.perf_counter() - started
        events = [
            entry.dagster_event
            for run_id in run_ids
            for entry in instance.all_logs(run_id)
            if entry.dagster_event is not None
        ]
        outputs = read_contents(job, instance, config.get("resources", {}), _outputs(events))
    states = dict.fromkeys(fixed_steps(plan), NOT_STARTED) | _states(events)
    steps = tuple(sorted(states.items()))
    return Record("dagster", steps, outputs, _checks(events), wall_s, _error(events))


def _run(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    keys: tuple[str, ...] | None,
    config: dict[str, Any],
) -> str:
    """The id of a run in this process, with the job's own IO manager: Dagster would put one in
    memory in the place of its default."""
    result = job.execute_in_process(
        run_config=run_config_of(job, config, {}, keys),
        instance=instance,
        tags=run_tags(job, keys, None, instance),
        resources={
            key: job.resource_defs[key] for key in ("io_manager",) if key in job.resource_defs
        },
        raise_on_error=False,
    )
    return result.run_id


def _outputs(events: Sequence[dg.DagsterEvent]) -> list[OutputId]:
    return [
        OutputId(tuple(event.asset_key.path), event.partition)
        for event in events
        if event.is_step_materialization and event.asset_key is not None
    ]


def _states(events: Sequence[dg.DagsterEvent]) -> dict[str, str]:
    """The last state of each step."""
    return {
        event.step_key: STATES[event.event_type]
        for event in events
        if event.event_type in STATES and event.step_key is not None
    }


def _checks(events: Sequence[dg.DagsterEvent]) -> tuple[RecordedCheck, ...]:
    evaluations = [
        event.asset_check_evaluation_data
        for event in events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    return tuple(
        RecordedCheck(
            CheckId(tuple(found.asset_key.path), found.check_name),
            found.passed,
            found.severity.value,
        )
        for found in evaluations
    )


def _error(events: Sequence[dg.DagsterEvent]) -> str | None:
    failures = [event for event in events if event.is_failure]
    return str(failures[0].message) if failures else None


if __name__ == "__main__":
    main(run_dagster)
