"""The one door to Prefect's inside: only this module names private parts of Prefect.

Checked against Prefect 3.6.29, 3.8.8 and 3.9.1.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any
from unittest.mock import patch

import prefect.context
from prefect import task_engine
from prefect.client.schemas.objects import TaskRun
from prefect.runner import Runner
from prefect.settings import temporary_settings
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner


@contextmanager
def settings_of_process(settings: Mapping[Any, Any]) -> Iterator[None]:
    """Applies settings in every thread of the process.

    `temporary_settings` alone holds for the current context: threads that Prefect starts for its
    events and logs would go on with the old settings.
    """
    with temporary_settings(dict(settings)):
        context = prefect.context.get_settings_context()
    # Contexts that have no settings of their own read this one.
    with patch.object(prefect.context, "GLOBAL_SETTINGS_CONTEXT", context):
        yield


def process_pool(max_workers: int | None, initializer: Callable[[], None]) -> TaskRunner[Any]:
    """A task runner of processes, each of which first calls the initializer."""
    if "initializer" in signature(ProcessPoolTaskRunner.__init__).parameters:
        return ProcessPoolTaskRunner(max_workers=max_workers, initializer=initializer)
    return _InitializedPool(max_workers, initializer)


class _InitializedPool(ProcessPoolTaskRunner):
    """The pool of Prefect 3.6, which takes no initializer: its executor has one of Prefect's own.

    The executor starts its processes later, when it gets tasks.
    """

    def __init__(self, max_workers: int | None, initializer: Callable[[], None]) -> None:
        super().__init__(max_workers=max_workers)
        self._own_initializer = initializer

    # A flow run uses a duplicate of its runner. Prefect's method would pass no initializer.
    def duplicate(self) -> "_InitializedPool":
        pool = _InitializedPool(self._max_workers, self._own_initializer)
        pool.subprocess_message_processor_factories = self.subprocess_message_processor_factories
        return pool

    def __enter__(self) -> "_InitializedPool":
        super().__enter__()
        executor: Any = self._executor
        executor._initializer = partial(_call_both, executor._initializer, self._own_initializer)
        return self


def _call_both(
    first: Callable[..., None], second: Callable[[], None], *arguments_of_first: Any
) -> None:
    first(*arguments_of_first)
    second()


def stored_result(path: Path) -> Any:
    """The value in the file of a result that Prefect has persisted."""
    import prefect.results  # not needed by a run

    # Its module has moved between minor versions; `prefect.results` has always imported it.
    record: Any = vars(prefect.results)["ResultRecord"]
    return record.deserialize(path.read_bytes()).result


@contextmanager
def around_task_functions(
    around: Callable[[TaskRun, Callable[[], Any]], Any],
) -> Iterator[None]:
    """While it is open, tasks of this process run as `around(task_run, call)`, each attempt.

    `call()` calls the task's function. An asynchronous one returns its coroutine.
    """
    original: Callable[..., Any] = vars(task_engine)["call_with_parameters"]

    def calling(function: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
        context = prefect.context.TaskRunContext.get()
        call = partial(original, function, parameters)
        return call() if context is None else around(context.task_run, call)

    with patch.object(task_engine, "call_with_parameters", calling):
        yield


def remove_folder(runner: Runner) -> None:
    """Removes the temporary folder of a runner.

    Prefect leaves it if the runner is interrupted while flow runs are open.
    """
    shutil.rmtree(runner._tmp_dir, ignore_errors=True)
    with suppress(OSError):  # other runners have their folders in its parent
        runner._tmp_dir.parent.rmdir()
