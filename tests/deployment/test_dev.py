"""`make dev` as it runs: both UIs answer, everything is deployed, and nothing is left behind."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests
import yaml

from tests.conftest import ROOT
from tests.deployment.conftest import left
from tools.second_checkout import environment_of, servers


def test_both_uis_answer_and_ctrl_c_ends_all_of_it(tmp_path: Path) -> None:
    """The `dev` fixture ends its servers by SIGTERM and asserts the same."""
    with servers(tmp_path) as dev:
        assert f"Dagster  {dev.dagster}" in (tmp_path / "dev.log").read_text()
        assert requests.get(f"{dev.dagster}/locations", timeout=300).ok
        found = requests.post(f"{dev.prefect}/api/deployments/filter", json={}, timeout=300).json()
        deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
        names = {deployment["name"] for deployment in deployments}
        assert {deployment["name"] for deployment in found} == names
        started = dev.descendants()
        assert len(started) >= 5
        dev.process.send_signal(signal.SIGINT)
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
