"""What Prefect's API recorded of a flow run: task runs, their states, the assets they made."""

import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
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
from prefect.events import Event
from prefect.events.filters import (
    EventFilter,
    EventNameFilter,
    EventRelatedFilter,
)

from prefect_compat.errors import ComparisonError
from prefect_compat.flow.task import asset_of, step_of

PATIENCE_S = 30.0
MATERIALIZED = "prefect.asset.materialization.succeeded"
PAGE = 50


@dataclass(frozen=True)
class FlowRunRecord:
    """The task runs of a flow run, or of each of its subflows in their order, and how many
    partitions of each asset its materialization events tell."""

    task_runs: tuple[tuple[TaskRun, ...], ...]
    materialized: tuple[tuple[str, int], ...]

    @property
    def by_step(self) -> dict[str, TaskRun]:
        """The task run of each step; of several, the last."""
        return {step_of(run.task_key): run for runs in self.task_runs for run in runs}


def read_flow_run(
    state: State[Any], steps: Collection[str], materializations: int = 0
) -> FlowRunRecord:
    """What the API has of the flow run that ended in this state. Waits until it has the last
    state of each task run and all events: they reach the API some time after the run has ended.

    `steps` are those that ran; `materializations` is how many events they are known to have
    sent. Raises ComparisonError if a state is not there after PATIENCE_S.
    """
    flow_run_id = state.state_details.flow_run_id
    assert flow_run_id is not None  # a state of a flow run always says of which
    deadline = time.monotonic() + PATIENCE_S
    with get_client(sync_client=True) as client:
        flow_runs = _subflows(client, flow_run_id) or [client.read_flow_run(flow_run_id)]
        while True:
            task_runs = tuple(tuple(_task_runs(client, run.id)) for run in flow_runs)
            lacking = _lacking(task_runs, steps)
            if not lacking:
                break
            if time.monotonic() > deadline:
                raise ComparisonError(
                    f"Prefect's API shows no final state of {', '.join(lacking)} {PATIENCE_S:.0f} s"
                    " after the flow run ended. Look at the server's log."
                )
            time.sleep(0.1)
        made = _materialized(client, flow_runs, materializations, deadline)
    return FlowRunRecord(task_runs, tuple(sorted(made.items())))


def _subflows(client: SyncPrefectClient, flow_run_id: UUID) -> list[FlowRun]:
    parent = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run_id]))
    found: list[FlowRun] = []
    while page := client.read_flow_runs(
        flow_run_filter=parent, sort=FlowRunSort.START_TIME_ASC, offset=len(found)
    ):
        found += page
    return found


def _task_runs(client: SyncPrefectClient, flow_run_id: UUID) -> Iterator[TaskRun]:
    """All of them: the API gives 200 at a time."""
    where = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    offset = 0
    while page := client.read_task_runs(flow_run_filter=where, offset=offset):
        yield from page
        offset += len(page)


def _lacking(task_runs: tuple[tuple[TaskRun, ...], ...], steps: Collection[str]) -> list[str]:
    shown = {step_of(run.task_key) for runs in task_runs for run in runs}
    unfinished = {step_of(run.task_key) for runs in task_runs for run in runs if not _ended(run)}
    return sorted({*unfinished, *(name for name in steps if name not in shown)})


def _ended(run: TaskRun) -> bool:
    """Also a run that was never ready to start, which stays pending."""
    return run.state is not None and (run.state.is_final() or run.state_name == "NotReady")


def retry_waits_s(run: TaskRun) -> tuple[float, ...]:
    """How long Prefect was to wait before each further attempt, in seconds."""
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
        elif state.name == "Retrying" and not is_waiting:
            waits.append(0.0)
        is_waiting = state.name == "AwaitingRetry"
    return tuple(waits)


def _materialized(
    client: SyncPrefectClient, flow_runs: list[FlowRun], expected: int, deadline: float
) -> Counter[str]:
    """Of each asset, how many partitions the events of the flow runs tell. Waits for as many
    events as are expected, and leaves it to the comparison to see what never came."""
    while True:
        events = list(_events(client, flow_runs))
        if len(events) >= expected or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    counts: Counter[str] = Counter()
    for event in events:
        counts["/".join(asset_of(event.resource.id))] += int(event.payload.get("partitions", 0))
    return +counts


def _events(client: SyncPrefectClient, flow_runs: list[FlowRun]) -> Iterator[Event]:
    """The materialization events of the flow runs, each once."""
    ids = [f"prefect.flow-run.{run.id}" for run in flow_runs]
    for start in range(0, len(ids), PAGE):
        where = EventFilter(
            event=EventNameFilter(name=[MATERIALIZED]),
            related=EventRelatedFilter(id=ids[start : start + PAGE]),
        )
        page = client.read_events(where, limit=PAGE)
        while True:
            yield from page.events
            if page.next_page is None:
                break
            page = client.read_events_page(str(page.next_page))
