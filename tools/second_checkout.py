"""A second `make dev`, apart from the first: with its own homes, store, ports and logs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from deployment.dev import HOST

ROOT = Path(__file__).parent.parent
START_S = 240.0


@dataclass(frozen=True)
class Servers:
    """The supervising process, and the addresses of both UIs."""

    process: subprocess.Popen[str]
    dagster: str
    prefect: str

    def descendants(self) -> list[psutil.Process]:
        processes: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return processes


def environment_of(folder: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a checkout whose `var` is the folder; the cache of logs is shared."""
    home = folder / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "deployment" / "dagster.yaml", home)
    return {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "PREFECT_HOME": str(folder / "prefect"),
        "TICKET_STORE": str(folder / "store"),
        "IRIS_STORE": str(folder / "iris"),
        "TAXI_STORE": str(folder / "taxi"),
        **(settings or {}),
    }


@contextmanager
def servers(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Servers]:
    """Yields both UIs with everything deployed.

    Stops them as `starting` does. Raises RuntimeError with their output if they do not start.
    """
    with starting(folder, settings) as (running, output):
        _wait_for(running.process, output)
        yield running


@contextmanager
def starting(
    folder: Path, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[Servers, Path]]:
    """Yields the servers while they start, as in the background of a script, and their output.

    On exit stops them, and kills what is left.
    """
    dagster, prefect = free_port(), free_port()
    ports = ("--dagster-port", str(dagster), "--prefect-port", str(prefect))
    output = folder / "dev.log"
    environment = environment_of(folder, settings)
    with output.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deployment.dev", *ports, "--logs", str(folder / "logs")],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            text=True,
            preexec_fn=_ignore_interrupts,
        )
    running = Servers(process, f"http://{HOST}:{dagster}", f"http://{HOST}:{prefect}")
    try:
        yield running, output
    finally:
        if process.poll() is None:
            left = running.descendants()
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                for each in [*left, psutil.Process(process.pid)]:
                    each.kill()


def free_port() -> int:
    """A free port on this machine's loopback."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _wait_for(process: subprocess.Popen[str], output: Path) -> None:
    give_up = time.monotonic() + START_S
    while "Ctrl-C stops both" not in output.read_text():
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"`make dev` did not start:\n{output.read_text()}")
        time.sleep(0.5)
