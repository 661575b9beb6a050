"""Prefect's side of a comparison: the derived flow in one flow run, in this process.

python -m prefect_compat.parity.run_prefect '{"module": ..., "job": ..., ...}'
"""

import time
from collections.abc import Collection, Iterator
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import State, TaskRun

from prefect_compat.errors import ComparisonError, StepError
from prefect_compat.execution import run_instance
from prefect_compat.flow import FlowResult, as_flow
from prefect_compat.parameters import read_run_config
from prefect_compat.parity.contents import read_contents
from prefect_compat.parity.record import NOT_STARTED, Record, RecordedCheck, fixed_steps
from prefect_compat.parity.side import SideTask, main
from prefect_compat.partitions import run_keys
from prefect_compat.plan import read_plan, resolve_job
from prefect_compat.tasks import step_of

PATIENCE_S = 30.0
STATES = {"COMPLETED": "succeeded", "FAILED": "failed", "PENDING": NOT_STARTED}


def run_prefect(task: SideTask) -> Record:
    """Runs the flow under Prefect and says what Prefect's API recorded."""
    defs = task.project.load()
    config = read_run_config(task.run_config) if task.run_config else {}
    flow = as_flow(defs, job=task.job, run_config=config)
    job = resolve_job(defs, task.job)
    plan = read_plan(job)
    run_keys(job, task.partition)
    parameters: dict[str, Any] = {"partition": task.partition} if task.partition else {}
    started = time.perf_counter()
    state: State[FlowResult] = flow(**parameters, return_state=True)  # type: ignore[assignment]  # return_state
    wall_s = time.perf_counter() - started
    found = state.result(raise_on_failure=False)
    result = found.result if isinstance(found, StepError) else found
    if not isinstance(result, FlowResult):
        return Record("prefect", (), (), (), wall_s, state.message or str(found))
    ran = [step.step for step in result.steps]
    task_runs = recorded_task_runs(
        state, {*ran, *fixed_steps(plan)} if state.is_completed() else ran
    )
    states = {name: _state(run) for name, run in task_runs.items()}
    states = dict.fromkeys(fixed_steps(plan), NOT_STARTED) | states
    made = [entry.output for entry in result.materializations]
    with run_instance() as instance:
        outputs = read_contents(job, instance, config.get("resources", {}), made)
    checks = tuple(RecordedCheck(c.check, c.passed, c.severity) for c in result.checks)
    error = None if state.is_completed() else state.message or str(found)
    return Record("prefect", tuple(sorted(states.items())), outputs, checks, wall_s, error)


def _state(run: TaskRun) -> str:
    if run.state_name == "Skipped":
        return "skipped"
    return STATES.get(run.state_type or "", str(run.state_type))


def recorded_task_runs(state: State[Any], steps: Collection[str]) -> dict[str, TaskRun]:
    """What Prefect's API recorded of each step. Waits until it has them all in their last state:
    task runs reach the API as events, some time after the flow run has ended.

    Raises ComparisonError if that takes longer than PATIENCE_S.
    """
    flow_run_id = state.state_details.flow_run_id
    assert flow_run_id is not None  # a state of a flow run always says of which
    deadline = time.monotonic() + PATIENCE_S
    with get_client(sync_client=True) as client:
        parent = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run_id]))
        subflows = [run.id for run in client.read_flow_runs(flow_run_filter=parent)]
        # In subflows, one for each chunk of partitions; else in the flow run itself.
        where = FlowRunFilter(id=FlowRunFilterId(any_=subflows or [flow_run_id]))
        while True:
            found: dict[str, TaskRun] = {}
            for run in _task_runs(client, where):
                name = step_of(run.task_key)
                if name not in found or _has_ended(found[name]):
                    found[name] = run
            lacking = [name for name in steps if not _has_ended(found.get(name))]
            if not lacking:
                return found
            if time.monotonic() > deadline:
                raise ComparisonError(
                    f"Prefect's API shows no final state of {', '.join(lacking)} {PATIENCE_S:.0f} s"
                    " after the flow run ended. Look at the server's log."
                )
            time.sleep(0.1)


def _task_runs(client: SyncPrefectClient, where: FlowRunFilter) -> Iterator[TaskRun]:
    """All of them: the API gives 200 at a time."""
    offset = 0
    while page := client.read_task_runs(flow_run_filter=where, offset=offset):
        yield from page
        offset += len(page)


def _has_ended(run: TaskRun | None) -> bool:
    """Also a run that was never ready to start, which stays pending."""
    return (
        run is not None
        and run.state is not None
        and (run.state.is_final() or run.state_name == "NotReady")
    )


if __name__ == "__main__":
    main(run_prefect)
