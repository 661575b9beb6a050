"""The part of a step's time that is the project's own: its function and its IO managers."""

import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from prefect_compat.engine.dagster_port.attempt import StepHooks
from prefect_compat.engine.dagster_port.graph import parse_step_key
from prefect_compat.graph.ids import StepId

Place = tuple[str, StepId]  # run id, step
Times = dict[Place, float]


class Stopwatch:
    """Seconds of wall time by run and step.

    Measured in Dagster's step code, which runs under both orchestrators, so the figures compare.
    """

    def __init__(self) -> None:
        self._function_s: Times = defaultdict(float)
        self._storage_s: Times = defaultdict(float)

    def times_of(self, run_id: str, step: StepId) -> dict[str, Any]:
        """`function_s` and `storage_s` of a step."""
        place = (run_id, step)
        return {
            "function_s": self._function_s.get(place, 0.0),
            "storage_s": self._storage_s.get(place, 0.0),
        }

    @contextmanager
    def running(self) -> Iterator["Stopwatch"]:
        """Measures every step of this process until it is closed."""
        hooks = StepHooks(
            around_compute=_timer(self._function_s), around_storage=_timer(self._storage_s)
        )
        with hooks.installed():
            yield self


def _timer(times: Times) -> Callable[[dg.StepExecutionContext, Callable[[], Any]], Any]:
    """A wrapper that adds the time of each call to that of its step."""

    def timed(context: dg.StepExecutionContext, call: Callable[[], Any]) -> Any:
        place = (context.run_id, parse_step_key(context.step.key))
        with _added(times, place):
            result = call()
        # A generator's call returns at once: the work is done while it is iterated.
        return _timed_iteration(result, times, place) if inspect.isgenerator(result) else result

    return timed


def _timed_iteration(generator: Iterator[Any], times: Times, place: Place) -> Iterator[Any]:
    """Yields a generator's values; the time between them is not its own."""
    while True:
        with _added(times, place):
            try:
                value = next(generator)
            except StopIteration:
                return
        # Until the next call Dagster checks and stores the value: not the function's time.
        yield value


@contextmanager
def _added(times: Times, place: Place) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        times[place] += time.perf_counter() - started
