"""`make dev` once more, apart: with homes, a store, ports and logs of its own."""

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
    """The process that runs them, and where they answer."""

    process: subprocess.Popen[str]
    dagster: str
    prefect: str

    def descendants(self) -> list[psutil.Process]:
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return found


def environment_of(folder: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """That of a checkout whose `var` is the folder; the cache of logs stays where it is."""
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
    """Both UIs with everything deployed, started as in the background of a script; whatever is
    left of them in the end is killed. Raises RuntimeError with what was said where they do not
    start."""
    dagster, prefect = free_port(), free_port()
    ports = ("--dagster-port", str(dagster), "--prefect-port", str(prefect))
    said = folder / "dev.log"
    environment = environment_of(folder, settings)
    with said.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deployment.dev", *ports, "--logs", str(folder / "logs")],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            text=True,
            preexec_fn=_ignore_interrupts,
        )
    found = Servers(process, f"http://{HOST}:{dagster}", f"http://{HOST}:{prefect}")
    try:
        _wait_for(process, said)
        yield found
    finally:
        if process.poll() is None:
            left = found.descendants()
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                for each in [*left, psutil.Process(process.pid)]:
                    each.kill()


def free_port() -> int:
    """A port of this machine's loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _wait_for(process: subprocess.Popen[str], said: Path) -> None:
    give_up = time.monotonic() + START_S
    while "Ctrl-C stops both" not in said.read_text():
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"`make dev` did not start:\n{said.read_text()}")
        time.sleep(0.5)
