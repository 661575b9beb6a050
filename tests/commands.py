"""A command as a process with everything that it starts, and what is left of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from tests.conftest import ROOT

MARK = "STARTED_BY_TEST"


class Command:
    """A running command, in a folder with its temporary folder, its home and what it says."""

    def __init__(self, folder: Path, command: tuple[str, ...], environment: dict[str, str]) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._mark = str(uuid4())
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={
                    **os.environ,
                    "TMPDIR": str(self.temporary),
                    "PREFECT_HOME": str(folder / "prefect"),
                    MARK: self._mark,
                    **environment,
                },
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def wait_for(self, found: Callable[[], Any]) -> Any:
        """The result of `found` once it is true. A command that ends before is a failure."""
        while not (result := found()):
            assert self.process.poll() is None, self.stderr
            time.sleep(0.1)
        return result

    def ended_by(self, number: int) -> int:
        """The exit code after this signal."""
        self.process.send_signal(number)
        return self.process.wait()

    def ended_in_terminal(self) -> int:
        """The exit code after Ctrl-C in a terminal, which reaches all processes of the group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait()

    def left(self) -> list[str]:
        """The processes that it has started and that still run."""
        return [" ".join(each.cmdline()) for each in self._left()]

    def _left(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                is_ours = process.environ().get(MARK) == self._mark
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    yield process

    def wait_until_alone(self) -> None:
        for _ in range(600):
            if not self.left():
                return
            time.sleep(0.1)
        pytest.fail(f"still running a minute later: {self.left()}")

    def end(self) -> None:
        for process in self._left():
            process.kill()
        self.process.wait()


@contextmanager
def started(folder: Path, *command: str, **environment: str) -> Iterator[Command]:
    """The command in the folder; whatever it leaves is ended."""
    running = Command(folder, command, environment)
    try:
        yield running
    finally:
        running.end()


def prefect_compat(command: str, *options: str) -> tuple[str, ...]:
    """The command on the job that waits."""
    program = str(Path(sys.executable).parent / "prefect-compat")
    return (program, command, "-m", "tests.prefect_compat.waiting", "-j", "the_job", *options)
