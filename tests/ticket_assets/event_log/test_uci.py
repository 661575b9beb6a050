"""The real log, by the facts that are known of it."""

from pathlib import Path

import pandas as pd
import pytest

from ticket_assets.event_log import ParsedLog, open_log


@pytest.fixture(scope="module")
def log(uci_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> ParsedLog:
    return open_log(str(uci_archive), cache=tmp_path_factory.mktemp("uci"))


@pytest.fixture(scope="module")
def table(log: ParsedLog) -> pd.DataFrame:
    return log.read(log.first_day, log.last_day).to_pandas(date_as_object=False)


def test_it_is_the_published_log(log: ParsedLog) -> None:
    assert log.identity.rows == 141_712
    assert log.identity.sha256.startswith("fd184bbfd62329cf")
    assert (str(log.first_day), str(log.last_day)) == ("2016-02-29", "2017-02-18")
    assert (log.rows_without_day, log.extra_columns) == (0, ())


def test_its_days(table: pd.DataFrame) -> None:
    rows = table.groupby("day").size()
    assert (len(rows), rows.min(), rows.median(), rows.max()) == (272, 3, 50, 19_269)
    assert table["number"].nunique() == 24_918


def test_its_priorities_and_states(table: pd.DataFrame) -> None:
    assert table["priority"].value_counts().to_dict() == {
        "3 - Moderate": 132_452,
        "4 - Low": 4_030,
        "2 - High": 2_972,
        "1 - Critical": 2_258,
    }
    assert table["incident_state"].value_counts()["-100"] == 5


def test_its_gaps(table: pd.DataFrame) -> None:
    gaps = table[["sys_created_at", "resolved_at", "closed_at", "sys_updated_at"]].isna().sum()
    assert gaps.tolist() == [53_076, 3_141, 0, 0]
    assert set(table["vendor"].dropna()) == {"code 8s", "Vendor 1", "Vendor 2", "Vendor 3"}


def test_its_times_to_close(table: pd.DataFrame) -> None:
    waited = (table["closed_at"] - table["sys_updated_at"]).dt.total_seconds()
    assert (waited.min(), (waited == 0).sum(), waited.max()) == (0, 24_986, 29_486_100)
    assert waited.mean() == pytest.approx(910_732, abs=1)
