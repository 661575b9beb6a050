"""`make dev` as it runs: both UIs answer, everything is deployed, and nothing is left behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.conftest import ROOT

START_S = 240


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    shutil.copy(ROOT / "deployment" / "dagster.yaml", dagster_home)
    return {
        **os.environ,
        "DAGSTER_HOME": str(dagster_home),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "TICKET_STORE": str(tmp_path / "store"),
    }


def ignoring_interrupts() -> None:
    """As a program is started in the background of a script."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def is_running(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def dev(
    environment: dict[str, str], ports: tuple[int, int], tmp_path: Path
) -> Iterator[subprocess.Popen[str]]:
    dagster, prefect = map(str, ports)
    with (tmp_path / "dev.log").open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "deployment.dev"),
                *("--dagster-port", dagster, "--prefect-port", prefect),
            ],
            cwd=ROOT, env=environment, stdout=log, stderr=log, text=True,
            preexec_fn=ignoring_interrupts,
        )  # fmt: skip
        yield process
        left = descendants(process) if process.poll() is None else []
        for each in [*left, psutil.Process(process.pid)] if process.poll() is None else []:
            each.kill()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_both_uis_answer_and_one_signal_ends_all_of_it(
    dev: subprocess.Popen[str], ports: tuple[int, int], tmp_path: Path, ending: signal.Signals
) -> None:
    give_up = time.monotonic() + START_S
    while "Ctrl-C stops both" not in (said := (tmp_path / "dev.log").read_text()):
        assert dev.poll() is None, said
        assert time.monotonic() < give_up, said
        time.sleep(0.5)
    dagster, prefect = (f"http://127.0.0.1:{port}" for port in ports)
    assert f"Dagster  {dagster}" in said
    assert requests.get(f"{dagster}/locations", timeout=10).ok
    found = requests.post(f"{prefect}/api/deployments/filter", json={}, timeout=10).json()
    assert {deployment["name"] for deployment in found} == {"by-hand", "report", "daily"}
    started = descendants(dev)
    assert len(started) >= 5
    dev.send_signal(ending)
    assert dev.wait(60) == 0
    assert [process for process in started if is_running(process)] == []


def test_a_port_that_is_taken_is_named(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "deployment.dev", "--dagster-port", str(port)],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr
