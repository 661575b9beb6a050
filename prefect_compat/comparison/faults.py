"""A fault put into a step, the same under both orchestrators: it wraps the step's function."""

import inspect
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg

from prefect_compat.engine.dagster_port.attempt import StepHooks
from prefect_compat.errors import ComparisonError

FaultKind = Literal["error", "failed checks", "kill"]


class InjectedFailure(Exception):
    """The failure that the comparison asked for."""


@dataclass(frozen=True)
class Fault:
    """A failure in a step.

    Its first `attempts` attempts (None: all) raise an error, report their checks as failed, or
    kill the process.
    """

    step: str
    attempts: int | None = None
    kind: FaultKind = "error"

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """STEP, or STEP:N for the first N attempts. Raises ComparisonError for another N."""
        step, colon, count = text.rpartition(":")
        if not colon:
            return cls(text)
        if not count.isdecimal() or int(count) < 1:
            raise ComparisonError(
                f"'{text}': after the colon stands how many attempts fail, 1 or more; to let all"
                " fail, name the step alone."
            )
        return cls(step, int(count))

    def call(self, function: Callable[[], Any], attempt: int) -> Any:
        """Calls a function at its attempt from 1, or raises InjectedFailure, or kills the process.

        For functions outside of Dagster, which have no checks.
        """
        if self.attempts is not None and attempt > self.attempts:
            return function()
        if self.kind == "kill":
            _kill(self, function)
        raise InjectedFailure(f"asked for in {self.step}")

    def __str__(self) -> str:
        counted = "all attempts" if self.attempts is None else f"the first {self.attempts}"
        return f"{self.step}: {self.kind} in {counted}"


@contextmanager
def injected(fault: Fault | None) -> Iterator[None]:
    """While it is open, the fault is in the step, in whichever run of this process it is."""
    if fault is None:
        yield
        return
    attempts: dict[str, int] = {}

    def faulty(context: dg.StepExecutionContext, call: Callable[[], Any]) -> Any:
        if context.step.key != fault.step:
            return call()
        # By run: each chunk of partitions, and a warm run, starts again at its first attempt.
        attempts[context.run_id] = attempts.get(context.run_id, 0) + 1
        if fault.attempts is not None and attempts[context.run_id] > fault.attempts:
            return call()
        return _FAULTS[fault.kind](fault, call)

    with StepHooks(around_function=faulty).installed():
        yield


# A generator, so that iterating it raises and not the call: only around the iteration does
# Dagster apply the retry policy (`_yield_compute_results`).
def _raise(fault: Fault, call: Callable[[], Any]) -> Iterator[Any]:
    raise InjectedFailure(f"asked for in {fault.step}")
    yield


def _kill(fault: Fault, call: Callable[[], Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail_checks(fault: Fault, call: Callable[[], Any]) -> Any:
    events = call()
    if inspect.isasyncgen(events):
        return (_failed(event) async for event in events)
    # A function may give None for no events; Dagster accepts that too.
    return (_failed(event) for event in events or ())


_FAULTS: Mapping[FaultKind, Callable[[Fault, Callable[[], Any]], Any]] = {
    "error": _raise,
    "failed checks": _fail_checks,
    "kill": _kill,
}


def _failed(event: Any) -> Any:
    """The event, with every check result in it failed."""
    if isinstance(event, dg.AssetCheckResult):
        return event._replace(passed=False)
    if isinstance(event, dg.MaterializeResult) and event.check_results:
        return event._replace(check_results=[_failed(check) for check in event.check_results])
    return event
