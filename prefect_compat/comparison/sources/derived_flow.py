"""Prefect's side of a comparison: the derived flow in one flow run, in this process.

python -m prefect_compat.comparison.sources.derived_flow '{"module": ..., "job": ..., ...}'
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import replace
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, TaskRun

from prefect_compat.comparison.record.contents import read_contents
from prefect_compat.comparison.record.dynamic_partitions import DynamicPartitions
from prefect_compat.comparison.record.events import EventReader, declared_assets
from prefect_compat.comparison.record.files import stored_files
from prefect_compat.comparison.record.flow_runs import FlowRunRecord, read_flow_run
from prefect_compat.comparison.record.record import NOT_STARTED, Record, RecordedStep
from prefect_compat.comparison.record.stopwatch import Stopwatch
from prefect_compat.comparison.record.task_runs import retry_waits_s
from prefect_compat.comparison.record.versions import versions
from prefect_compat.comparison.sources.meter import Meter
from prefect_compat.comparison.sources.prefect_server import RunningServer
from prefect_compat.comparison.sources.side import (
    SideTask,
    StepCounter,
    add_dynamic_partitions,
    main,
    with_warm_run,
)
from prefect_compat.engine.dagster_port.run_config import merged_config
from prefect_compat.engine.dagster_port.workspace import Loadable
from prefect_compat.engine.result import StepResult
from prefect_compat.engine.run import run_instance
from prefect_compat.errors import StepError
from prefect_compat.flow.build import build_flow
from prefect_compat.flow.result import FlowResult
from prefect_compat.graph.ids import StepId
from prefect_compat.graph.job import read_plan
from prefect_compat.graph.job_source import JobSource
from prefect_compat.graph.partitions import chunks, run_keys
from prefect_compat.graph.plan import Plan
from prefect_compat.server.api import named_server, own_server

STATES = {"COMPLETED": "succeeded", "FAILED": "failed", "PENDING": NOT_STARTED}


def run_prefect(task: SideTask) -> Record:
    """Runs the flow under Prefect and says what Prefect's API recorded."""
    repository = task.project.load()
    meter = Meter()
    given = RunningServer.handed_over()
    with ExitStack() as opened:
        opened.enter_context(named_server(given.url) if given else own_server())
        instance = None
        if task.dynamic_partitions:  # only an instance knows the keys
            instance = opened.enter_context(dg.DagsterInstance.get())
            add_dynamic_partitions(instance, task.dynamic_partitions)
        return record_prefect(repository, task, meter, instance)


def record_prefect(
    defs: Loadable,
    task: SideTask,
    meter: Meter,
    reported: dg.DagsterInstance | None = None,
) -> Record:
    """Runs the flow of the definitions against the API that is configured.

    `reported` is an instance that the run reports to.
    """
    config, placed = json.loads(task.run_config), json.loads(task.resources)
    source = JobSource(defs, task.choice, reported)
    # One task at a time, as on Dagster's side, where the whole run is in one process.
    flow = build_flow(
        source,
        run_config=config,
        tags=dict(task.tags),
        task_runner="sequential",
        resource_config=placed,
    )
    returned = keep_results(flow)
    job = source.job
    plan = read_plan(job)
    # For its PartitionError alone: raised inside the flow run, it would count as a failed run.
    keys = run_keys(job, task.partition, reported)
    runs = list(chunks(keys, plan.partitions_per_run)) if keys else [None]
    parameters: dict[str, Any] = {"partition": task.partition} if task.partition else {}

    def run() -> State[FlowResult]:
        return flow(**parameters, return_state=True)  # type: ignore[no-any-return]  # return_state

    with get_client(sync_client=True) as client:
        client.api_healthcheck()  # the first request takes longer
    counter = StepCounter(Path(task.home), total=len(plan.steps) * len(runs))
    with (
        Stopwatch().running() as stopwatch,
        DynamicPartitions().recorded() as dynamic,
        counter.running(),
    ):
        meter.is_ready()
        state = run()
        cost = meter.has_run()
        changes = dynamic.changes()
    # A subflow's comes before that of the flow itself.
    outcome = returned[-1] if returned else None
    error = None if state.is_completed() else state.message or str(outcome)
    result = outcome.result if isinstance(outcome, StepError) else outcome
    if not isinstance(result, FlowResult):
        return Record("prefect", (), (), (), (), cost, versions(), error or str(outcome))
    recorded = read_flow_run(
        state, result, materializations=_expected_events(result, declared_assets(plan))
    )
    # Subflows run one after another, so these are in the order of `recorded.task_runs`.
    run_ids = list(dict.fromkeys(step.run_id for step in result.steps))
    by_run = [
        [event for step in result.steps if step.run_id == run_id for event in _events(step)]
        for run_id in run_ids
    ]
    events = list(chain.from_iterable(by_run))
    reader = EventReader(plan, [task.home, *run_ids], task.ignored_metadata)
    resources = merged_config(config, placed).get("resources", {})
    with run_instance() as instance:
        outputs = read_contents(job, instance, resources, reader.outputs(by_run), run_ids)
    record = Record(
        side="prefect",
        steps=_measured_steps(_steps(recorded, plan), result, run_ids, stopwatch, reader),
        outputs=outputs,
        checks=reader.checks(events),
        materialized=recorded.materialized,
        cost=cost,
        versions=versions(),
        error=error,
        observations=reader.observations(events),
        dynamic_partitions=changes,
        files=stored_files(Path(task.home), run_ids),
        run_ids=tuple(run_ids),
    )
    # Last: it would overwrite what the recorded run has stored.
    return replace(record, cost=with_warm_run(cost, task, run))


def _measured_steps(
    steps: Iterable[RecordedStep],
    result: FlowResult,
    run_ids: Sequence[str],
    stopwatch: Stopwatch,
    reader: EventReader,
) -> tuple[RecordedStep, ...]:
    """The steps with what this process knows of them: their own time and their errors."""
    own = {
        (run_ids.index(step.run_id), step.step): {
            **stopwatch.times_of(step.run_id, step.step),
            "errors": reader.errors(_events(step)),
        }
        for step in result.steps
    }
    return tuple(replace(step, **own.get((step.run, step.step), {})) for step in steps)


def keep_results(flow: Flow[..., FlowResult]) -> list[FlowResult | BaseException]:
    """Makes the flow's function append what it returns or raises to the list.

    The state of the flow run may come from the API, if that was slow to take the last one: it
    then has no result (`MissingResult`, seen on a busy machine with Prefect 3.8.8).
    """
    returned: list[FlowResult | BaseException] = []
    function = flow.fn

    @wraps(function)
    def keeping(**parameters: Any) -> FlowResult:
        try:
            result = function(**parameters)
        except BaseException as error:
            returned.append(error)
            raise
        returned.append(result)
        return result

    flow.fn = keeping
    return returned


def _expected_events(
    result: FlowResult, declared: Mapping[str, AbstractSet[tuple[str, ...]]]
) -> int:
    """Counts the materialization events that Prefect sends: one an asset that a step declares."""
    return sum(
        len(declared[step.step.name] & {made.output.asset_key for made in step.materializations})
        for step in result.steps
        if step.has_succeeded
    )


def _events(step: StepResult) -> tuple[dg.DagsterEvent, ...]:
    return (*step.earlier, *step.events)


def _steps(recorded: FlowRunRecord, plan: Plan) -> Iterator[RecordedStep]:
    steps = recorded.steps
    for number, runs in enumerate(recorded.task_runs):
        for run in sorted(runs, key=lambda run: str(steps[run.id])):
            yield _step(number, run, steps)
        yield from _unsubmitted(number, plan, {steps[run.id].name for run in runs})


def _unsubmitted(number: int, plan: Plan, submitted: AbstractSet[str]) -> Iterator[RecordedStep]:
    """Yields steps that wait for dynamic outputs that never came: they have no task run."""
    for step in plan.steps:
        if step.kind == "mapped" or step.name in submitted:
            continue
        upstream = sorted({edge.upstream for edge in plan.upstream_of(step.name)})
        if any(plan.step(name).kind == "mapped" for name in upstream):
            above = tuple(StepId(name) for name in upstream)
            yield RecordedStep(number, StepId(step.name), NOT_STARTED, above, attempts=0)


def _step(number: int, run: TaskRun, steps: Mapping[UUID, StepId]) -> RecordedStep:
    upstream = {
        steps[entry.id]
        for inputs in run.task_inputs.values()
        for entry in inputs
        if entry.input_type == "task_run" and entry.id in steps
    }
    return RecordedStep(
        run=number,
        step=steps[run.id],
        state=_state(run),
        upstream=tuple(sorted(upstream, key=str)),
        attempts=run.run_count,
        waits_s=retry_waits_s(run),
        started_s=run.start_time.timestamp() if run.start_time else None,
        ended_s=run.end_time.timestamp() if run.end_time else None,
    )


def _state(run: TaskRun) -> str:
    # Our tasks give this name to a COMPLETED state if an input was not yielded.
    if run.state_name == "Skipped":
        return "skipped"
    return STATES.get(run.state_type or "", str(run.state_type))


if __name__ == "__main__":
    main(run_prefect)
