"""One attempt at a step by Dagster's step code, and hooks around the step's own code.

Dagster's executors call the same code in whatever process they choose, so type checks, partition
mappings, IO managers, hooks and events are Dagster's.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any
from unittest.mock import patch

import dagster as dg
from dagster._core.errors import DagsterMaxRetriesExceededError
from dagster._core.execution.plan import execute_step
from dagster._core.execution.plan.execute_plan import _trigger_hook, dagster_event_sequence_for_step
from dagster._core.execution.plan.inputs import FromMultipleSources, StepInput
from dagster._core.execution.plan.outputs import StepOutputHandle

OutputHandle = StepOutputHandle
# Calls the wrapped code: `wrapper(context, call)` returns what `call()` does, or something else.
Wrapper = Callable[[dg.StepExecutionContext, Callable[[], Any]], Any]


def attempt_events(context: dg.StepExecutionContext) -> Iterator[dg.DagsterEvent]:
    """Runs the step once and yields its events: inputs, function, outputs."""
    yield from dagster_event_sequence_for_step(context)


def hook_events(
    context: dg.StepExecutionContext, events: Sequence[dg.DagsterEvent]
) -> Iterator[dg.DagsterEvent]:
    """Calls the step's success or failure hooks and yields their events."""
    yield from _trigger_hook(context, events)


def skipped_event(context: dg.StepExecutionContext) -> dg.DagsterEvent:
    """The event that the step was skipped."""
    return dg.DagsterEvent.step_skipped_event(context)


def raised_by_dagster(failure: BaseException, event: dg.DagsterEvent) -> BaseException:
    """The exception that Dagster's in-process execution raises for this failure."""
    # Dagster captures the last RetryRequested of a step that has no retries left, but raises
    # another error.
    if isinstance(failure, dg.RetryRequested):
        exceeded: BaseException = DagsterMaxRetriesExceededError.from_error_info(
            event.step_failure_data.error
        )
        return exceeded
    return failure


def partition_keys(context: dg.StepExecutionContext) -> tuple[str, ...]:
    """The partitions that the step runs for, none without."""
    if context.has_partition_key:
        return (context.partition_key,)
    if context.has_partition_key_range:
        return tuple(context.partition_key_range)
    return ()


def is_missing(
    step_input: StepInput,
    is_check: Callable[[StepOutputHandle], bool],
    is_unmade: Callable[[StepOutputHandle], bool],
) -> bool:
    """True if the input's one output was not yielded, or none of those of a fan-in.

    Check results are left out: a step does not depend on their presence.
    """
    handles = [
        handle
        for handle in step_input.get_step_output_handle_dependencies()
        if not is_check(handle)
    ]
    missing = [handle for handle in handles if is_unmade(handle)]
    if isinstance(step_input.source, FromMultipleSources):
        return bool(handles) and len(missing) == len(handles)
    return bool(missing)


@dataclass(frozen=True)
class StepHooks:
    """Wrappers around the code of every step that this process runs, under either orchestrator.

    `around_compute` wraps the step's whole computation, an iterator of events; `around_function`
    the call of its function; `around_storage` each call of an IO manager's `handle_output` or
    `load_input`. They are in force while `installed()` is open. Several stack: the one installed
    last is the outermost.
    """

    around_compute: Wrapper | None = None
    around_function: Wrapper | None = None
    around_storage: Wrapper | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Wraps the code until it is closed."""
        with ExitStack() as patches:
            if self.around_compute is not None or self.around_function is not None:
                self._wrap_functions(patches)
            if self.around_storage is not None:
                _StorageWrapper(patches, self.around_storage).install()
            yield

    def _wrap_functions(self, patches: ExitStack) -> None:
        steps: Any = execute_step  # it imports the name that is replaced
        original = steps.execute_core_compute
        around_compute = self.around_compute or _call
        around_function = self.around_function or _call

        def wrapped(context: Any, inputs: Any, function: Any, *rest: Any) -> Any:
            def compute(*arguments: Any) -> Any:
                return around_function(context, lambda: function(*arguments))

            return around_compute(context, lambda: original(context, inputs, compute, *rest))

        patches.enter_context(patch.object(steps, "execute_core_compute", wrapped))


def _call(context: dg.StepExecutionContext, call: Callable[[], Any]) -> Any:
    return call()


class _StorageWrapper:
    """Wraps the IO managers' classes as steps ask for them."""

    def __init__(self, patches: ExitStack, wrapper: Wrapper) -> None:
        self._patches = patches
        self._wrapper = wrapper
        self._wrapped: set[type] = set()
        self._order = threading.Lock()
        self._inside = threading.local()

    def install(self) -> None:
        original = dg.StepExecutionContext.get_io_manager

        def get_wrapped(context: Any, *arguments: Any) -> Any:
            manager = original(context, *arguments)
            self._wrap_class(type(manager))
            return manager

        self._patches.enter_context(
            patch.object(dg.StepExecutionContext, "get_io_manager", get_wrapped)
        )

    def _wrap_class(self, manager: type) -> None:
        """Wraps the methods of the class, its own and inherited ones."""
        # Steps in several threads may ask for managers of one class at the same time.
        with self._order:
            if manager in self._wrapped:
                return
            self._wrapped.add(manager)
            for name in ("handle_output", "load_input"):
                if hasattr(manager, name):
                    method = self._around(getattr(manager, name))
                    self._patches.enter_context(patch.object(manager, name, method))

    def _around(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def wrapped(manager: Any, context: Any, *arguments: Any) -> Any:
            # A manager may call its parent's method or another manager, wrapped as well. Only the
            # step's own call counts, or the time of the inner one would count twice.
            step_context = None if getattr(self._inside, "call", False) else _step_of(context)
            if step_context is None:
                return method(manager, context, *arguments)
            self._inside.call = True
            try:
                return self._wrapper(step_context, lambda: method(manager, context, *arguments))
            finally:
                self._inside.call = False

        return wrapped


def _step_of(context: Any) -> dg.StepExecutionContext | None:
    """The step of an IO manager's context; None if it was made by `build_output_context`."""
    try:
        step_context: dg.StepExecutionContext = context.step_context
    except dg.DagsterInvariantViolationError:
        return None
    return step_context
