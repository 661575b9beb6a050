"""Work in forks of this process, which has imported everything and runs nothing itself."""

import os
import pickle
import random
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "fcntl.flock"}


@dataclass(frozen=True)
class Moment:
    """When to kill: so many seconds after the start, or before the n-th change of a file.

    Changes are what Python does; those of SQLite and of pyarrow are met by the clock alone.
    """

    after_s: float | None = None
    before_change: int | None = None


@dataclass(frozen=True)
class Extent:
    """The duration of a whole run: moments are drawn from it."""

    seconds: float
    changes: int

    def draw(self, rng: random.Random) -> Moment:
        if rng.random() < 0.5:
            return Moment(before_change=rng.randint(1, self.changes))
        return Moment(after_s=rng.uniform(0, self.seconds))


def in_fork(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's result. Raises RuntimeError with the traceback of what it raises."""
    read, write = os.pipe()
    pid = _fork(lambda: _send(write, function, arguments))
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        content = answer.read()
    os.waitpid(pid, 0)
    _end_group(pid)
    if not content:
        raise RuntimeError(f"{function} was killed by something else")
    fault, result = pickle.loads(content)
    if fault:
        raise RuntimeError(fault)
    return result


def extent_of(function: Callable[..., Any], *arguments: Any) -> Extent:
    """Runs it to its end, in a fork."""
    seconds, changes = in_fork(_measured, function, arguments)
    return Extent(seconds, changes)


def kill_in(moment: Moment, function: Callable[..., Any], *arguments: Any) -> bool:
    """Runs it in a fork that is killed at the moment; False where it ended before that."""
    read, write = os.pipe()

    def run() -> None:
        os.close(read)
        if moment.before_change is not None:
            _count_changes(moment.before_change)
        function(*arguments)

    pid = _fork(run)
    os.close(write)  # the fork's end closes the other
    if moment.after_s is not None:
        select.select([read], [], [], moment.after_s)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os.close(read)
    _, status = os.waitpid(pid, 0)
    _end_group(pid)
    return os.WIFSIGNALED(status)


def _fork(function: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        with suppress(OSError):
            os.setpgid(pid, pid)
        return pid
    try:
        with suppress(OSError):
            os.setpgid(0, 0)
        # What orchestrators say of a run is of no interest here.
        quiet = os.open(os.devnull, os.O_RDWR)
        for handle in (0, 1, 2):
            os.dup2(quiet, handle)
        function()
        os._exit(0)
    except BaseException:
        os._exit(1)


def _end_group(pid: int) -> None:
    """Ends what the fork has started, such as Dagster's `tail`s."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _send(write: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        answer = (None, function(*arguments))
    except BaseException:
        answer = (traceback.format_exc(), None)
    with os.fdopen(write, "wb") as file:
        pickle.dump(answer, file)


def _measured(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[float, int]:
    counted = _count_changes(None)
    started = time.monotonic()
    function(*arguments)
    return time.monotonic() - started, counted[0]


def _count_changes(last: int | None) -> list[int]:
    """Counts what this process changes among files; ends it before the change number `last`."""
    counted = [0]

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGES and not (event == "open" and _is_written(arguments)):
            return
        counted[0] += 1
        if counted[0] == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    return counted


def _is_written(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    changes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    return bool(changes) and isinstance(path, str | Path) and not str(path).startswith("/dev/")
