"""One open run of a job: its resources are set up once, and released after it even if it fails.

Prefect orders the steps, retries them and decides what to skip. A `Run` is what the steps share:

- `RunState`: what the steps have done so far, behind one lock;
- `ResourceScope`: the resources and the event loops;
- `EventSink`: where Dagster's events go.

Without `reports`, the instance is one in memory, which has the run and its events for the steps
that look them up.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from prefect_compat.engine.dagster_port.attempt import OutputHandle
from prefect_compat.engine.dagster_port.instance import make_instance
from prefect_compat.engine.dagster_port.run import (
    DagsterRunObjects,
    MappingKeys,
    RunRequest,
    StepProgress,
)
from prefect_compat.engine.result import StepResult
from prefect_compat.graph.ids import StepId
from prefect_compat.graph.plan import Dependency


@contextmanager
def run_instance(folder: str | None = None) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory for one flow run.

    Its storage folder is that of DAGSTER_HOME if that is set, so that Dagster's default IO
    manager stores where it does under Dagster; else `folder`, or a temporary one.
    """
    with make_instance(os.environ.get("DAGSTER_HOME") or folder) as instance:
        yield instance


class RunState:
    """The steps' progress so far. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[dg.DagsterEvent] = []
        self._produced: set[OutputHandle] = set()
        self._ended: set[str] = set()
        self._mappings: dict[str, MappingKeys] = {}
        self._failures: dict[StepId, BaseException] = {}
        self._results: dict[StepId, StepResult] = {}

    @property
    def events(self) -> tuple[dg.DagsterEvent, ...]:
        with self._lock:
            return tuple(self._events)

    def events_of(self, step: StepId) -> tuple[dg.DagsterEvent, ...]:
        """The events of a step's attempts so far in this process."""
        key = str(step)
        return tuple(event for event in self.events if event.step_key == key)

    def add_event(self, event: dg.DagsterEvent) -> None:
        with self._lock:
            self._events.append(event)
            if event.is_successful_output:
                self._produced.add(event.step_output_data.step_output_handle)
            # Not a step that failed: what depends on it must not start, and is not skipped.
            elif event.is_step_success or event.is_step_skipped:
                self._ended.add(str(event.step_key))

    def add_upstream(self, result: StepResult) -> bool:
        """Takes over what a step did in another process; False if it is known already."""
        with self._lock:
            if str(result.step) in self._ended:
                return False
            self._produced.update(result.produced)
            self._ended.add(str(result.step))
            return True

    def add_result(self, result: StepResult) -> None:
        """Keeps what a step returned that ended well in this process."""
        with self._lock:
            self._results[result.step] = result

    def result_of(self, step: StepId) -> StepResult | None:
        with self._lock:
            return self._results.get(step)

    def add_failure(self, step: StepId, error: BaseException) -> None:
        """Keeps the exception that Dagster's in-process execution raises for a failed step."""
        with self._lock:
            self._failures[step] = error

    @property
    def first_failure(self) -> BaseException | None:
        with self._lock:
            return next(iter(self._failures.values()), None)

    def is_unmade(self, output: OutputHandle) -> bool:
        """True if the output's step has ended without yielding it."""
        with self._lock:
            return output.step_key in self._ended and output not in self._produced

    def add_mapping(
        self,
        step: str,
        keys: MappingKeys,
        resolve: Callable[[Mapping[str, MappingKeys]], None],
    ) -> None:
        """Keeps the mapping keys of a step's dynamic outputs and resolves the plan with them."""
        with self._lock:
            # Under the lock, because Dagster's `resolve` changes the plan's dicts in place.
            self._mappings[step] = keys
            resolve(self._mappings)

    def progress(self, attempts_before: int, inputs: Iterable[OutputHandle]) -> StepProgress:
        """The progress that the context of a step's next attempt needs.

        `inputs` are the outputs that the step takes. With all outputs of the run, Dagster would
        check each one's type in each step, and the time would grow with the square of the steps.
        """
        with self._lock:
            ready = frozenset(output for output in inputs if output in self._produced)
            return StepProgress(ready, dict(self._mappings), attempts_before)


class ResourceScope:
    """The resources of a run, and an event loop for each thread that runs a step."""

    def __init__(self, objects: DagsterRunObjects) -> None:
        self._objects = objects
        self._lock = threading.Lock()
        # A loop serves one thread at a time. The first is also that of the resources, which may
        # hold on to it, so steps take it first.
        self._loops = [asyncio.new_event_loop()]
        self._free_loops = list(self._loops)

    def set_up(self) -> Iterator[dg.DagsterEvent]:
        """Sets the resources up and yields the events of it. Raises what their set-up raises."""
        return self._objects.set_up_resources(self._loops[0])

    def tear_down(self) -> Iterator[dg.DagsterEvent]:
        """Tears the resources down, yields the events of it, and closes the loops."""
        try:
            yield from self._objects.tear_down_resources()
        finally:
            # Only now: resources may use their loop while they are torn down.
            for loop in self._loops:
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()

    @contextmanager
    def loop(self) -> Iterator[asyncio.AbstractEventLoop]:
        """An event loop for the current thread."""
        with self._lock:
            if not self._free_loops:
                self._loops.append(asyncio.new_event_loop())
                self._free_loops.append(self._loops[-1])
            loop = self._free_loops.pop(0)
        try:
            yield loop
        finally:
            with self._lock:
                is_first = loop is self._loops[0]
                self._free_loops.insert(0 if is_first else len(self._free_loops), loop)


@dataclass(frozen=True)
class EventSink:
    """Takes Dagster's events of a run into its state and, if needed, into the instance."""

    objects: DagsterRunObjects
    state: RunState
    reports: bool

    def record(self, event: dg.DagsterEvent) -> None:
        """Keeps an event that Dagster made in this run."""
        self.state.add_event(event)
        self._store(event)

    def learn(self, results: Iterable[StepResult]) -> None:
        """Takes over what upstream steps did, if they ran in another process."""
        # Without `reports`, each process has an instance of its own, which lacks these events.
        for result in results:
            if self.state.add_upstream(result):
                for event in result.events:
                    self._store(event)

    def _store(self, event: dg.DagsterEvent) -> None:
        """Stores an event that steps may look up, unless Dagster itself has stored it."""
        if not self.reports:
            self.objects.store(event)


class Run:
    """An open run. Steps may be run from several threads."""

    def __init__(self, request: RunRequest, objects: DagsterRunObjects) -> None:
        self.request = request
        self.state = RunState()
        self.resources = ResourceScope(objects)
        self.sink = EventSink(objects, self.state, request.reports)
        self._objects = objects

    @property
    def instance(self) -> dg.DagsterInstance:
        return self._objects.instance

    @property
    def record(self) -> dg.DagsterRun:
        """Dagster's record of the run, with its status once it has ended."""
        return self._objects.run

    @property
    def run_id(self) -> str:
        return self._objects.run.run_id

    @property
    def captured_outputs(self) -> dict[Any, Any] | None:
        return self._objects.captured_outputs

    def is_missing_input(self, context: dg.StepExecutionContext) -> bool:
        """True if an input of the step was not yielded upstream."""
        return self._objects.is_missing_input(context, self.state.is_unmade)

    def resolve(self, step: str, keys: MappingKeys) -> None:
        """Turns the steps that wait for this step's dynamic outputs into steps that can run."""
        self.state.add_mapping(step, keys, self._objects.resolve)

    def mapped_steps(self, name: str) -> tuple[StepId, ...]:
        """The steps that a mapped step has become, in Dagster's order."""
        return self._objects.mapped_steps(name)

    def dependencies(self, step: StepId) -> tuple[Dependency, ...]:
        """The steps that this one waits for, all mapping keys being known."""
        return self._objects.dependencies(step)

    def op_config(self, step: StepId) -> Any:
        """The step's resolved configuration."""
        return self._objects.op_config(step)

    def resource_config(self, step: StepId) -> dict[str, Any]:
        """The resolved configuration of the resources that the step uses, by their keys."""
        return self._objects.resource_config(step)

    @contextmanager
    def step_context(self, step: StepId, attempts_before: int) -> Iterator[dg.StepExecutionContext]:
        """Dagster's context for one attempt at a step."""
        progress = self.state.progress(attempts_before, self._objects.inputs_of(step))
        with self.resources.loop() as loop:
            yield self._objects.step_context(step, progress, loop)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Starts the run and sets its resources up; afterwards they are torn down, and it ends.

        Raises whatever the set-up of a resource raises.
        """
        # Not `sys.exc_info()`: it also has an error that the caller is handling just now.
        error: BaseException | None = None
        try:
            self.sink.record(self._objects.started())
            # As in Dagster, a run has not ended before its resources are released.
            with self.joined(None):
                yield
        except BaseException as raised:
            error = raised
            raise
        finally:
            ended = self._objects.ended(self.state.events, error)
            self.sink.record(ended)
            self._objects.close(ended)

    @contextmanager
    def joined(self, step: StepId | None) -> Iterator[None]:
        """Sets the resources up in this process, and tears them down afterwards.

        If the run reports to an instance, its compute logs get what this process prints meanwhile:
        as those of the step, or of all steps.
        """
        try:
            for event in self.resources.set_up():
                self.sink.record(event)
            with ExitStack() as capture:
                if self.request.reports:
                    self.sink.record(self._objects.capture_logs(capture, step))
                yield
        finally:
            for event in self.resources.tear_down():
                self.sink.record(event)


def new_run(request: RunRequest, instance: dg.DagsterInstance) -> Run:
    """A run that has not started. Raises DagsterInvalidConfigError for a refused run config."""
    return Run(request, DagsterRunObjects(request, instance, joins=False))


@contextmanager
def open_run(request: RunRequest, instance: dg.DagsterInstance) -> Iterator[Run]:
    """A new run with its resources set up. After it they are torn down and the run has ended.

    Raises DagsterInvalidConfigError for a run config that Dagster refuses, and whatever the
    set-up of a resource raises.
    """
    run = new_run(request, instance)
    with run.opened():
        yield run


@contextmanager
def join_run(request: RunRequest, instance: dg.DagsterInstance, step: StepId) -> Iterator[Run]:
    """A run that another process has opened, with its resources set up here for one step."""
    # Only the process that opened the run records its start and its end.
    run = Run(request, DagsterRunObjects(request, instance, joins=True))
    with run.joined(step):
        yield run
