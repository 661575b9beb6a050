"""The servers of `make dev`, once for all tests that click in them or wait for their ticks."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page

from tools.second_checkout import Servers, servers
from tools.ui import browser_page


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dev")


@pytest.fixture(scope="package")
def dev(folder: Path) -> Iterator[Servers]:
    # Few days, so that a tick is over soon, and a tick every minute, so that one comes soon.
    settings = {
        "TICKET_FIRST_DAY": "2016-03-07",
        "TICKET_LAST_DAY": "2016-03-12",
        "TICKET_SCHEDULE": "* * * * *",
    }
    with servers(folder, settings) as found:
        yield found
        started = found.descendants()
        found.process.send_signal(signal.SIGINT)  # Ctrl-C
        assert found.process.wait(600) == 0
        assert left(started) == []


def left(started: list[psutil.Process]) -> list[psutil.Process]:
    """Returns those of the processes that still run."""
    return [
        process
        for process in started
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ]


@pytest.fixture
def page() -> Iterator[Page]:
    with browser_page() as found:
        yield found
