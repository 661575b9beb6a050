"""The future of an upstream task of this process, which knows its result at once."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect.futures import PrefectFuture

from prefect_compat.engine.result import StepResult


class UpstreamFuture(PrefectFuture[StepResult]):
    """A task's future as an input of the tasks downstream.

    Prefect waits for it, records the dependency and checks the state as those of any future. To
    read the result of a state it sends a coroutine to the thread of its event loop, and waits for
    that twice a task (0.3 ms). Here `known` has the result if the step ran in this process.
    """

    def __init__(
        self, future: PrefectFuture[StepResult], known: Callable[[], StepResult | None]
    ) -> None:
        self._future = future
        self._known = known

    @property
    def task_run_id(self) -> UUID:
        return self._future.task_run_id

    @property
    def state(self) -> Any:
        return _KnownState(self._future.state, self._known)

    def wait(self, timeout: float | None = None) -> None:
        self._future.wait(timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> StepResult:
        return self._future.result(timeout, raise_on_failure)

    def add_done_callback(self, fn: Callable[[PrefectFuture[StepResult]], None]) -> None:
        self._future.add_done_callback(fn)


class _KnownState:
    """A state of Prefect's, but for the way to its result."""

    def __init__(self, state: Any, known: Callable[[], StepResult | None]) -> None:
        self._state = state
        self._known = known

    def result(self, *arguments: Any, **options: Any) -> Any:
        # A result from a cache was not made in this run, and a failed step has none.
        return self._known() or self._state.result(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)
