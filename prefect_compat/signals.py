"""Ends a command soon, and with all its processes, on Ctrl-C or SIGTERM."""

import atexit
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from multiprocessing import resource_tracker
from types import FrameType, TracebackType
from typing import Any

import psutil

from prefect_compat.errors import ConfigError

# What a step that is running has left to end. With all that follows, it stays below the 10 s after
# which `docker stop` kills.
GRACE_S = 5.0
GRACE_SETTING = "PREFECT_COMPAT_GRACE_S"
# The same in a process that its parent has asked to end: it is to be done before the parent is.
FOLLOWER_GRACE_S = 1.0
UNWINDING_S = 2.5
EXIT_FUNCTIONS_S = 2.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Processes that this one's exit functions end: the temporary server, after the last log lines.
ended_at_exit: set[int] = set()
_has_parent_to_follow = False
_asked: set[psutil.Process] = set()


class InterruptedBySignal(KeyboardInterrupt):
    """SIGINT or SIGTERM, raised in the main thread."""


class ending_on_signals:
    """Ends the process with exit code 130 on SIGINT and 143 on SIGTERM.

    The first signal is raised in the main thread, so that the flow run is recorded as crashed and
    context managers close. What has not ended `grace_s` later is ended without asking: a thread
    cannot be interrupted, and neither can its step. A second signal does the same at once.

    Python's handlers alone do not do: Prefect and Dagster put their own in their place while a run
    is open, and a main thread in C code runs none. The wake-up descriptor tells of every signal.
    """

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._signal: signal.Signals | None = None
        self._is_noticed = threading.Event()
        self._has_raised = False
        self._is_ending_now = False
        self._has_unwound = threading.Event()
        self._says = threading.Lock()  # taken once

    def __enter__(self) -> None:
        self._is_active = threading.current_thread() is threading.main_thread()
        if not self._is_active:
            return  # only the main thread can handle signals
        self._previous = {number: signal.signal(number, self._raise) for number in SIGNALS}
        self._reader, self._writer = socket.socketpair()
        # Python takes no wake-up descriptor that could block a signal handler.
        self._writer.setblocking(False)
        self._previous_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="signals", daemon=True).start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_active:
            return
        if error is not None and not isinstance(error, Exception | SystemExit):
            self._is_noticed.wait(1)  # what was raised may be here before the other thread is
        if self._signal is None:
            signal.set_wakeup_fd(self._previous_fd)
            for number, handler in self._previous.items():
                signal.signal(number, handler)
            self._writer.close()  # ends the thread
            return
        self._has_unwound.set()
        if self._is_ending_now:
            threading.Event().wait()  # for the other thread's `os._exit`
        # The thread goes on: ending the interpreter waits for the threads of steps.
        end_processes(_children(), self._grace_s)
        self._say()
        sys.exit(128 + self._signal)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self._notice(number)
        # A second one would break off the closing that the first has begun.
        if not self._has_raised:
            self._has_raised = True
            raise InterruptedBySignal

    def _notice(self, number: int) -> None:
        if self._signal is None:
            self._signal = signal.Signals(number)
        self._is_noticed.set()

    def _watch(self) -> None:
        first = self._next_signal(None)
        if first is None:
            self._reader.close()
            return
        self._notice(first)
        self._next_signal(self._grace_s)
        self._end_now()

    def _next_signal(self, wait_s: float | None) -> int | None:
        """The next SIGINT or SIGTERM; None when there was none in time, or none can come."""
        until = None if wait_s is None else time.monotonic() + wait_s
        while True:
            # Not 0, which makes a socket non-blocking: `recv` would raise BlockingIOError.
            left = None if until is None else max(until - time.monotonic(), 0.001)
            self._reader.settimeout(left)
            try:
                received = self._reader.recv(1)
            except TimeoutError:
                return None
            if not received:
                return None
            # Any signal with a handler in Python writes its number here, such as SIGCHLD.
            if received[0] in SIGNALS:
                return received[0]

    def _end_now(self) -> None:
        assert self._signal is not None
        self._is_ending_now = True
        end_processes(_children(), 0)
        # What waited for them now closes what it has opened. Exit functions would do it again at
        # the same time, and say that it is gone.
        self._has_unwound.wait(UNWINDING_S)
        _end_all()
        self._say()
        os._exit(128 + self._signal)

    def _say(self) -> None:
        if self._signal is None or not self._says.acquire(blocking=False):
            return
        with contextlib.suppress(OSError, ValueError):  # whoever read it may be gone
            sys.stdout.flush()
            sys.stderr.write(f"Ended by {self._signal.name}.\n")
            sys.stderr.flush()


def grace_s() -> float:
    """The seconds that a command leaves its steps to end: those of PREFECT_COMPAT_GRACE_S, or 5.

    Raises ConfigError if the setting is no number of seconds.
    """
    text = os.environ.get(GRACE_SETTING, "")
    try:
        seconds = float(text) if text else GRACE_S
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ConfigError(f"{GRACE_SETTING} is {text!r}; expected seconds, such as 5 or 0.5.")
    return seconds


def _run_exit_functions() -> None:
    run: Any = getattr(atexit, "_run_exitfuncs", None)  # CPython's; elsewhere they are left out
    if run is not None:
        with contextlib.suppress(Exception):
            run()


def _children() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    # Exit functions end these, so their own children are spared as well.
    last = [child for child in children if child.pid in ended_at_exit]
    # multiprocessing's tracker ends by itself; killed, it is started again and complains.
    tracker = getattr(resource_tracker._resource_tracker, "_pid", None)
    kept = {tracker, *ended_at_exit}.union(
        *({each.pid for each in _below(child)} for child in last)
    )
    return [child for child in children if child.pid not in kept]


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        below: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return below


def ask_to_end(process: psutil.Process) -> None:
    """Sends SIGTERM, once: a second one would interrupt what is done for the first."""
    if process not in _asked:
        _asked.add(process)
        with contextlib.suppress(psutil.Error):
            process.terminate()


def end_processes(processes: Iterable[psutil.Process], wait_s: float) -> None:
    """Asks each process to end, and kills what is left after `wait_s` seconds."""
    left = list(processes)
    if wait_s > 0:
        for process in left:
            ask_to_end(process)
        left = psutil.wait_procs(left, wait_s)[1]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, 2)


def end_with_tree(pid: int, wait_s: float) -> None:
    """Asks a process to end; kills it and all that it started `wait_s` seconds later."""
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    # Asked while the process runs: afterwards its children belong to another parent.
    below = _below(process)
    end_processes([process], wait_s)
    end_processes(below, 0)


def end_with_parent(parent: int, grace_s: float = GRACE_S) -> None:
    """Ends this process soon after its parent, the process `parent`, has ended, however it did.

    By the parent's id, not by a pipe that closes: a process that the project forks would hold the
    pipe open, and Prefect starts a deployment's runs without one.
    """
    global _has_parent_to_follow
    _has_parent_to_follow = True
    threading.Thread(target=_follow, args=(parent, grace_s), name="parent", daemon=True).start()


def end_soon() -> None:
    """Ends a process that ends with its parent, when its run has been interrupted and recorded.

    Prefect would wait for the steps that are running; the parent kills what does not end, and then
    temporary folders stay.
    """
    if _has_parent_to_follow:
        threading.Thread(target=_end_after, args=(FOLLOWER_GRACE_S,), daemon=True).start()


def follow_parent(grace_s: float = 0) -> None:
    """To be called in a process that does its parent's work: it ends with it, not on Ctrl-C.

    In a terminal each worker would print a traceback; and once the parent was killed, a pool's
    workers would wait for its next task for ever. Ignoring SIGINT is not enough: Dagster's step
    code has it raised all the same.
    """
    # A terminal sends Ctrl-C to the run's process group, which this process leaves.
    os.setpgid(0, 0)
    end_with_parent(os.getppid(), grace_s)


def _follow(parent: int, grace_s: float) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    # Handlers and context managers come first; `_end_after` ends what they leave.
    os.kill(os.getpid(), signal.SIGTERM)
    _end_after(grace_s)


def _end_after(wait_s: float) -> None:
    time.sleep(wait_s)
    _end_all()
    os._exit(128 + signal.SIGTERM)


def _end_all() -> None:
    """Ends the children, and calls the exit functions, which `os._exit` leaves out: they remove
    temporary folders and send the last logs."""
    end_processes(_children(), 0)
    # In a thread, so that an exit function that hangs cannot keep the process alive.
    calls = threading.Thread(target=_run_exit_functions, daemon=True)
    calls.start()
    calls.join(EXIT_FUNCTIONS_S)
    ended_at_exit.clear()  # their time is over too
    end_processes(_children(), 0)
