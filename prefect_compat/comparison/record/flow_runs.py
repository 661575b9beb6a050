"""Reads a derived flow's run from Prefect's API: task runs and the assets that they made."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.events import Event
from prefect.events.filters import (
    EventFilter,
    EventNameFilter,
    EventRelatedFilter,
)

from prefect_compat.comparison.record.task_runs import (
    PATIENCE_S,
    missing_task_runs,
    subflows,
    task_runs_of,
)
from prefect_compat.errors import ComparisonError
from prefect_compat.flow.asset_uris import asset_path
from prefect_compat.flow.result import FlowResult
from prefect_compat.graph.ids import StepId

# So long a task run that never started is waited for; it may never have reached the API.
NEVER_STARTED_S = 10.0
MATERIALIZED = "prefect.asset.materialization.succeeded"
# The most events that Prefect's API returns at once; a higher limit is refused.
PAGE = 50


@dataclass(frozen=True)
class FlowRunRecord:
    """The task runs of a flow run, or of each of its subflows in their order.

    `steps` has the step of each task run by its id; `materialized` the number of partitions of
    each asset in the materialization events.
    """

    task_runs: tuple[tuple[TaskRun, ...], ...]
    steps: Mapping[UUID, StepId]
    materialized: tuple[tuple[str, int], ...]

    @property
    def by_step(self) -> dict[StepId, TaskRun]:
        """The task run of each step; of several, the last."""
        return {self.steps[run.id]: run for runs in self.task_runs for run in runs}


def read_flow_run(
    state: State[Any],
    result: FlowResult,
    materializations: int = 0,
    expected: Collection[UUID] | None = None,
) -> FlowRunRecord:
    """Reads from the API the flow run that ended in this state with this result.

    Waits until the API has the last state of each `expected` task run, by default of the steps
    that ran, and the events of `materializations`: they reach it some time after the run has
    ended. For a while it waits for task runs that never started. Raises ComparisonError if a state
    is not there after PATIENCE_S.
    """
    flow_run_id = state.state_details.flow_run_id
    assert flow_run_id is not None  # a state of a flow run always has its id
    if expected is None:
        ran = {step.step for step in result.steps}
        expected = [run_id for run_id, step in result.task_runs.items() if step in ran]
    deadline = time.monotonic() + PATIENCE_S
    with get_client(sync_client=True) as client:
        flow_runs = subflows(client, flow_run_id) or [client.read_flow_run(flow_run_id)]
        while True:
            task_runs = tuple(tuple(task_runs_of(client, run.id)) for run in flow_runs)
            missing = missing_task_runs(task_runs, expected)
            shown = {run.id for runs in task_runs for run in runs}
            is_late = time.monotonic() > deadline - PATIENCE_S + NEVER_STARTED_S
            if not missing and (is_late or shown >= {*result.task_runs}):
                break
            if time.monotonic() > deadline:
                raise ComparisonError(
                    f"Prefect's API shows no final state of {', '.join(missing)} {PATIENCE_S:.0f} s"
                    " after the flow run ended. Look at the server's log."
                )
            time.sleep(0.1)
        made = _materialized(client, flow_runs, materializations, deadline)
    return FlowRunRecord(task_runs, result.task_runs, tuple(sorted(made.items())))


def _materialized(
    client: SyncPrefectClient, flow_runs: list[FlowRun], expected: int, deadline: float
) -> Counter[str]:
    """Counts the partitions of each asset in the events of the flow runs.

    Waits for as many events as are expected. The comparison reports those that never came.
    """
    while True:
        events = list(_events(client, flow_runs))
        if len(events) >= expected or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    counts: Counter[str] = Counter()
    for event in events:
        # Our own tasks put `partitions` into the event (`_summary` in flow/task.py).
        counts["/".join(asset_path(event.resource.id))] += int(event.payload.get("partitions", 0))
    # The plus drops assets without partitions: Dagster's side has no such entries either.
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
