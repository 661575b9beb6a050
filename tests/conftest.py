"""Isolation for every test: homes, store and cache of its own, nothing of the user's."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.webhook import Webhook, listening

# Started in the background of a script, a process ignores SIGINT; Dagster copies that to SIGTERM,
# its `tail`s of a step's output inherit it, and each step then waits 30 s for them to end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before anything imports an orchestrator or the definitions: both read their homes at import.
_HOME = Path(tempfile.mkdtemp(prefix="ticket-tests-"))
os.environ.update(
    PREFECT_HOME=str(_HOME / "prefect"),
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="180",
    DO_NOT_TRACK="1",
    XDG_CACHE_HOME=str(_HOME / "xdg-cache"),
    DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED="False",  # see NO_PROFILE in workers.py
    TICKET_EVENT_LOG="sample",
    TICKET_STORE=str(_HOME / "store"),
    TICKET_CACHE=str(_HOME / "cache"),
)
for _name in ("DAGSTER_HOME", "PREFECT_API_URL", "PREFECT_PROFILE"):
    os.environ.pop(_name, None)

# A busy machine is no reason for a property to fail.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

ROOT = Path(__file__).parent.parent
UCI_ARCHIVE = ROOT.parent / "shared" / "data" / "incident_event_log.zip"


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def uci_archive() -> Path:
    """The real UCI log, where it lies beside the checkout."""
    if not UCI_ARCHIVE.is_file():
        pytest.skip("the UCI event log is not there: ../shared/data/incident_event_log.zip")
    return UCI_ARCHIVE


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A Prefect API of this test session's own, in a temporary database."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    # Each flow run would wait a whole second for its heartbeat thread.
    quick = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with prefect_test_harness(server_startup_timeout=180), quick:
        yield


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    from ticket_assets import notices

    monkeypatch.setattr(notices, "WAIT_S", 0.01)
    with listening() as state:
        yield state


@pytest.fixture(scope="session", autouse=True)
def _home_removed() -> Iterator[None]:
    import shutil

    yield
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def sample_cache() -> Path:
    """A cache in which the sample log is generated once for all tests of this process."""
    return Path(os.environ["TICKET_CACHE"])
