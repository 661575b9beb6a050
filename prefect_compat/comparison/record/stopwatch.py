"""What of a step's time is the project's own: its function, and its IO managers."""

import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.execution.plan import execute_step

Times = dict[tuple[str, str], float]
STORAGE = ("handle_output", "load_input")


class Stopwatch:
    """Seconds of wall time by run and step, measured the same way under both orchestrators: in
    Dagster's step code, which both run."""

    def __init__(self) -> None:
        self._function_s: Times = defaultdict(float)
        self._storage_s: Times = defaultdict(float)
        self._known: set[type] = set()
        self._replaced = ExitStack()

    def times_of(self, run_id: str, step: str) -> dict[str, Any]:
        """`function_s` and `storage_s` of a step."""
        place = (run_id, step)
        return {
            "function_s": self._function_s.get(place, 0.0),
            "storage_s": self._storage_s.get(place, 0.0),
        }

    @contextmanager
    def running(self) -> Iterator["Stopwatch"]:
        """While it is open, it measures every step of this process."""
        steps: Any = execute_step
        function = _timed(steps.execute_core_compute, lambda found: found[0], self._function_s)
        get_io_manager = StepExecutionContext.get_io_manager

        def get_timed(context: StepExecutionContext, *arguments: Any) -> Any:
            manager = get_io_manager(context, *arguments)
            self._time_class(type(manager))
            return manager

        with self._replaced:
            self._replaced.enter_context(patch.object(steps, "execute_core_compute", function))
            self._replaced.enter_context(
                patch.object(StepExecutionContext, "get_io_manager", get_timed)
            )
            yield self

    def _time_class(self, manager: type) -> None:
        """Its own class, so that what it calls of its parents is not counted twice."""
        if manager in self._known:
            return
        self._known.add(manager)
        for name in STORAGE:
            if hasattr(manager, name):
                timed = _timed(
                    getattr(manager, name), lambda found: found[1].step_context, self._storage_s
                )
                self._replaced.enter_context(patch.object(manager, name, timed))


def _timed(
    function: Callable[..., Any], step_context: Callable[[tuple[Any, ...]], Any], times: Times
) -> Callable[..., Any]:
    """The function, its time added to that of the step that it runs for."""

    def timed(*arguments: Any, **named: Any) -> Any:
        context = step_context(arguments)
        place = (context.run_id, context.step.key)
        with _added(times, place):
            found = function(*arguments, **named)
        return _timed_steps(found, times, place) if inspect.isgenerator(found) else found

    return timed


def _timed_steps(generator: Iterator[Any], times: Times, place: tuple[str, str]) -> Iterator[Any]:
    """A generator's values; what waits between them is not its own time."""
    while True:
        with _added(times, place):
            try:
                found = next(generator)
            except StopIteration:
                return
        yield found


@contextmanager
def _added(times: Times, place: tuple[str, str]) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        times[place] += time.perf_counter() - started
