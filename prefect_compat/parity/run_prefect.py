"""Prefect's side of a comparison: the derived flow in one flow run, in this process.

python -m prefect_compat.parity.run_prefect '{"module": ..., "job": ..., ...}'
"""

import time
from typing import Any

import dagster as dg
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State

from prefect_compat.execution import Execution
from prefect_compat.flow import FlowResult, as_flow, read_run_config
from prefect_compat.parity.contents import read_contents
from prefect_compat.parity.record import Record, RecordedCheck
from prefect_compat.parity.side import SideTask, main
from prefect_compat.plan import read_plan, resolve_job
from prefect_compat.resources import open_resources

STATES = {"COMPLETED": "succeeded", "FAILED": "failed", "PENDING": "skipped"}


def run_prefect(task: SideTask) -> Record:
    """Runs the flow under Prefect and says what Prefect's API recorded."""
    defs = task.project.load()
    config = read_run_config(task.run_config) if task.run_config else {}
    flow = as_flow(defs, job=task.job, run_config=config)
    parameters: dict[str, Any] = {"partition": task.partition} if task.partition else {}
    started = time.perf_counter()
    state: State[FlowResult] = flow(**parameters, return_state=True)  # type: ignore[assignment]  # return_state
    wall_s = time.perf_counter() - started
    steps = _states(state)
    if not state.is_completed():
        return Record("prefect", steps, (), (), wall_s, state.message or str(state))
    result = state.result()
    succeeded = {name for name, found in steps if found == "succeeded"}
    made = [
        entry.output
        for step in result.steps
        if step.step in succeeded
        for entry in step.materializations
    ]
    job = resolve_job(defs, task.job)
    with (
        dg.DagsterInstance.ephemeral() as instance,
        open_resources(job, instance, config.get("resources", {})) as resources,
    ):
        execution = Execution(job, read_plan(job), None, resources, instance)
        outputs = read_contents(execution, made)
    checks = tuple(RecordedCheck(c.check, c.passed, c.severity) for c in result.checks)
    return Record("prefect", steps, outputs, checks, wall_s)


def _states(state: State[Any]) -> tuple[tuple[str, str], ...]:
    """The final state of each task run, as Prefect's API has it."""
    flow_run_id = state.state_details.flow_run_id
    assert flow_run_id is not None  # a state of a flow run always says of which
    with get_client(sync_client=True) as client:
        task_runs = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
        )
    return tuple(
        sorted(
            (run.name, STATES.get(run.state_type or "", str(run.state_type))) for run in task_runs
        )
    )


if __name__ == "__main__":
    main(run_prefect)
