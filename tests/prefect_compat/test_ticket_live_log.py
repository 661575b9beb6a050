"""A live log under Prefect: the daily flow takes new days, and days that have late rows."""

import logging
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests import needs

needs.tickets()

from prefect_compat import as_flow, ticket_flow  # noqa: E402  # only where the tickets are
from prefect_compat.errors import StepError  # noqa: E402
from tests.live import Live, rows_of  # noqa: E402
from tests.projects import JOB, files  # noqa: E402

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """A live log, whose flow is the one that the daily flow starts."""
    instance = dg.DagsterInstance.ephemeral()
    made = Live(tmp_path, instance)
    made.log.mkdir()
    environment = {
        "TICKET_EVENT_LOG": str(made.log),
        "TICKET_STORE": str(made.settings.store),
        "TICKET_CACHE": str(made.settings.cache),
        "TICKET_FIRST_DAY": "2016-03-01",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ticket_flow, "flow", as_flow(made.defs, job=JOB))
    with instance:
        yield made


def test_the_daily_flow_takes_new_days_and_days_with_late_rows(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    live.add("2016-03-01.csv", rows_of(1, 3))
    live.add("2016-03-02.csv", rows_of(2, 2))
    assert ticket_flow.oldest_days() == ["2016-03-01", "2016-03-02"]
    assert ticket_flow.oldest_days() == []
    unchanged = (Path(live.settings.store) / "trial_summary" / "2016-03-02.json").stat()
    live.add("2016-03-03.csv", [*rows_of(1, 2, first=7), *rows_of(3)])
    with caplog.at_level(logging.INFO):
        assert ticket_flow.oldest_days() == ["2016-03-01", "2016-03-03"]
    assert "Other rows than when they were evaluated: 2016-03-01." in caplog.text
    assert "2016-03-01: 2 late rows: 5 rows, 3 at the last evaluation." in caplog.text
    after = (Path(live.settings.store) / "trial_summary" / "2016-03-02.json").stat()
    assert after.st_mtime_ns == unchanged.st_mtime_ns
    assert ticket_flow.oldest_days() == []


def test_both_orchestrators_leave_the_same_bytes_of_a_live_log(live: Live, tmp_path: Path) -> None:
    live.add("2016-03-01.csv", rows_of(1, 3))
    live.add("2016-03-02.csv", [*rows_of(1, 2, first=7), *rows_of(2)])
    ticket_flow.flow(partition="2016-03-01...2016-03-02")
    under_prefect = files(tmp_path / "store")
    assert live.run("2016-03-01...2016-03-02").success
    assert files(tmp_path / "store") == under_prefect


def test_a_day_that_is_not_complete_is_refused_in_the_same_words(live: Live) -> None:
    live.add("2016-03-01.csv", rows_of(1))
    with pytest.raises(StepError, match="its complete days run from 2016-03-01 to 2016-03-01"):
        ticket_flow.flow(partition="2016-03-02")
