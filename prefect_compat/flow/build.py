"""A Dagster job as a native Prefect flow: one task a step, ordered and recorded by Prefect."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from contextvars import copy_context
from functools import cached_property
from threading import Thread
from typing import Any

import dagster as dg
import prefect
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal
from prefect.futures import PrefectFuture, PrefectWrappedFuture
from prefect.states import Crashed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from prefect_compat.engine.run import Execution, RunRequest, open_execution, run_instance
from prefect_compat.engine.step import CheckEvaluation, Materialization, StepResult
from prefect_compat.errors import DefinitionError, StepError
from prefect_compat.flow.parameters import (
    PARTITION,
    demand_valid,
    docstring,
    flow_parameters,
    run_config_of,
    set_signature,
)
from prefect_compat.flow.run_handle import ExecutionHandle
from prefect_compat.flow.task import DYNAMIC, TaskOptions
from prefect_compat.flow.wiring import WiredStep, Wiring
from prefect_compat.graph.features import demand_carried_over
from prefect_compat.graph.job_source import JobSource
from prefect_compat.graph.partitions import RANGE, chunks, run_keys, run_tags
from prefect_compat.graph.plan import Edge, Plan, Step, read_edges, read_plan
from prefect_compat.server.api import prefect_api
from prefect_compat.signals import end_soon


class FlowResult:
    """What each step of a flow run did, in the plan's order.

    Not a dataclass, because Prefect would search every field of one for futures.
    """

    def __init__(self, steps: tuple[StepResult, ...]) -> None:
        self.steps = steps

    @property
    def materializations(self) -> tuple[Materialization, ...]:
        return tuple(made for step in self.steps for made in step.materializations)

    @property
    def checks(self) -> tuple[CheckEvaluation, ...]:
        return tuple(check for step in self.steps for check in step.checks)


def as_flow(
    defs: dg.Definitions,
    *,
    job: str | None = None,
    selection: Any = None,
    run_config: Mapping[str, Any] | dg.RunConfig | None = None,
    tags: Mapping[str, str] | None = None,
    task_runner: TaskRunner[Any] | None = None,
    report_to: dg.DagsterInstance | None = None,
    caches_results: bool = False,
    makes_artifacts: bool = False,
) -> prefect.Flow[..., FlowResult]:
    """The job, or the assets of a selection (Dagster's selection syntax), as a flow with a
    parameter `partition` (a key, `A...B`, or `*` for all) where it is partitioned and one
    parameter for each configurable op, named after it.

    `run_config` is what `dagster job execute -c` takes: its `ops` become the defaults of the
    parameters. The task runner is Prefect's thread pool unless another is given. With `report_to`,
    the run and its events are recorded in that Dagster instance, which also answers for dynamic
    partitions. The flow returns what each step did; it fails with StepError where a step failed.

    With `caches_results`, a step is not run again while its code version, configuration,
    partitions, resources' configuration and upstream data versions are those of an earlier run.
    With `makes_artifacts`, numbers, markdown, images, tables, JSON and addresses in the metadata
    become Prefect artifacts.

    A range over assets whose backfill policy is not `single_run` is run as Dagster's backfill
    would: one subflow for each chunk of partitions, in order.

    Raises DefinitionError for what cannot be carried over, ConfigError for a run config that
    Dagster would refuse.
    """
    source = JobSource(defs, job, selection, report_to)
    job_def = source.job
    demand_carried_over(job_def)
    in_threads = task_runner is None or isinstance(task_runner, ThreadPoolTaskRunner)
    build = _Build(source, TaskOptions(caches_results, makes_artifacts, not in_threads))
    plan, _ = build.plan, build.wiring
    if not plan.steps:
        raise DefinitionError(f"'{plan.name}' has nothing to run: it selects no executable asset.")
    base = run_config.to_config_dict() if isinstance(run_config, dg.RunConfig) else run_config or {}
    if base:
        demand_valid(job_def, base)

    # What it holds can be pickled, so that the flow can be sent to other processes.
    def run(**parameters: Any) -> FlowResult:
        keys = run_keys(source.job, parameters.pop(PARTITION, None), source.instance)
        limit = build.plan.partitions_per_run
        if keys is not None and limit is not None and len(keys) > limit:
            return _run_chunks(keys, limit, parameters)
        with nullcontext(source.instance) if source.instance else run_instance() as instance:
            request = RunRequest(
                job=source.job,
                run_config=run_config_of(source.job, base, parameters, keys),
                tags=run_tags(source.job, keys, tags, instance),
                repository=source.repository,
                reports=source.instance is not None,
            )
            with open_execution(request, instance) as execution:
                return run_graph(execution, build.wiring, source)

    run.__name__ = run.__qualname__ = plan.name
    run.__doc__ = docstring(source, plan)
    set_signature(run, flow_parameters(source, plan, base))
    return DerivedFlow(
        run,
        name=plan.name.replace("_", "-"),
        description=job_def.description,
        flow_run_name=f"{plan.name} {{{PARTITION}}}" if plan.is_partitioned else plan.name,
        task_runner=task_runner,
    )


class DerivedFlow(prefect.Flow[..., FlowResult]):
    """A Prefect flow that is called with our temporary server where no server is named."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        with prefect_api():
            return super().__call__(*arguments, **named)

    def with_options(self, **options: Any) -> "DerivedFlow":
        # Prefect makes a flow of its own class of it.
        flow = super().with_options(**options)
        flow.__class__ = DerivedFlow
        return flow  # type: ignore[return-value]  # it has just become one


class _Build:
    """What is worked out once for all runs of a flow. Pickled, as it is with every task of a
    process pool or of Dask, it is only what that is worked out from."""

    def __init__(self, source: JobSource, options: TaskOptions) -> None:
        self._source = source
        self._options = options

    @cached_property
    def plan(self) -> Plan:
        return read_plan(self._source.job)

    @cached_property
    def wiring(self) -> Wiring:
        return Wiring(self.plan, self._source.job, self._options)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Build, (self._source, self._options)


def _run_chunks(keys: tuple[str, ...], limit: int, parameters: Mapping[str, Any]) -> FlowResult:
    """A subflow for each chunk, as Dagster's backfill starts a run for each. One that fails leaves
    the others running."""
    context = FlowRunContext.get()
    assert context is not None  # in the flow's own run
    flow: Any = context.flow
    steps: list[StepResult] = []
    errors: list[StepError] = []
    for chunk in chunks(keys, limit):
        text = chunk[0] if len(chunk) == 1 else f"{chunk[0]}{RANGE}{chunk[-1]}"
        try:
            result = flow(**{PARTITION: text}, **parameters)
        except StepError as error:
            errors.append(error)
            result = error.result
        steps += result.steps
    if errors:
        of_all = StepError("\n".join(map(str, errors)))
        of_all.result = FlowResult(tuple(steps))
        raise of_all from errors[0]
    return FlowResult(tuple(steps))


def run_graph(execution: Execution, wiring: Wiring, source: JobSource | None) -> FlowResult:
    """Submits every step, waits for all, and fails if one did. To be called in a flow run.

    Steps that do not depend on the failed one run on; those that do never start.
    """
    with _crash_recorded(), _submission(execution, wiring, source) as submission:
        submission.submit_all()
        futures = submission.futures
        for future in futures.values():
            future.wait()
    lost = _lost(futures, submission.upstream)
    not_started = [
        name for name, future in futures.items() if name not in lost and not future.state.is_final()
    ]
    not_started += submission.unresolved
    failed = [name for name, future in futures.items() if name in lost or _has_failed(future)]
    if failed:
        cause: Any = lost.get(failed[0])
        if cause is None:
            cause = futures[failed[0]].state.result(raise_on_failure=False)
        reason = getattr(cause, "description", None) or cause
        unstarted = f"\nNot started, because they depend on it: {', '.join(not_started)}."
        error = StepError(
            f"{', '.join(failed)} failed: {reason}" + (unstarted if not_started else "")
        )
        error.result = _result(execution, futures)
        raise error from (cause if isinstance(cause, BaseException) else None)
    return _result(execution, futures)


@contextmanager
def _crash_recorded() -> Iterator[None]:
    """Records the flow run as crashed as soon as it is interrupted.

    Prefect does so too, but only once the steps that are running have ended: threads cannot be
    interrupted. Where the process ends before, the run would stay Running. One that is being
    cancelled is left to Prefect.
    """
    try:
        yield
    except (KeyboardInterrupt, TerminationSignal) as interruption:
        # In a thread, which a second signal does not interrupt.
        reason = f"Interrupted: {type(interruption).__name__}."
        recording = Thread(target=copy_context().run, args=(_record_crash, reason))
        recording.start()
        recording.join()
        raise


def _record_crash(reason: str) -> None:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run_id = context.flow_run.id
    with suppress(Exception), get_client(sync_client=True) as client:
        state = client.read_flow_run(run_id).state
        if state is not None and state.is_running():
            crashed: State[Any] = Crashed(message=reason)
            client.set_flow_run_state(run_id, crashed, force=True)
            end_soon()


def _result(execution: Execution, futures: Mapping[str, PrefectFuture[StepResult]]) -> FlowResult:
    """What the steps did that ran; of a failed one, what this process saw of it."""
    steps = []
    for name, future in futures.items():
        if future.state.is_completed():
            # What ran elsewhere, or was cached, only Prefect knows; it takes an event loop to ask.
            steps.append(execution.results.get(name) or future.result())
        elif future.state.is_final():
            steps.append(StepResult(name, execution.run.run_id, execution.events_of(name)))
    return FlowResult(tuple(steps))


def _lost(
    futures: Mapping[str, PrefectFuture[Any]], upstream: Mapping[str, Collection[str]]
) -> dict[str, StepError]:
    """The steps whose worker went away with them, and with what Dask or the pool says of it.

    Prefect does not: to it such a task run is running for ever, and its future is not failed. Here
    its state becomes Crashed. What was to come after it is not lost but not started.
    """
    errors = {name: _error_of_worker(future) for name, future in futures.items()}
    lost: dict[str, StepError] = {}
    for name, error in errors.items():
        if error is None or any(errors[before] for before in upstream[name]):
            continue
        message = f"its worker was lost: {type(error).__name__}: {error}"
        lost[name] = StepError(message)
        lost[name].__cause__ = error
        with get_client(sync_client=True) as client:
            run_id = futures[name].task_run_id
            client.set_task_run_state(run_id, Crashed(message=message), force=True)
    return lost


def _error_of_worker(future: PrefectFuture[Any]) -> BaseException | None:
    if not isinstance(future, PrefectWrappedFuture):
        return None
    wrapped: Any = future.wrapped_future
    if not wrapped.done() or wrapped.cancelled():
        return None
    error: BaseException | None = wrapped.exception()
    return error


def _has_failed(future: PrefectFuture[Any]) -> bool:
    return future.state.is_final() and not future.state.is_completed()


@contextmanager
def _submission(
    execution: Execution, wiring: Wiring, source: JobSource | None
) -> Iterator["_Submission"]:
    handle = ExecutionHandle(execution, source)
    try:
        yield _Submission(execution, wiring, handle)
    finally:
        handle.forget()


class _Submission:
    """The tasks of a run as they are submitted; those downstream of dynamic outputs when their
    number is known."""

    def __init__(self, execution: Execution, wiring: Wiring, handle: ExecutionHandle) -> None:
        self.futures: dict[str, PrefectFuture[StepResult]] = {}
        self.unresolved: list[str] = []
        self.upstream: dict[str, set[str]] = {}
        self._execution = execution
        self._wiring = wiring
        self._handle = handle
        self._mappings: dict[str, dict[str, list[str] | None]] = {}

    def submit_all(self) -> None:
        """First what waits for no dynamic output, so that it need not wait for those that do."""
        for wired in self._wiring:
            if not wired.waits:
                self._submit(wired, wired.step.name, wired.edges)
        for wired in self._wiring:
            if wired.waits:
                self._submit_resolved(wired)

    def _submit_resolved(self, wired: WiredStep) -> None:
        if not all(self._is_resolved(source) for source in sorted(wired.dynamic_sources)):
            self.unresolved.append(wired.step.name)
            return
        for key in self._keys(wired.step):
            edges = tuple(read_edges(self._execution.step(key)))
            if any(edge.upstream not in self.futures for edge in edges):
                self.unresolved.append(key)
                continue
            self._submit(wired, key, edges)

    def _is_resolved(self, source: str) -> bool:
        """Waits for the step and tells Dagster's plan its mapping keys; False if it failed."""
        if source in self._mappings:
            return True
        future = self.futures.get(source)
        if future is None:
            return False
        future.wait()
        if not future.state.is_completed():
            return False
        result = future.result()
        self._mappings[source] = {
            output.name: None
            if result.skipped or not (output.is_required or result.mapping_keys(output.name))
            else result.mapping_keys(output.name)
            for output in self._wiring[source].step.outputs
            if output.is_dynamic
        }
        self._execution.resolve(source, self._mappings[source])
        return True

    def _keys(self, step: Step) -> list[str]:
        """The steps that a mapped step has become; any other stays itself."""
        if step.kind != "mapped":
            return [step.name]
        prefix, suffix = step.name.split("?")
        return [
            key
            for key in self._execution.plan.step_dict_by_key
            if key.startswith(prefix) and key.endswith(suffix) and key != step.name
        ]

    def _submit(self, wired: WiredStep, key: str, edges: tuple[Edge, ...]) -> None:
        task = self._wiring.task(wired, key).of(self._handle)
        inputs: dict[str, Any] = {name: [] for name in task.inputs}
        order = []
        self.upstream[key] = {edge.upstream for edge in edges}
        for edge in edges:
            future = self.futures[edge.upstream]
            if self._wiring.takes_result(wired, edge):
                # In a list: of a bare future Prefect asks the server for its state.
                inputs[edge.input_name].append(future)
            else:
                order.append(future)
        if wired.dynamic_sources:
            inputs[DYNAMIC] = {name: self._mappings[name] for name in wired.dynamic_sources}
        self.futures[key] = task.submit(**inputs, wait_for=order)
