"""`prefect-compat serve`: a deployment without a work pool, on the test session's server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from prefect_compat.cli.main import main
from tests import needs
from tests.conftest import ROOT

PROGRAM = Path(sys.executable).parent / "prefect-compat"
PROJECT = ("-m", "tests.prefect_compat.importable", "-j", "the_job")


def refused(*options: str) -> str:
    """What the command says in this process, in which no server is set."""
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        done = CliRunner().invoke(main, ["serve", *options])
    assert done.exit_code == 2
    return done.stderr


def test_without_a_server_it_says_what_to_start() -> None:
    assert "PREFECT_API_URL is not set. Start a server" in refused(*PROJECT)


def test_a_schedule_of_a_partitioned_job_is_refused() -> None:
    needs.tickets()
    tickets = ("-m", "ticket_assets.definitions", "-j", "ticket_model_evaluation")
    assert "does not say which partition" in refused(*tickets, "--cron", "0 6 * * *")


def waited_for(found: Callable[[], Any], serving: subprocess.Popen[bytes]) -> Any:
    for _ in range(240):
        if result := found():
            return result
        assert serving.poll() is None
        time.sleep(0.5)
    pytest.fail("nothing came within 120 s")


@pytest.mark.usefixtures("prefect_server")
def test_it_runs_what_the_api_asks_for_until_it_is_stopped(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PREFECT_API_URL": str(get_current_settings().api.url),
        "IMPORTABLE_STORE": str(tmp_path),
    }
    serving = subprocess.Popen(
        [PROGRAM, "serve", *PROJECT, "--name", "by-test", "--cron", "0 6 1 1 *"],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with get_client(sync_client=True) as client:
            the_job = FlowFilter(name=FlowFilterName(any_=["the-job"]))

            def deployed() -> Any:
                found = client.read_deployments(flow_filter=the_job)
                return [each for each in found if each.name == "by-test"]

            (deployment,) = waited_for(deployed, serving)
            assert [each.schedule.cron for each in deployment.schedules] == ["0 6 1 1 *"]
            run = client.create_flow_run_from_deployment(
                deployment.id, parameters={"first": {"size": 3}}
            )

            def ended() -> Any:
                state = client.read_flow_run(run.id).state
                return state if state and state.is_final() else None

            assert waited_for(ended, serving).is_completed()
    finally:
        serving.send_signal(signal.SIGTERM)
        assert serving.wait() == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) != []
