"""Dagster's side of a comparison: the job in one Dagster run, in this process.

python -m prefect_compat.parity.run_dagster '{"module": ..., "job": ..., ...}'
"""

import time
from collections.abc import Sequence

import dagster as dg

from prefect_compat.parameters import read_run_config
from prefect_compat.parity.contents import read_contents
from prefect_compat.parity.record import Record, RecordedCheck
from prefect_compat.parity.side import SideTask, main
from prefect_compat.partitions import run_keys, run_tags
from prefect_compat.plan import CheckId, OutputId, resolve_job

STATES = {
    dg.DagsterEventType.STEP_SUCCESS: "succeeded",
    dg.DagsterEventType.STEP_FAILURE: "failed",
    dg.DagsterEventType.STEP_SKIPPED: "skipped",
}


def run_dagster(task: SideTask) -> Record:
    """Runs the job under Dagster and says what Dagster's event log recorded."""
    job = resolve_job(task.project.load(), task.job)
    config = read_run_config(task.run_config) if task.run_config else {}
    keys = run_keys(job, task.partition)
    with dg.DagsterInstance.get() as instance:
        tags = run_tags(job, keys, None, instance)
        started = time.perf_counter()
        result = job.execute_in_process(
            run_config=config, instance=instance, tags=tags, raise_on_error=False
        )
        wall_s = time.perf_counter() - started
        events = [
            entry.dagster_event
            for entry in instance.all_logs(result.run_id)
            if entry.dagster_event is not None
        ]
        outputs = read_contents(job, instance, config.get("resources", {}), _outputs(events))
    return Record("dagster", _states(events), outputs, _checks(events), wall_s, _error(events))


def _outputs(events: Sequence[dg.DagsterEvent]) -> list[OutputId]:
    return [
        OutputId(tuple(event.asset_key.path), event.partition)
        for event in events
        if event.is_step_materialization and event.asset_key is not None
    ]


def _states(events: Sequence[dg.DagsterEvent]) -> tuple[tuple[str, str], ...]:
    """The last state of each step."""
    states = {
        event.step_key: STATES[event.event_type]
        for event in events
        if event.event_type in STATES and event.step_key is not None
    }
    return tuple(sorted(states.items()))


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
