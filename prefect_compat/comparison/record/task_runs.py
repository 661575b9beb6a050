"""Reads task runs and their states from Prefect's API."""

import time
from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.client.schemas.sorting import FlowRunSort

from prefect_compat.errors import ComparisonError

# Prefect's client finds a broken connection, and sends its events again, within 30 s.
PATIENCE_S = 75.0
# So long no further task run must come, of those that are not known to this process.
SETTLE_S = 0.3


def read_task_runs(state: State[Any], expected: Collection[UUID] = ()) -> tuple[TaskRun, ...]:
    """The task runs of the flow run that ended in this state, and of its subflows.

    They reach the API some time after they have ended: waits until those that are `expected` are
    there, until each has its last state, and until no other comes for SETTLE_S. Raises
    ComparisonError if one has no last state after PATIENCE_S.
    """
    flow_run_id = state.state_details.flow_run_id
    assert flow_run_id is not None  # a state of a flow run always has its id
    deadline = time.monotonic() + PATIENCE_S
    before: set[UUID] = set()
    with get_client(sync_client=True) as client:
        while True:
            ids = [flow_run_id, *(run.id for run in subflows(client, flow_run_id))]
            # By id: a run that comes between two pages of the API shifts another onto both.
            runs = {run.id: run for run_id in ids for run in task_runs_of(client, run_id)}
            missing = missing_task_runs((tuple(runs.values()),), expected)
            if (not missing and {*runs} == before) or time.monotonic() > deadline:
                break
            before = {*runs}
            time.sleep(0.1 if missing else SETTLE_S)
    if missing:
        raise ComparisonError(
            f"Prefect's API shows no final state of {', '.join(missing)} {PATIENCE_S:.0f} s after"
            " the flow run ended. Look at the server's log."
        )
    # A subflow has a task run in the flow that calls it.
    return tuple(run for run in runs.values() if not _stands_for_subflow(run))


def subflows(client: SyncPrefectClient, flow_run_id: UUID) -> list[FlowRun]:
    """The subflows of a flow run, in the order of their starts."""
    parent = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run_id]))
    runs: list[FlowRun] = []
    while page := client.read_flow_runs(
        flow_run_filter=parent, sort=FlowRunSort.START_TIME_ASC, offset=len(runs)
    ):
        runs += page
    return runs


def task_runs_of(client: SyncPrefectClient, flow_run_id: UUID) -> Iterator[TaskRun]:
    """Yields all task runs of a flow run; the API gives 200 at a time."""
    where = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    offset = 0
    while page := client.read_task_runs(flow_run_filter=where, offset=offset):
        yield from page
        offset += len(page)


def _stands_for_subflow(run: TaskRun) -> bool:
    return run.state is not None and run.state.state_details.child_flow_run_id is not None


def missing_task_runs(
    recorded: tuple[tuple[TaskRun, ...], ...], expected: Collection[UUID]
) -> list[str]:
    """The task runs that the API does not show yet, or shows without their last state."""
    shown = {run.id: run for runs in recorded for run in runs}
    unfinished = [run.name for run in shown.values() if not _ended(run)]
    return sorted([*unfinished, *(str(run_id) for run_id in expected if run_id not in shown)])


def _ended(run: TaskRun) -> bool:
    """True if the run has its last state. A run that was never ready to start stays pending."""
    return run.state is not None and (run.state.is_final() or run.state_name == "NotReady")


def retry_waits_s(run: TaskRun) -> tuple[float, ...]:
    """The seconds that Prefect was to wait before each further attempt."""
    if run.run_count < 2:
        return ()
    with get_client(sync_client=True) as client:
        states = client.read_task_run_states(run.id)
    waits: list[float] = []
    is_waiting = False
    for state in states:
        due = state.state_details.scheduled_time
        if state.name == "AwaitingRetry" and due is not None:
            waits.append((due - state.timestamp).total_seconds())
        # Prefect sets AwaitingRetry only for a delay; without one it retries at once.
        elif state.name == "Retrying" and not is_waiting:
            waits.append(0.0)
        is_waiting = state.name == "AwaitingRetry"
    return tuple(waits)
