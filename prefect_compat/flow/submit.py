"""Submits the tasks of a run, waits for them, and says how the run ended."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from threading import Thread
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import (
    ObjectNotFound,
    PrefectHTTPStatusError,
    TerminationSignal,
    UpstreamTaskError,
)
from prefect.futures import PrefectFuture, PrefectWrappedFuture
from prefect.states import Crashed

from prefect_compat.engine.result import StepResult
from prefect_compat.engine.run import Run
from prefect_compat.errors import StepError
from prefect_compat.flow.result import FlowResult
from prefect_compat.flow.run_handle import RunHandle
from prefect_compat.flow.task import DYNAMIC, RUN
from prefect_compat.flow.upstream import UpstreamFuture
from prefect_compat.flow.wiring import WiredStep, Wiring
from prefect_compat.graph.ids import StepId
from prefect_compat.graph.job_source import JobSource
from prefect_compat.graph.plan import Dependency
from prefect_compat.signals import end_soon

Futures = Mapping[StepId, PrefectFuture[StepResult]]


def run_graph(run: Run, wiring: Wiring, source: JobSource | None) -> FlowResult:
    """Submits every step, waits for all, and fails if one did. To be called in a flow run.

    Steps that do not depend on the failed one run on; those that do never start. Raises StepError.
    """
    with _crash_recorded(), _submission(run, wiring, source) as submission:
        submission.submit_all()
        futures = submission.futures
        for future in futures.values():
            _wait(future)
    lost = _record_lost(futures, submission.upstream)
    failed = [step for step, future in futures.items() if step in lost or _has_failed(future)]
    if not failed:
        return _result(run, futures)
    cause: Any = lost.get(failed[0])
    if cause is None:
        cause = futures[failed[0]].state.result(raise_on_failure=False)
    # What could not start stays NotReady, a state of Prefect's that is not final.
    not_started = [
        str(step)
        for step, future in futures.items()
        if step not in lost and not future.state.is_final()
    ]
    not_started += map(str, submission.unresolved)
    reason = getattr(cause, "description", None) or str(cause) or type(cause).__name__
    message = f"{', '.join(map(str, failed))} failed: {reason}"
    if not_started:
        message += f"\nNot started, because they depend on it: {', '.join(not_started)}."
    error = StepError(message)
    error.result = _result(run, futures)
    raise error from (cause if isinstance(cause, BaseException) else None)


@contextmanager
def _crash_recorded() -> Iterator[None]:
    """Records the flow run as crashed as soon as it is interrupted.

    Prefect does so too, but only when the running steps have ended, since a thread cannot be
    interrupted. If the process ended before that, the run would stay Running. A run that is being
    cancelled is left to Prefect.
    """
    try:
        yield
    except (KeyboardInterrupt, TerminationSignal) as interruption:
        # In a thread, which a second signal does not interrupt.
        reason = f"Interrupted: {type(interruption).__name__}."
        # A new thread has an empty context, in which Prefect knows no flow run.
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


def _result(run: Run, futures: Futures) -> FlowResult:
    """The results of the steps that ran; for a failed step, the events that this process has."""
    steps = []
    for step, future in futures.items():
        if future.state.is_completed():
            # Only Prefect has the result of a step that ran elsewhere or was cached. Asking for it
            # takes an event loop.
            steps.append(run.state.result_of(step) or future.result())
        elif future.state.is_final():
            steps.append(StepResult(step, run.run_id, run.state.events_of(step)))
    return FlowResult(tuple(steps), {future.task_run_id: step for step, future in futures.items()})


def _record_lost(
    futures: Futures, upstream: Mapping[StepId, Collection[StepId]]
) -> dict[StepId, StepError]:
    """Records as crashed the steps whose worker went away, and returns the error of each.

    Prefect does not: it shows such a task run as Running for ever, and its future is not failed.
    Only Dask or the pool knows. The steps that come after a lost one are not lost but not started.
    """
    errors = {step: _error_of_worker(future) for step, future in futures.items()}
    lost: dict[StepId, StepError] = {}
    for step, error in errors.items():
        if error is None or any(errors[before] for before in upstream[step]):
            continue
        message = f"its worker was lost: {type(error).__name__}: {error}"
        lost[step] = StepError(message)
        lost[step].__cause__ = error
        # A worker that was lost before it began has made no task run.
        with (
            suppress(ObjectNotFound, PrefectHTTPStatusError),
            get_client(sync_client=True) as client,
        ):
            run_id = futures[step].task_run_id
            client.set_task_run_state(run_id, Crashed(message=message), force=True)
    return lost


def _wait(future: PrefectFuture[Any]) -> None:
    """Waits until the task run has ended, however it ended.

    Not by `result()`, which would raise at the first failure while other steps still run. The
    future of a process pool raises what became of the process: `_error_of_worker` finds it again.
    """
    with suppress(Exception):
        future.wait()


def _error_of_worker(future: PrefectFuture[Any]) -> BaseException | None:
    if not isinstance(future, PrefectWrappedFuture):
        return None
    wrapped: Any = future.wrapped_future
    # A cancelled future raises CancelledError when it is asked for its exception.
    if not wrapped.done() or wrapped.cancelled():
        return None
    error: BaseException | None = wrapped.exception()
    # The pool resolves inputs in this process, and raises this for a step after a failed one.
    if isinstance(error, UpstreamTaskError):
        return None
    return error


def _has_failed(future: PrefectFuture[Any]) -> bool:
    return future.state.is_final() and not future.state.is_completed()


@contextmanager
def _submission(run: Run, wiring: Wiring, source: JobSource | None) -> Iterator["_Submission"]:
    handle = RunHandle(run, source)
    try:
        yield _Submission(run, wiring, handle)
    finally:
        handle.forget()


class _Submission:
    """The tasks of a run as they are submitted.

    Those downstream of dynamic outputs are submitted when the number of these is known.
    """

    def __init__(self, run: Run, wiring: Wiring, handle: RunHandle) -> None:
        self.futures: dict[StepId, PrefectFuture[StepResult]] = {}
        self.unresolved: list[StepId] = []
        self.upstream: dict[StepId, set[StepId]] = {}
        self._run = run
        self._wiring = wiring
        self._handle = handle
        self._mappings: dict[str, dict[str, list[str] | None]] = {}

    def submit_all(self) -> None:
        """Submits the steps: all in order if they run one at a time, else first those that wait
        for no dynamic output, so that they start at once."""
        steps = list(self._wiring)
        if not self._wiring.one_at_a_time:
            steps.sort(key=lambda wired: wired.waits)
        for wired in steps:
            if wired.waits:
                self._submit_resolved(wired)
                continue
            dependencies = [
                Dependency(StepId(edge.upstream), edge.kind, edge.input_name)
                for edge in wired.edges
            ]
            self._submit(wired, StepId(wired.step.name), dependencies)

    def _submit_resolved(self, wired: WiredStep) -> None:
        if not all(self._is_resolved(source) for source in sorted(wired.dynamic_sources)):
            self.unresolved.append(StepId(wired.step.name))
            return
        for step in self._steps_of(wired):
            dependencies = self._run.dependencies(step)
            if any(entry.upstream not in self.futures for entry in dependencies):
                self.unresolved.append(step)
                continue
            self._submit(wired, step, dependencies)

    def _is_resolved(self, source: str) -> bool:
        """Waits for the step and tells Dagster's plan its mapping keys; False if it failed."""
        if source in self._mappings:
            return True
        future = self.futures.get(StepId(source))
        if future is None:
            return False
        _wait(future)
        if not future.state.is_completed():
            return False
        result = future.result()
        # As in Dagster's plan: None for a skipped output, a list, even an empty one, for others.
        self._mappings[source] = {
            output.name: None
            if result.skipped or not (output.is_required or result.mapping_keys(output.name))
            else result.mapping_keys(output.name)
            for output in self._wiring[source].step.outputs
            if output.is_dynamic
        }
        self._run.resolve(source, self._mappings[source])
        return True

    def _steps_of(self, wired: WiredStep) -> tuple[StepId, ...]:
        """The steps that a mapped step has become; any other step stays itself."""
        name = wired.step.name
        return self._run.mapped_steps(name) if wired.step.kind == "mapped" else (StepId(name),)

    def _upstream(self, step: StepId) -> PrefectFuture[StepResult]:
        """The future of a step, for those that wait for it."""
        future = self.futures[step]
        if self._wiring.leaves_process:
            return future
        return UpstreamFuture(future, partial(self._run.state.result_of, step))

    def _submit(self, wired: WiredStep, step: StepId, dependencies: Collection[Dependency]) -> None:
        task = self._wiring.task(wired, step)
        inputs: dict[str, Any] = {name: [] for name in task.inputs}
        order = []
        self.upstream[step] = {entry.upstream for entry in dependencies}
        for entry in dependencies:
            future = self._upstream(entry.upstream)
            if self._wiring.takes_result(wired, entry):
                # In a list, because Prefect asks the server for the state of a bare future.
                inputs[entry.input_name].append(future)
            else:
                order.append(future)
        if wired.dynamic_sources:
            inputs[DYNAMIC] = {name: self._mappings[name] for name in wired.dynamic_sources}
        self.futures[step] = task.submit(**{RUN: self._handle}, **inputs, wait_for=order)
