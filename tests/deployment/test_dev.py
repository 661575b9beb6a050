"""`make dev` as it runs: both UIs answer, everything is deployed, and nothing is left behind."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import yaml

from tests.conftest import ROOT
from tests.deployment.conftest import left
from tools.second_checkout import Servers, environment_of, starting


@pytest.mark.xdist_group("browser")  # those that share the servers
def test_both_uis_answer_and_everything_is_deployed(dev: Servers, folder: Path) -> None:
    """At its end the `dev` fixture presses Ctrl-C and asserts that nothing is left."""
    assert f"Dagster  {dev.dagster}" in (folder / "dev.log").read_text()
    assert requests.get(f"{dev.dagster}/locations", timeout=300).ok
    found = requests.post(f"{dev.prefect}/api/deployments/filter", json={}, timeout=300).json()
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    names = {deployment["name"] for deployment in deployments}
    assert {deployment["name"] for deployment in found} == names
    assert len(dev.descendants()) >= 5


def test_sigterm_while_it_starts_ends_all_of_it(tmp_path: Path) -> None:
    with starting(tmp_path) as (dev, output):
        while "Starting" not in output.read_text() or len(dev.descendants()) < 2:
            assert dev.process.poll() is None, output.read_text()
            time.sleep(0.1)
        started = dev.descendants()
        dev.process.terminate()
        assert dev.process.wait(600) == 0
        assert left(started) == []


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "deployment.dev", "--dagster-port", str(port)),
                *("--logs", str(tmp_path / "logs")),
            ],
            cwd=ROOT, env=environment_of(tmp_path), capture_output=True, text=True, timeout=600,
            check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr
