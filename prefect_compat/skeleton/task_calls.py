"""The task runs of this process, with what their functions took and returned."""

import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect import Task
from prefect.client.schemas.objects import TaskRun
from prefect.context import FlowRunContext, TaskRunContext

from prefect_compat.flow.prefect_port import around_task_functions

NO_RESULT = object()


@dataclass
class TaskCall:
    """A task run while it is recorded; a later attempt replaces the arguments and the result."""

    task: Task[..., Any]
    run: TaskRun
    arguments: Mapping[str, Any]
    flow_parameters: Mapping[str, Any]
    result: Any = NO_RESULT
    error: BaseException | None = None


class TaskCalls:
    """The task runs of this process, by their ids."""

    def __init__(self) -> None:
        self.by_id: dict[UUID, TaskCall] = {}
        self._lock = threading.Lock()

    @contextmanager
    def recorded(self) -> Iterator[None]:
        with around_task_functions(self._around):
            yield

    def _around(self, run: TaskRun, call: Callable[[], Any]) -> Any:
        context, flow = TaskRunContext.get(), FlowRunContext.get()
        assert context is not None  # it gave us the run
        parameters = dict(flow.parameters or {}) if flow else {}
        recorded = TaskCall(context.task, run, dict(context.parameters), parameters)
        with self._lock:
            self.by_id[run.id] = recorded
        try:
            result = call()
        except BaseException as error:
            recorded.error = error
            raise
        if inspect.isawaitable(result):
            return _awaited(recorded, result)
        recorded.result = result
        return result


async def _awaited(recorded: TaskCall, result: Awaitable[Any]) -> Any:
    try:
        recorded.result = await result
    except BaseException as error:
        recorded.error = error
        raise
    return recorded.result
