"""The one door to Prefect's inside: only this module names private parts of Prefect.

Checked against Prefect 3.6.29, 3.8.8 and 3.9.1.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import prefect.context
import prefect.utilities.engine
from prefect import task_engine, task_runners, tasks
from prefect.client.schemas.objects import TaskRun
from prefect.runner import Runner
from prefect.settings import get_current_settings, temporary_settings
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


class _SharedClient:
    """The client of all flow runs of this process, one after another.

    Prefect makes one for each flow run. It reads the certificates (12 ms of CPU, also for a server
    without TLS), opens a connection, asks for a token, and asks three times for the default storage
    of results.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._context: prefect.context.SyncClientContext | None = None
        self._settings: Any = None
        self._users = 0

    @contextmanager
    def used(self) -> Iterator[None]:
        """Lets Prefect find the client in this context, if it has no other."""
        variable = prefect.context.SyncClientContext.__var__
        taken = None if variable.get(None) else self._take()
        if taken is None:
            yield
            return
        token = variable.set(taken)
        try:
            yield
        finally:
            variable.reset(token)
            with self._lock:
                self._users -= 1

    def _take(self) -> "prefect.context.SyncClientContext | None":
        settings = get_current_settings()
        wanted = (settings.api, settings.client)
        with self._lock:
            if self._settings != wanted:
                if self._users:
                    return None  # runs with other settings are under way
                try:
                    self._make(wanted)
                except RuntimeError:  # nothing answers: Prefect's own client is to say so
                    return None
            assert self._context is not None  # it has just been made
            _prepare(self._context.client)
            self._users += 1
            return self._context

    def _make(self, settings: Any) -> None:
        # The settings first: without them, a client that cannot be made would seem to be there.
        self._settings = None
        if self._context is not None:
            self._context.client.__exit__(None, None, None)
            self._context = None
        context = prefect.context.SyncClientContext()
        # In a context of its own: here, `used` decides who finds it.
        copy_context().run(context.__enter__)
        self._context, self._settings = context, settings

    def forget(self) -> None:
        """Leaves the client to the process that this one was forked from: it has sockets."""
        self.__init__()  # type: ignore[misc]  # as new


def _prepare(client: Any) -> None:
    """Makes a client like new for the next flow run."""
    # Prefect repeats refused connections only for a client that was connected before. A new run
    # must fail at once if its server is gone.
    client._client._has_connected = False
    ask = getattr(type(client), "read_server_default_result_storage", None)
    if ask is None:  # Prefect 3.6 does not ask
        return
    answers: list[Any] = []

    def read_once() -> Any:
        if not answers:
            answers.append(ask(client))
        return answers[0]

    client.read_server_default_result_storage = read_once


_shared_client = _SharedClient()
os.register_at_fork(after_in_child=_shared_client.forget)


def shared_client() -> AbstractContextManager[None]:
    """Lets flow runs inside the block use one client with those before and after it."""
    return _shared_client.used()


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
def every_result_stored() -> Iterator[None]:
    """While it is open, each task run of this process persists its result.

    Otherwise Prefect refers to a result that it does not store: of a task with `NO_CACHE` or
    `persist_result=False`, or whose arguments it cannot hash. A task that declares neither caching
    nor persistence runs each time, as it does without us: Prefect would take the result of an equal
    call from the store.
    """
    original = task_engine.BaseTaskRunEngine.compute_transaction_key

    def key_of(engine: Any) -> str:
        declared = original(engine) if engine.task.persist_result else None
        return declared or str(engine.task_run.id)

    with (
        patch.object(task_engine.BaseTaskRunEngine, "compute_transaction_key", key_of),
        patch.object(task_engine, "should_persist_result", lambda: True),
        patch.object(prefect.utilities.engine, "should_persist_result", lambda: True),  # its state
    ):
        yield


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


class _OrderedIds:
    """Ids of UUID version 7, each greater than the one before: 12 bits count within a millisecond.

    Prefect's own ids of one millisecond are in any order, and a mapped task has many.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self) -> UUID:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1_000_000 << 12)
            at_ms, count = self._last >> 12, self._last & 0xFFF
        rest = int.from_bytes(os.urandom(8)) >> 2
        return UUID(int=at_ms << 80 | 7 << 76 | count << 64 | 2 << 62 | rest)


@contextmanager
def ordered_task_runs() -> Iterator[None]:
    """While it is open, the ids of task runs sort as the flow called or submitted them.

    For the runs that are made in this process, and not by other libraries' task runners.
    """
    with ExitStack() as patches:
        make = _OrderedIds()
        for module in (task_runners, task_engine, tasks):
            patches.enter_context(patch.object(module, "uuid7", make))
        yield


def remove_folder(runner: Runner) -> None:
    """Removes the temporary folder of a runner.

    Prefect leaves it if the runner is interrupted while flow runs are open.
    """
    shutil.rmtree(runner._tmp_dir, ignore_errors=True)
    with suppress(OSError):  # other runners have their folders in its parent
        runner._tmp_dir.parent.rmdir()
