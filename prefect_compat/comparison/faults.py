"""A fault to put into a step, the same under both orchestrators."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

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
            kill_process()
        raise InjectedFailure(f"asked for in {self.step}")

    def __str__(self) -> str:
        counted = "all attempts" if self.attempts is None else f"the first {self.attempts}"
        return f"{self.step}: {self.kind} in {counted}"


def kill_process() -> None:
    """Ends this process as a crash would: no handler and no exit function runs."""
    os.kill(os.getpid(), signal.SIGKILL)
