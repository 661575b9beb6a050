"""Ctrl-C and SIGTERM end our commands, with all that they have started."""

import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.settings import get_current_settings

from prefect_compat.cli.main import main
from tests.commands import Command, prefect_compat, started

# A step that cannot be interrupted, in a thread; a child that does not hear; a temporary folder.
STUBBORN = """
import signal, subprocess, sys, tempfile, threading, time
from pathlib import Path
from prefect_compat.signals import ending_on_signals

def run():
    folder = tempfile.TemporaryDirectory()
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"
    child = subprocess.Popen([sys.executable, "-c", deaf])
    step = threading.Thread(target=time.sleep, args=(3600,))
    step.start()
    try:
        Path(sys.argv[1]).touch()
        threading.Event().wait()
    except KeyboardInterrupt:
        Path(sys.argv[2]).touch()
        threading.Event().wait()

with ending_on_signals(grace_s=float(sys.argv[3])):
    run()
"""


def stubborn(folder: Path, grace_s: float) -> Any:
    arguments = (str(folder / "waits"), str(folder / "interrupted"), str(grace_s))
    return started(folder, sys.executable, "-c", STUBBORN, *arguments)


def assert_ended(running: Command, code: int, number: signal.Signals) -> None:
    assert code == 128 + number
    assert running.stderr.splitlines().count(f"Ended by {number.name}.") == 1
    assert "Traceback" not in running.stderr
    running.wait_until_alone()  # multiprocessing's own tracker ends a moment later
    assert list(running.temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_cannot_be_interrupted_is_ended_after_the_grace(
    tmp_path: Path, number: signal.Signals
) -> None:
    with stubborn(tmp_path, 0.3) as running:
        running.wait_for((tmp_path / "waits").exists)
        assert_ended(running, running.ended_by(number), number)
        assert (tmp_path / "interrupted").exists()


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with stubborn(tmp_path, 3600) as running:
        running.wait_for((tmp_path / "waits").exists)
        running.process.send_signal(signal.SIGTERM)
        running.wait_for((tmp_path / "interrupted").exists)
        assert_ended(running, running.ended_by(signal.SIGINT), signal.SIGTERM)


def test_a_signal_that_the_code_took_for_itself_ends_the_process_too(tmp_path: Path) -> None:
    takes = (
        "import signal, sys, time; from pathlib import Path\n"
        "from prefect_compat.signals import ending_on_signals\n"
        "with ending_on_signals(grace_s=0.3):\n"
        "    signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "    Path(sys.argv[1]).touch()\n"
        "    while True: time.sleep(0.1)\n"
    )
    with started(tmp_path, sys.executable, "-c", takes, str(tmp_path / "waits")) as running:
        running.wait_for((tmp_path / "waits").exists)
        assert_ended(running, running.ended_by(signal.SIGTERM), signal.SIGTERM)


def test_a_process_ends_with_its_parent_however_that_ended(tmp_path: Path) -> None:
    child = (
        "import os, sys, time; from pathlib import Path\n"
        "from prefect_compat.signals import follow_parent\n"
        "follow_parent()\n"
        "Path(sys.argv[1]).touch()\n"
        "while True: time.sleep(0.1)\n"
    )
    parent = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}, sys.argv[1]])\n"
    )
    with started(tmp_path, sys.executable, "-c", parent, str(tmp_path / "waits")) as running:
        running.wait_for((tmp_path / "waits").exists)
        assert len(running.left()) == 2
        running.ended_by(signal.SIGKILL)
        running.wait_until_alone()


def test_a_run_is_ended_with_its_workers_and_recorded_as_crashed(tmp_path: Path) -> None:
    marker = tmp_path / "waits"
    command = prefect_compat("run", "--task-runner", "processes", "--workers", "1")
    with started(tmp_path, *command, WAITING_MARKER=str(marker)) as running:
        running.wait_for(marker.exists)
        assert len(running.left()) >= 3  # the run, its server and its worker
        assert_ended(running, running.ended_in_terminal(), signal.SIGINT)
    with closing(sqlite3.connect(tmp_path / "prefect" / "prefect.db")) as database:
        assert database.execute("select state_type from flow_run").fetchall() == [("CRASHED",)]


@pytest.mark.parametrize(
    ("number", "side"),
    [
        (signal.SIGTERM, "dagster"),
        pytest.param(signal.SIGINT, "prefect", marks=pytest.mark.nightly),
    ],
)
def test_a_comparison_ends_its_side(tmp_path: Path, number: signal.Signals, side: str) -> None:
    marker = tmp_path / "waits"
    command = prefect_compat("compare", "--store-env", "WAITING_STORE")
    environment = {"WAITING_MARKER": str(marker), "WAITS_UNDER": f"/{side}/"}
    with started(tmp_path, *command, **environment) as running:
        running.wait_for(marker.exists)
        assert_ended(running, running.ended_by(number), number)


@pytest.mark.nightly
def test_when_a_comparison_is_killed_its_side_and_the_server_end(tmp_path: Path) -> None:
    marker = tmp_path / "waits"
    command = prefect_compat("compare", "--store-env", "WAITING_STORE")
    environment = {"WAITING_MARKER": str(marker), "WAITS_UNDER": "/prefect/"}
    with started(tmp_path, *command, **environment) as running:
        running.wait_for(marker.exists)
        assert len(running.left()) == 3  # the comparison, its side, and the side's server
        running.ended_by(signal.SIGKILL)
        running.wait_until_alone()


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.nightly), signal.SIGKILL]
)
def test_the_flow_runs_of_a_deployment_end_with_what_serves_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    marker = tmp_path / "waits"
    environment = {
        "WAITING_MARKER": str(marker),
        "PREFECT_API_URL": str(get_current_settings().api.url),
        "PREFECT_COMPAT_GRACE_S": "300",  # a busy machine takes more than five
    }
    name = f"by-{number.name}"
    with (
        started(tmp_path, *prefect_compat("serve", "--name", name), **environment) as running,
        get_client(sync_client=True) as client,
    ):
        the_job = FlowFilter(name=FlowFilterName(any_=["the-job"]))

        def deployed() -> Any:
            return [d for d in client.read_deployments(flow_filter=the_job) if d.name == name]

        (deployment,) = running.wait_for(deployed)
        run = client.create_flow_run_from_deployment(deployment.id)

        def waits() -> bool:
            state = client.read_flow_run(run.id).state
            assert state is None or not state.is_final(), state.message
            return marker.exists()

        running.wait_for(waits)
        if number == signal.SIGINT:
            assert_ended(running, running.ended_in_terminal(), number)
        else:
            running.ended_by(number)
            running.wait_until_alone()
        state = client.read_flow_run(run.id).state
        assert state is not None
        assert state.is_crashed()


def test_without_a_signal_the_handlers_are_put_back() -> None:
    from prefect_compat.signals import ending_on_signals

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with ending_on_signals():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("text", ["soon", "-1", "inf"])
def test_a_grace_that_is_no_number_of_seconds_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_COMPAT_GRACE_S", text)
    refused = CliRunner().invoke(main, ["plan", "-m", "tests.prefect_compat.waiting"])
    assert refused.exit_code == 2
    assert refused.stderr == (
        f"Error: PREFECT_COMPAT_GRACE_S is '{text}'; expected seconds, such as 5 or 0.5.\n"
    )
