"""A fault put into a step, the same under both orchestrators: around the function of the step,
below everything that either of them does about failures."""

import inspect
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg
from dagster._core.execution.plan import execute_step

from prefect_compat.errors import ComparisonError

FaultKind = Literal["error", "failed checks", "kill"]


class InjectedFailure(Exception):
    """The failure that the comparison asked for."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong in a step: its first `attempts` attempts (None: all) raise an error, or its
    checks say that they failed, or the process is killed."""

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

    def __str__(self) -> str:
        counted = "all attempts" if self.attempts is None else f"the first {self.attempts}"
        return f"{self.step}: {self.kind} in {counted}"


@contextmanager
def injected(fault: Fault | None) -> Iterator[None]:
    """While it is open, the fault is in the step, in whichever run of this process it is."""
    if fault is None:
        yield
        return
    steps: Any = execute_step
    original = steps.execute_core_compute
    seen: dict[str, int] = {}

    def faulty(context: Any, inputs: Any, function: Any, *arguments: Any) -> Iterator[Any]:
        if context.step.key == fault.step:
            seen[context.run_id] = seen.get(context.run_id, 0) + 1
            if fault.attempts is None or seen[context.run_id] <= fault.attempts:
                function = _faulty(fault, function)
        yield from original(context, inputs, function, *arguments)

    steps.execute_core_compute = faulty
    try:
        yield
    finally:
        steps.execute_core_compute = original


def _faulty(fault: Fault, function: Any) -> Any:
    """The step's function with the fault in it: Dagster sees it where it sees the user's own."""

    def raising(*_: Any) -> Iterator[Any]:
        raise InjectedFailure(f"asked for in {fault.step}")
        yield

    def killing(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def checking(*arguments: Any) -> Any:
        found = function(*arguments)
        if inspect.isasyncgen(found):
            return (_failed(result) async for result in found)
        return (_failed(result) for result in found or ())

    return {"error": raising, "kill": killing, "failed checks": checking}[fault.kind]


def _failed(found: Any) -> Any:
    """The same, with every check result in it failed."""
    if isinstance(found, dg.AssetCheckResult):
        return found._replace(passed=False)
    if isinstance(found, dg.MaterializeResult) and found.check_results:
        return found._replace(check_results=[_failed(check) for check in found.check_results])
    return found
