"""A pytest fixture: one temporary Prefect server for a whole test session.

In a conftest.py: `from prefect_compat.testing import prefect_server`.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_UI_URL,
    temporary_settings,
)

from prefect_compat.flow.prefect_port import settings_of_process
from prefect_compat.server.temporary import (
    SERVER_ENVIRONMENT,
    TemporaryServer,
    database_in,
    prefect_environment,
)


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> Iterator[str]:
    """The API address of a temporary server, which the flows and drop-ins of the session use.

    It has a home and a database of its own, and ends with the session. With pytest-xdist, each
    process has one. Raises ServerError if it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="prefect-compat-tests-") as folder:
        environment = prefect_environment(os.environ, Path(folder))
        server = TemporaryServer(
            {**environment, **SERVER_ENVIRONMENT},
            file=database_in(Path(folder)),
            log=Path(folder, "log.txt"),
        )
        try:
            with used_server(server.url):
                yield server.url
        finally:
            server.stop()


@contextmanager
def used_server(url: str) -> Iterator[None]:
    """Makes the server that of every thread of this process."""
    settings = {
        PREFECT_API_URL: url,
        PREFECT_UI_URL: "",
        # Each flow run would wait a whole second for its heartbeat thread.
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    # Also for threads without a context, such as those that send logs.
    with temporary_settings(settings), settings_of_process(settings):
        yield
        # Sent while the server is still there: else each is an error on the terminal.
        APILogWorker.drain_all()
        EventsWorker.drain_all()
