"""Isolation for every test: homes, store and cache of its own, nothing of the user's."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from prefect_compat.comparison.sources.prefect_server import RunningServer
from prefect_compat.server.temporary import HANDED_OVER
from tests.prefect_server import LIMIT_S, SessionServer
from tests.webhook import Webhook, listening

# Started in the background of a script, a process ignores SIGINT; Dagster copies that to SIGTERM,
# its `tail`s of a step's output inherit it, and each step then waits 30 s for them to end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before anything imports an orchestrator or the definitions: both read their homes at import.
_SESSION_HOME = "TICKET_TESTS_HOME"
_IS_OWNER = _SESSION_HOME not in os.environ  # not in a worker of xdist, which has its own home
_SESSION = Path(os.environ.get(_SESSION_HOME) or tempfile.mkdtemp(prefix="ticket-tests-"))
_HOME = _SESSION / os.environ.get("PYTEST_XDIST_WORKER", "main")
_HOME.mkdir(parents=True, exist_ok=True)
_SERVER = SessionServer(_SESSION / "prefect-server")
os.environ.update(
    {
        _SESSION_HOME: str(_SESSION),
        "PREFECT_HOME": str(_HOME / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(int(LIMIT_S)),
        "DO_NOT_TRACK": "1",
        # Of the session: a new Prefect database is set up once, the sample log generated once.
        "XDG_CACHE_HOME": str(_SESSION / "xdg-cache"),
        "TICKET_CACHE": str(_SESSION / "cache"),
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",  # see NO_PROFILE in workers.py
        "TICKET_EVENT_LOG": "sample",
        "TICKET_STORE": str(_HOME / "store"),
    }
)
_CHILDREN = str(Path(__file__).parent / "children")  # each child process reads its sitecustomize.py
if _CHILDREN not in (_path := os.environ.get("PYTHONPATH", "").split(os.pathsep)):
    os.environ["PYTHONPATH"] = os.pathsep.join([_CHILDREN, *filter(None, _path)])
for _name in ("DAGSTER_HOME", "PREFECT_API_URL", "PREFECT_PROFILE", HANDED_OVER):
    os.environ.pop(_name, None)

# No example of a property has a deadline: a busy machine would break it.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")
# Thousands of mutants run a property each: fewer examples, and none made smaller after a failure.
hypothesis.settings.register_profile(
    "mutants", deadline=None, max_examples=20, derandomize=True, phases=[hypothesis.Phase.generate]
)

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


def pytest_configure(config: pytest.Config) -> None:
    """Starts the session's server early if workers will run the tests."""
    if _IS_OWNER and getattr(config.option, "numprocesses", None):
        _SERVER.start()


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests of schedules and servers wait most of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """Keeps what was imported out of each later collection of garbage."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Ends what belongs to the session, also if it was interrupted."""
    if _IS_OWNER:
        _SERVER.stop()
        shutil.rmtree(_SESSION, ignore_errors=True)


@pytest.fixture(scope="session")
def session_server() -> RunningServer:
    """The session's Prefect server, for commands in processes of their own."""
    return _SERVER.running()


@pytest.fixture(scope="session")
def prefect_server(session_server: RunningServer) -> Iterator[str]:
    """The address of the session's Prefect API, which the flows of this process use."""
    from prefect_compat.pytest_fixture import used_server

    with used_server(session_server.url):
        yield session_server.url


@pytest.fixture(scope="session")
def prefect_database(prefect_server: str) -> Path:
    """The SQLite file of the session's Prefect server."""
    return _SERVER.database


@pytest.fixture
def handed_over(session_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons in processes of this test use the session's server in place of their own."""
    monkeypatch.setenv(HANDED_OVER, session_server.as_text())


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    from ticket_assets import notices

    monkeypatch.setattr(notices, "WAIT_S", 0.01)
    with listening() as state:
        yield state


@pytest.fixture(scope="session")
def sample_cache() -> Path:
    """A cache in which the sample log is generated once for all tests."""
    return Path(os.environ["TICKET_CACHE"])
