"""A Prefect flow that someone wrote, run once for each partition, in this process.

python -m prefect_compat.comparison.sources.foreign_flow '{"entrypoint": "flows.py:daily", ...}'
"""

import asyncio
import inspect
import json
import logging
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, TaskRun
from prefect.flows import load_flow_from_entrypoint
from pydantic import TypeAdapter

from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.fingerprint.fingerprint import fingerprint
from prefect_compat.comparison.fingerprint.parts import moved_modules
from prefect_compat.comparison.record.check_artifacts import KEY, merge_checks, read_checks
from prefect_compat.comparison.record.files import stored_files
from prefect_compat.comparison.record.record import (
    NO_CONTENT,
    NOT_STARTED,
    Aspect,
    Record,
    RecordedCheck,
    RecordedOutput,
    RecordedStep,
)
from prefect_compat.comparison.record.task_runs import read_task_runs
from prefect_compat.comparison.record.versions import versions
from prefect_compat.comparison.sources.candidate_results import results_of, write_results
from prefect_compat.comparison.sources.candidate_steps import (
    FlowRunOf,
    numbered_names,
    steps_of,
    task_name,
)
from prefect_compat.comparison.sources.matching import StepFacts, match_tasks
from prefect_compat.comparison.sources.meter import Meter
from prefect_compat.comparison.sources.prefect_server import RunningServer
from prefect_compat.comparison.sources.process_body import write_record
from prefect_compat.errors import ComparisonError
from prefect_compat.flow.prefect_port import (
    around_task_functions,
    every_result_stored,
    ordered_task_runs,
)
from prefect_compat.graph.ids import StepId
from prefect_compat.server.api import named_server, own_server

# Names of parameters that are taken for the partition, in this order.
PARTITION_NAMES = ("partition", "partition_key", "day", "date", "key", "run_date")


@dataclass(frozen=True)
class CandidateTask:
    """The flow by its entrypoint, and the partitions of each of Dagster's runs (one without any).

    `parameter` takes the partition key; `parameters` are passed beside it, as JSON text.
    `steps` are those of the job, `declared` matches of tasks. `reads_results` is False if the
    outputs are files that the flow writes; `knows_files` is True if their names are to be
    compared. `moved` has modules that took over another's classes. `project` is the folder of
    the flow's own project, if it has one.
    """

    entrypoint: str
    runs: tuple[tuple[str, ...], ...]
    parameter: str | None
    parameters: str
    steps: tuple[StepFacts, ...]
    declared: Mapping[str, str]
    reads_results: bool
    record: str
    home: str
    side: str
    fault: Fault | None = None
    project: str | None = None
    moved: Mapping[str, str] = field(default_factory=dict)
    knows_files: bool = False

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "CandidateTask":
        return _parser().validate_json(text)


@cache
def _parser() -> TypeAdapter[CandidateTask]:
    return TypeAdapter(CandidateTask)


def run_candidate(task: CandidateTask) -> Record:
    """Runs the flow on the server that is handed over, or on one of its own."""
    given = RunningServer.handed_over()
    with named_server(given.url) if given else own_server():
        return record_candidate(task)


def record_candidate(task: CandidateTask) -> Record:
    """Runs the flow for each partition and says what Prefect's API recorded.

    Raises ComparisonError if the entrypoint is no flow, or its parameters do not fit.
    """
    flow = load_flow(task.entrypoint, task.project, "--candidate")
    given = json.loads(task.parameters)
    parameter = partition_parameter(
        flow, given, task.parameter, is_partitioned=any(task.runs), option="--candidate-parameter"
    )
    meter = Meter()
    with get_client(sync_client=True) as client:
        client.api_healthcheck()  # the first request takes longer
        meter.is_ready()
        with _injected(task), every_result_stored() if task.reads_results else nullcontext():
            ended = [
                (run, key, *run_flow(flow, {**given, **_partition(parameter, key)}))
                for run, keys in enumerate(task.runs)
                for key in keys or (None,)
            ]
        cost = meter.has_run()
        runs = [
            FlowRunOf(
                run,
                key,
                state,
                task_runs := read_task_runs(state, expected),
                read_checks(state),
                numbered_names(task_runs, task.steps, task.declared),
            )
            for run, key, state, expected in ended
        ]
        return _record(task, runs, cost)


@contextmanager
def _injected(task: CandidateTask) -> Iterator[None]:
    """Puts the fault into the task that stands for its step.

    Raises ComparisonError if no run of such a task came by in this process.
    """
    fault = task.fault
    if fault is None:
        yield
        return
    reached: list[str] = []

    def faulty(run: TaskRun, call: Callable[[], Any]) -> Any:
        name = task_name(run)
        if match_tasks([name], task.steps, task.declared).steps.get(name) != fault.step:
            return call()
        reached.append(name)
        return fault.call(call, run.run_count)

    with around_task_functions(faulty):
        yield
    if not reached:
        raise ComparisonError(
            f"'{fault.step}' is to fail, and no task of {task.entrypoint} stood for it in the"
            f" process of the flow. Match one (--match TASK={fault.step}). Tasks in other processes"
            " cannot be reached."
        )


def load_flow(entrypoint: str, project: str | None, option: str) -> Flow[..., Any]:
    """The flow of an entrypoint; errors name the command's option that it was given by.

    `project` is the folder of the flow's own project. Raises ComparisonError if nothing can be
    loaded, or something that is no flow.
    """
    if project is not None:
        file, _, name = entrypoint.rpartition(":")
        entrypoint = f"{Path(file).absolute()}:{name}"
    try:
        # Prefect puts the working directory before all other import folders, for good.
        with chdir(project or "."):
            # Otherwise it would leave out failed imports, and run what is left of the flow.
            flow: Any = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    except Exception as error:  # whatever importing a user's own code raises
        reason = " ".join(str(error).split()) or type(error).__name__
        remedy = f"Name a file and the flow in it: {option} flows.py:daily."
        if isinstance(getattr(error, "user_exc", None), ImportError):
            remedy = "Put what it imports into its project, or install it for its interpreter."
        raise ComparisonError(
            f"{entrypoint} is no flow that can be loaded: {reason}. {remedy}"
        ) from error
    if not isinstance(flow, Flow):
        raise ComparisonError(
            f"{entrypoint} is {type(flow).__name__}, no flow. Name a function with `@flow`."
        )
    return flow


def partition_parameter(
    flow: Flow[..., Any],
    given: Collection[str],
    named: str | None,
    *,
    is_partitioned: bool,
    option: str,
) -> str | None:
    """The name of the parameter that takes the partition key; None without partitions.

    `given` are the parameters that are passed beside it, `named` the one that the command's
    `option` names. Raises ComparisonError if it is not clear, or a required one is missing.
    """
    parameters = inspect.signature(flow.fn).parameters
    known = ", ".join(parameters) or "none"
    if named is not None and named not in parameters:
        raise ComparisonError(f"The flow {flow.name} has no parameter '{named}'; it has {known}.")
    name = named
    required = [
        entry.name
        for entry in parameters.values()
        if entry.default is inspect.Parameter.empty and entry.name not in given
        if entry.kind not in (entry.VAR_POSITIONAL, entry.VAR_KEYWORD)
    ]
    if is_partitioned and name is None:
        name = next((entry for entry in PARTITION_NAMES if entry in parameters), None)
        name = name or (required[0] if len(required) == 1 else None)
        if name is None:
            raise ComparisonError(
                f"It is not clear which parameter of the flow {flow.name} takes the partition; it"
                f" has {known}. Name it: {option} NAME."
            )
    missing = [entry for entry in required if entry != name]
    if missing:
        raise ComparisonError(
            f"The flow {flow.name} requires {', '.join(missing)}. Pass"
            f" {option}s '{{\"{missing[0]}\": …}}'."
        )
    return name if is_partitioned else None


def _partition(parameter: str | None, key: str | None) -> dict[str, str]:
    return {parameter: key} if parameter and key else {}


def run_flow(
    flow: Flow[..., Any], parameters: Mapping[str, Any]
) -> tuple[State[Any], frozenset[UUID]]:
    """The state in which the flow run ended, and the task runs that this process has seen.

    The ids of the task runs sort as they were made.
    """
    with logged_task_runs() as task_runs, ordered_task_runs():
        found: Any = flow(**parameters, return_state=True)
        state = asyncio.run(_awaited(found)) if inspect.isawaitable(found) else found
    return state, frozenset(task_runs)


@contextmanager
def logged_task_runs() -> Iterator[set[UUID]]:
    """Yields the ids of the task runs that log something meanwhile: each logs how it ended."""
    seen: set[UUID] = set()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if run_id := getattr(record, "task_run_id", None):
                seen.add(UUID(str(run_id)))

    logger, handler = logging.getLogger("prefect.task_runs"), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield seen
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


async def _awaited(found: Any) -> Any:
    return await found


def _record(task: CandidateTask, runs: Sequence[FlowRunOf], cost: Any) -> Record:
    names = (flow_run.name_of(run) for flow_run in runs for run in flow_run.task_runs)
    matching = match_tasks(names, task.steps, task.declared)
    has_checks = any(run.checks is not None for run in runs)
    steps = tuple(steps_of(runs, matching))
    failed = next((run.state for run in runs if not run.state.is_completed()), None)
    home = Path(task.home)
    results = dict(results_of(home, task.steps, runs, matching)) if task.reads_results else {}
    with moved_modules(task.moved):
        outputs = tuple(
            RecordedOutput(output, fingerprint(result.value()) if result else NO_CONTENT)
            for output, result in results.items()
        )
    write_results(home, results)
    if failed is not None:  # the tasks after the failure have no task run
        seen = {(step.run, step.step.name) for step in steps}
        steps += tuple(
            RecordedStep(run, StepId(step.name), NOT_STARTED, attempts=0)
            for run in sorted({flow_run.run for flow_run in runs})
            for step in task.steps
            if (run, step.name) not in seen
        )
    return Record(
        side=task.side,
        steps=steps,
        outputs=outputs,
        checks=tuple(_checks(runs)),
        materialized=(),
        cost=cost,
        files=stored_files(home, ()) if task.knows_files else (),
        versions=versions(),
        error=None if failed is None else failed.message or str(failed),
        unknown=(
            *_unknown(task, has_failed=failed is not None, has_checks=has_checks),
            *((name, "declared to have no counterpart") for name in matching.left_out),
            *(
                (f"the module of {old}'s classes", f"declared to have moved to {new}")
                for new, old in task.moved.items()
            ),
        ),
    )


def _unknown(
    task: CandidateTask, *, has_failed: bool, has_checks: bool
) -> Iterator[tuple[str, str]]:
    flow = "a flow that does not come from the assets"
    for aspect in (
        Aspect.DATA_VERSIONS,
        Aspect.DESCRIPTIONS,
        Aspect.OBSERVATIONS,
        Aspect.DYNAMIC_PARTITIONS,
        Aspect.CATALOGUE,
    ):
        yield str(aspect), f"{flow} has none"
    if has_checks:
        yield str(Aspect.CHECK_METADATA), "the flow reports the results alone"
    else:
        yield str(Aspect.CHECKS), f"{flow} has none, and it reports none as artifacts '{KEY}…'"
    yield str(Aspect.EXCEPTIONS), "Prefect's API keeps no exceptions"
    if task.knows_files:
        yield str(Aspect.OTHER_FILES), f"{flow} sets the places of other files itself"
    else:
        yield str(Aspect.FILES), f"{flow} stores its outputs in its own way"
    yield str(Aspect.TYPES), f"{flow} does not use the project's IO managers"
    yield str(Aspect.NONE), "a task without a value to return returns None"
    if has_failed:
        yield str(Aspect.DEPENDENCIES), "the flow failed before all of its tasks were known"


def _checks(runs: Sequence[FlowRunOf]) -> Iterator[RecordedCheck]:
    for number in sorted({run.run for run in runs}):
        of_run = [run for run in runs if run.run == number]
        reported = (run.checks or () for run in of_run)
        yield from merge_checks(reported, is_range=len(of_run) > 1)


if __name__ == "__main__":
    given = CandidateTask.from_json(sys.argv[1])
    write_record(lambda: run_candidate(given), Path(given.record))
