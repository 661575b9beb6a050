"""Runs a Prefect flow in this process, and records each task run with its arguments.

python -m prefect_compat.skeleton.recording '{"entrypoint": "flows.py:daily", ...}'
"""

import json
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State

from prefect_compat.comparison.record.task_runs import read_task_runs, subflows
from prefect_compat.comparison.sources.candidate_steps import creation, task_name
from prefect_compat.comparison.sources.foreign_flow import (
    load_flow,
    partition_parameter,
    run_flow,
)
from prefect_compat.comparison.sources.prefect_server import RunningServer
from prefect_compat.comparison.sources.process_body import write_text_of
from prefect_compat.errors import SkeletonError
from prefect_compat.server.api import named_server, own_server
from prefect_compat.skeleton.facts import RecordedFlow
from prefect_compat.skeleton.run_reader import RunReader
from prefect_compat.skeleton.task_calls import TaskCalls

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class RecordingTask:
    """The flow by its entrypoint, and how it is called: `parameters` is JSON text, and `parameter`
    takes the `partition`. `project` is the folder of the flow's own project. The record is
    written to the file `record`."""

    entrypoint: str
    parameters: str
    partition: str | None
    parameter: str | None
    project: str | None
    record: str

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def record_flow(task: RecordingTask) -> RecordedFlow:
    """Runs the flow once and returns its record.

    Raises SkeletonError if the flow fails, has no tasks or calls other flows, and ComparisonError
    if it cannot be loaded or its parameters do not fit.
    """
    flow = load_flow(task.entrypoint, task.project, "--flow")
    given = json.loads(task.parameters)
    parameter = partition_parameter(
        flow,
        given,
        task.parameter,
        is_partitioned=task.partition is not None,
        option="--parameter",
    )
    if task.partition is not None and not DAY.fullmatch(task.partition):
        raise SkeletonError(f"--partition {task.partition}: expected a day, such as 2024-01-31.")
    if parameter is not None:
        given = {**given, parameter: task.partition}
    calls = TaskCalls()
    with get_client(sync_client=True) as client:
        client.api_healthcheck()
        with calls.recorded():
            state, seen = run_flow(flow, given)
        _validate_run(flow, state, calls)
        inner = {client.read_flow(run.flow_id).name for run in subflows(client, _id(state))}
        if inner:
            raise SkeletonError(
                f"The flow {flow.name} calls the flow {' and '.join(sorted(inner))}. Write a"
                " skeleton of each flow for itself, or call the tasks directly."
            )
        runs = sorted(read_task_runs(state, seen), key=creation)
    if not runs:
        raise SkeletonError(f"The flow {flow.name} has run no task, so there is nothing to write.")
    return RunReader(flow, calls, runs, parameter).read()


def _id(state: State[Any]) -> UUID:
    assert state.state_details.flow_run_id is not None  # a state of a flow run always has its id
    return state.state_details.flow_run_id


def _validate_run(flow: Flow[..., Any], state: State[Any], calls: TaskCalls) -> None:
    if state.is_completed():
        return
    failed = [
        f"the task {task_name(call.run)}: {type(call.error).__name__}: {call.error}"
        for call in calls.by_id.values()
        if call.error is not None
    ]
    reason = "; ".join(failed) or state.message or str(state)
    raise SkeletonError(
        f"The flow {flow.name} did not succeed, so not all of its tasks are known: {reason}."
        " Nothing was written."
    )


def _run(task: RecordingTask) -> str:
    given = RunningServer.handed_over()
    with named_server(given.url) if given else own_server():
        return record_flow(task).as_json()


if __name__ == "__main__":
    asked = RecordingTask(**json.loads(sys.argv[1]))
    write_text_of(lambda: _run(asked), Path(asked.record))
