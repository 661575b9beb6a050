"""Prefect's API for a run: the server that is named, or a temporary one; and what each refuses."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import cloudpickle
import prefect
import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    Settings,
    get_current_settings,
    temporary_settings,
)
from pydantic import ValidationError

from prefect_compat import as_flow
from prefect_compat.errors import ServerError
from prefect_compat.server import api as server
from prefect_compat.server import temporary
from prefect_compat.server.api import validate_server
from prefect_compat.server.temporary import STARTUP_LIMIT_S, TemporaryServer
from tests.commands import prefect_compat, started
from tests.conftest import ROOT
from tests.http_server import serving
from tests.prefect_compat.importable import defs


@contextmanager
def answering(status: int, body: bytes = b"") -> Iterator[str]:
    """The address of a server that says the same to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # the name that http.server looks for

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    with serving(Handler) as address:
        yield f"{address}/api"


@pytest.mark.parametrize(
    ("status", "body", "found", "remedy"),
    [
        (404, b"", "is not Prefect's API (404 Not Found)", "ends in /api"),
        (200, b"<html>", "is not Prefect's API (an answer of another form)", "ends in /api"),
        (200, b'{"a": 1}', "is not Prefect's API (an answer of another form)", "ends in /api"),
        (401, b"", "refuses the credentials (401 Unauthorized)", "PREFECT_API_AUTH_STRING"),
        (503, b"", "cannot answer (503 Service Unavailable)", "See its log"),
    ],
)
def test_what_is_no_usable_server_is_refused_in_two_lines(
    status: int, body: bytes, found: str, remedy: str
) -> None:
    with (
        answering(status, body) as url,
        temporary_settings({PREFECT_API_URL: url}),
        pytest.raises(ServerError) as refused,
    ):
        validate_server()
    first, second = str(refused.value).splitlines()
    assert url in first
    assert found in first
    assert remedy in second


@pytest.mark.parametrize("url", ["http://127.0.0.1:{closed}/api", "no-address"])
def test_a_server_that_is_not_there_is_named(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    named = url.format(closed=closed)
    with (
        temporary_settings({PREFECT_API_URL: named}),
        pytest.raises(ServerError, match="prefect server start") as refused,
    ):
        validate_server()
    assert f"No Prefect server answers at PREFECT_API_URL={named}" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.usefixtures("prefect_server")
def test_a_running_server_is_accepted() -> None:
    validate_server()


@pytest.mark.parametrize("command", ["run", "serve"])
def test_a_command_without_its_server_ends_in_two_lines(tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
    with started(tmp_path, *prefect_compat(command), PREFECT_API_URL=url) as running:
        assert running.process.wait() == 2
    *_, first, second = running.stderr.splitlines()
    assert first.startswith(f"Error: No Prefect server answers at PREFECT_API_URL={url}")
    assert "prefect server start" in second


def test_a_server_that_does_not_answer_in_time_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        temporary.subprocess, "Popen", lambda *a, **k: made.append(popen(*a, **k)) or made[0]
    )
    deaf = (sys.executable, "-c", "import time; time.sleep(3600)")
    with pytest.raises(ServerError, match=r"did not answer within 0\.1 s, and was\s+ended"):
        TemporaryServer(os.environ, command=deaf, limit_s=0.1)
    assert made[0].returncode is not None


def test_a_server_that_ends_while_it_starts_is_told_at_once() -> None:
    fails = (sys.executable, "-c", "import sys; sys.exit(3)")
    with pytest.raises(ServerError, match="ended with exit code 3 while it started"):
        TemporaryServer(os.environ, command=fails)


def test_what_a_server_printed_stands_in_the_error(tmp_path: Path) -> None:
    fails = (sys.executable, "-c", "import sys; sys.exit('no such database')")
    with pytest.raises(ServerError, match="it printed:\nno such database"):
        TemporaryServer(os.environ, command=fails, log=tmp_path / "log.txt")


@pytest.mark.parametrize(("configured_s", "limit_s"), [(20, STARTUP_LIMIT_S), (900, 900)])
def test_a_start_has_our_time_or_the_users_if_that_is_longer(
    configured_s: int, limit_s: int
) -> None:
    with temporary_settings({PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: configured_s}):
        assert server.startup_limit_s() == limit_s


def test_a_comparisons_server_stands_before_any_that_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "temporary_url", lambda: "http://127.0.0.1:1/api")
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:2/api"}):
        with server.prefect_api():
            assert get_current_settings().api.url == "http://127.0.0.1:2/api"
        with server.own_server():
            assert get_current_settings().api.url == "http://127.0.0.1:1/api"


# A run from Python: no server is named, and another flow and a client come after it.
SCRIPT = """
import os, signal, sys
import psutil
from prefect.client.orchestration import get_client
from prefect_compat import as_flow, materialize
from tests.prefect_compat.importable import defs
import dagster as dg

@dg.asset
def one() -> int:
    return 1

def servers():
    return sum("server" in " ".join(child.cmdline()) for child in psutil.Process().children())

flow = as_flow(defs, job="the_job")
state = flow(return_state=True)
assert state.is_completed(), state
assert materialize([one]).success
with get_client(sync_client=True) as client:
    assert len(client.read_flow_runs()) == 2
assert servers() == 1, servers()
assert "prefect.server.api.server" not in sys.modules
print(os.environ["PREFECT_API_URL"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.nightly
def test_a_script_starts_one_server_and_leaves_none_though_it_is_killed(tmp_path: Path) -> None:
    environment = {"IMPORTABLE_STORE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with started(tmp_path, sys.executable, "-c", SCRIPT, **environment) as running:
        assert running.process.wait() == -signal.SIGKILL, running.stderr
        running.wait_until_alone()
        assert (tmp_path / "stdout").read_text().startswith("http://127.0.0.1:")


def test_a_flow_is_prefects_and_can_be_pickled_and_given_options() -> None:
    flow = as_flow(defs, job="the_job")
    assert isinstance(flow, prefect.Flow)
    again = pickle.loads(cloudpickle.dumps(flow))
    assert type(again) is type(flow)
    renamed = flow.with_options(name="another")
    assert (renamed.name, type(renamed)) == ("another", type(flow))
    assert flow.to_deployment("deployed").flow_name == flow.name


@pytest.mark.usefixtures("prefect_server")
def test_a_flow_is_a_subflow_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPORTABLE_STORE", str(tmp_path))
    flow = as_flow(defs, job="the_job")

    @prefect.flow
    def above() -> int:
        return len(flow().steps)

    assert above() > 0


@pytest.mark.parametrize("value", ["", "None", "0"])
def test_no_value_of_the_variable_turns_the_heartbeat_off(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The FAQ says so: to be corrected when Prefect takes one."""
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", value)
    with pytest.raises(ValidationError, match="heartbeat_frequency"):
        Settings()


@pytest.mark.usefixtures("prefect_server")
def test_the_heartbeat_is_off_inside_the_settings_that_the_faq_names() -> None:
    @prefect.flow
    def threads() -> int:
        return sum(thread.name.endswith("(run)") for thread in threading.enumerate())

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        without = threads()
        assert get_current_settings().flows.heartbeat_frequency is None
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 30}):
        beating = threads()
    assert beating - without == 1
