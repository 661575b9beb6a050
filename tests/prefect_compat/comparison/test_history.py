"""A line for each comparison, read again, shown as text and as a page."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_compat.comparison.history import append, entry_of, read_history, total_s
from prefect_compat.comparison.report.history_page import (
    describe_history,
    history_page,
    seconds_chart,
)
from prefect_compat.errors import ConfigError
from tests.prefect_compat.comparison.records import PREFECT, SECOND, output
from tests.prefect_compat.comparison.report.compared import Reader, compared, costs

NOW = dt.datetime(2024, 5, 10, 12, 30, tzinfo=dt.UTC)
GOOD = entry_of(compared(costs=costs()), NOW)
BAD = entry_of(
    compared(prefect=replace(PREFECT, outputs=(output("a", "2016-03-08", "ax"), SECOND))),
    NOW + dt.timedelta(1),
)


def test_an_entry_has_verdict_costs_and_versions() -> None:
    assert (GOOD.at, GOOD.holds, GOOD.compared, GOOD.identical) == (
        "2024-05-10T12:30:00+00:00",
        True,
        2,
        2,
    )
    # Import, start-up and cold run of `side_costs`.
    assert GOOD.seconds == {"dagster": 6.0, "prefect": 36.0}
    assert total_s(costs().left) == 6.0
    assert (BAD.holds, BAD.kinds, BAD.seconds) == (False, {"different content": 1}, {})


def test_entries_are_appended_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "new" / "history.jsonl"
    for entry in (GOOD, BAD):
        append(file, entry)
    assert read_history(file) == (GOOD, BAD)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    append(file, GOOD)
    with file.open("a") as opened:
        opened.write('{"at": 1}\n')
    with pytest.raises(ConfigError, match=r"history.jsonl, line 2 is no entry of a history"):
        read_history(file)
    with pytest.raises(ConfigError, match="cannot be read as a history"):
        read_history(tmp_path / "none")


def test_the_text_has_a_line_for_each() -> None:
    lines = describe_history((GOOD, BAD)).splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("2024-05-10 12:30  the_job  2016-03-08  identical")
    assert "6.0 / 36.0" in lines[1]
    assert "different in 1 place" in lines[2]


def test_the_page_has_a_row_for_each_and_a_point_for_each_time() -> None:
    reader = Reader(history_page((GOOD, BAD), Path("history.jsonl")))
    rows = reader.tables["Every comparison"]
    assert [row[0] for row in rows[1:]] == ["2024-05-11 12:30", "2024-05-10 12:30"]
    circles = [a for tag, a in reader.elements if tag == "circle"]
    assert [a["class"] for a in circles] == ["left", "right"]
    assert "<script" not in history_page((GOOD,), Path("h"))


def test_without_times_there_is_no_chart() -> None:
    assert seconds_chart((BAD,)) == ""
    assert seconds_chart(()) == ""
    assert "Seconds from a cold start" not in history_page((BAD,), Path("h"))
