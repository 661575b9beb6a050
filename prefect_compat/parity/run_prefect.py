"""Prefect's side of a comparison: the derived flow in one flow run, in this process.

python -m prefect_compat.parity.run_prefect '{"module": ..., "job": ..., ...}'
"""

import time
from collections.abc import Collection
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State, TaskRun

from prefect_compat.errors import ComparisonError
from prefect_compat.execution import run_instance
from prefect_compat.flow import FlowResult, as_flow
from prefect_compat.parameters import read_run_config
from prefect_compat.parity.contents import read_contents
from prefect_compat.parity.record import Record, RecordedCheck
from prefect_compat.parity.side import SideTask, main
from prefect_compat.partitions import run_keys
from prefect_compat.plan import read_plan, resolve_job
from prefect_compat.tasks import step_of

PATIENCE_S = 30.0
STATES = {"COMPLETED": "succeeded", "FAILED": "failed", "PENDING": "skipped"}


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
    task_runs = recorded_task_runs(state, [step.name for step in plan.steps])
    steps = tuple(
        sorted(
            (name, STATES.get(run.state_type or "", str(run.state_type)))
            for name, run in task_runs.items()
        )
    )
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
    with run_instance() as instance:
        outputs = read_contents(job, instance, config.get("resources", {}), made)
    checks = tuple(RecordedCheck(c.check, c.passed, c.severity) for c in result.checks)
    return Record("prefect", steps, outputs, checks, wall_s)


def recorded_task_runs(state: State[Any], steps: Collection[str]) -> dict[str, TaskRun]:
    """What Prefect's API recorded of each step. Waits until it has them all in their last state:
    task runs reach the API as events, some time after the flow run has ended.

    Raises ComparisonError if that takes longer than PATIENCE_S.
    """
    flow_run_id = state.state_details.flow_run_id
    assert flow_run_id is not None  # a state of a flow run always says of which
    flow_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    deadline = time.monotonic() + PATIENCE_S
    with get_client(sync_client=True) as client:
        while True:
            task_runs = client.read_task_runs(flow_run_filter=flow_run)
            # The name is the step's only once a run has started; its key begins with it always.
            found = {step_of(run.task_key): run for run in task_runs}
            lacking = [name for name in steps if not _has_ended(found.get(name))]
            if not lacking:
                return found
            if time.monotonic() > deadline:
                raise ComparisonError(
                    f"Prefect's API shows no final state of {', '.join(lacking)} {PATIENCE_S:.0f} s"
                    " after the flow run ended. Look at the server's log."
                )
            time.sleep(0.1)


def _has_ended(run: TaskRun | None) -> bool:
    """Also a run that was never ready to start, which stays pending."""
    return (
        run is not None
        and run.state is not None
        and (run.state.is_final() or run.state_name == "NotReady")
    )


if __name__ == "__main__":
    main(run_prefect)
