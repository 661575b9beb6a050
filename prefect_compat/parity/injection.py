"""A fault put into a step, the same under both orchestrators: around the function of the step,
below everything that either of them does about failures."""

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

    def faulty(context: Any, *arguments: Any, **named: Any) -> Iterator[Any]:
        if context.step.key != fault.step:
            yield from original(context, *arguments, **named)
            return
        seen[context.run_id] = attempt = seen.get(context.run_id, 0) + 1
        if fault.attempts is not None and attempt > fault.attempts:
            yield from original(context, *arguments, **named)
        elif fault.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault.kind == "error":
            raise InjectedFailure(f"attempt {attempt} at {fault.step}")
        else:
            for found in original(context, *arguments, **named):
                yield _failed(found)

    steps.execute_core_compute = faulty
    try:
        yield
    finally:
        steps.execute_core_compute = original


def _failed(found: Any) -> Any:
    """The same, with every check result in it failed."""
    if isinstance(found, dg.AssetCheckResult):
        return found._replace(passed=False)
    if isinstance(found, dg.MaterializeResult) and found.check_results:
        return found._replace(check_results=[_failed(check) for check in found.check_results])
    return found
