"""One Prefect server for a comparison: started when it is needed, apart from the user's own."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient

from prefect_compat.comparison.sources.prefect_server import (
    ComparisonServer,
    RunningServer,
    comparison_server,
)
from prefect_compat.server.temporary import HANDED_OVER, prefect_environment

THEIRS = "http://127.0.0.1:1/api"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ComparisonServer]:
    """A comparison's server, where the user names a server and a database of their own."""
    monkeypatch.setenv("PREFECT_API_URL", THEIRS)
    database = f"sqlite+aiosqlite:///{tmp_path}/theirs.db"
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", database)
    with comparison_server() as found:
        yield found


@pytest.mark.nightly
def test_all_sides_share_one_that_ends_with_the_comparison(
    server: ComparisonServer, tmp_path: Path
) -> None:
    first = server.running()
    assert server.running() == first
    assert first.url != THEIRS
    assert first.start_s > 0
    with SyncPrefectClient(first.url) as client:
        assert client.read_flow_runs() == []
    assert not (tmp_path / "theirs.db").exists()

    killed = psutil.Process(first.pid)
    killed.kill()
    killed.wait()
    second = server.running()
    assert second.pid != first.pid
    server.stop()
    assert not psutil.pid_exists(second.pid)


def test_none_is_started_before_a_side_needs_it(server: ComparisonServer) -> None:
    server.stop()
    assert not any("prefect_compat.server" in " ".join(p.cmdline()) for p in _children())


def _children() -> list[psutil.Process]:
    return psutil.Process().children()


def test_one_that_is_handed_over_is_used_and_left_running(
    session_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HANDED_OVER, session_server.as_text())
    with comparison_server() as server:
        assert server.running() == session_server
    assert psutil.pid_exists(session_server.pid)


def test_no_server_of_the_user_s_reaches_ours(tmp_path: Path) -> None:
    theirs = {
        "PREFECT_API_URL": THEIRS,
        "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://host/production",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://host/production",
        "PREFECT_HOME": "/theirs",
        HANDED_OVER: f"1 {THEIRS}",
        "OTHER": "kept",
    }
    assert prefect_environment(theirs, tmp_path) == {
        "OTHER": "kept",
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{tmp_path}/prefect.db",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def test_a_server_survives_as_text() -> None:
    server = RunningServer(os.getpid(), THEIRS)
    assert RunningServer.from_text(server.as_text()) == server
