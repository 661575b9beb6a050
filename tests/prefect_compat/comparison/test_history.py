"""A line for each comparison, read again, shown as text and as a page."""

import datetime as dt
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_compat.comparison.history import Entry, append, entry_of, read_history, total_s
from prefect_compat.comparison.report.history_page import (
    describe_history,
    history_page,
    seconds_chart,
    verdict_words,
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


DECLARED = replace(
    GOOD, identical=1, equal_as_declared=1, partition=None, commit="abc1234", job="a longer name"
)
NOT_COMPARED = replace(GOOD, holds=False, kinds={}, seconds={}, commit=None)
SEVERAL = replace(
    BAD,
    kinds={"different content": 1, "missing on one side": 2},
    commit="def5678",
    waived=4,
    noise=5,
    seconds={"dagster": 12.0, "prefect": 24.0},
)


def test_the_whole_text() -> None:
    entries = (replace(GOOD, commit="abc1234"), SEVERAL, DECLARED, NOT_COMPARED)
    assert describe_history(entries).splitlines() == [
        "compared at       job            partition   verdict                outputs  seconds"
        "      commit",
        "2024-05-10 12:30  the_job        2016-03-08  identical              2 of 2   6.0 / 36.0"
        "   abc1234",
        "2024-05-11 12:30  the_job        2016-03-08  different in 3 places  1 of 2   12.0 / 24.0"
        "  def5678",
        "2024-05-10 12:30  a longer name              equal as declared      1 of 2   6.0 / 36.0"
        "   abc1234",
        "2024-05-10 12:30  the_job        2016-03-08  not compared           2 of 2",
    ]
    assert describe_history(()) == (
        "compared at  job  partition  verdict  outputs  seconds  commit"
    )


def test_the_page_shows_all_of_an_entry() -> None:
    reader = Reader(history_page((DECLARED, SEVERAL), Path("folder/history.jsonl")))
    assert "2 comparisons in history.jsonl; 1 of them without a difference." in reader.paragraphs
    assert reader.tables["Every comparison"][1:] == [
        [
            *("2024-05-11 12:30", "the_job", "2016-03-08", "dagster, prefect"),
            "✗ different in 3 places1 \N{MULTIPLICATION SIGN} different content"
            "2 \N{MULTIPLICATION SIGN} missing on one side",
            *("1 of 2", "4", "5", "12.0 / 24.0", "def5678"),
        ],
        [
            *("2024-05-10 12:30", "a longer name", "", "dagster, prefect"),
            *("✓ equal as declared", "1 of 2", "0", "0", "6.0 / 36.0", "abc1234"),
        ],
    ]
    assert "Dagster · Prefect. A ring marks a comparison with differences." in reader.paragraphs
    keys = [a["class"] for tag, a in reader.elements if tag == "span"]
    assert keys == ["key left", "key right"]


def test_a_history_without_entries_has_a_page() -> None:
    reader = Reader(history_page((), Path("history.jsonl")))
    assert "0 comparisons in history.jsonl; 0 of them without a difference." in reader.paragraphs
    assert len(reader.tables["Every comparison"]) == 1


def chart_of(*entries: Entry) -> ET.Element:
    return ET.fromstring(seconds_chart(entries))


def test_the_chart_has_a_line_for_each_side_and_a_hint_for_each_point() -> None:
    chart = chart_of(GOOD, BAD, SEVERAL)
    assert chart.attrib["aria-label"] == "Total seconds of 2 comparisons, from 0 to 36.0."
    assert chart.attrib["viewBox"] == "0 0 960 260"
    assert (chart.text, {part.tail for part in chart}) == (None, {None})
    # From 216 at 0 s up to 16 at 36 s; from 64 to 936 across.
    assert [(line.attrib["class"], line.attrib["points"]) for line in chart.iter("polyline")] == [
        ("left", "64.0,182.7 936.0,149.3"),
        ("right", "64.0,16.0 936.0,82.7"),
    ]
    circles = list(chart.iter("circle"))
    assert [circle.attrib["class"] for circle in circles] == [
        *("left", "left differs", "right", "right differs")
    ]
    assert [(c.attrib["cx"], c.attrib["cy"]) for c in circles][::3] == [
        ("64.0", "182.7"),
        ("936.0", "82.7"),
    ]
    assert [circle[0].text for circle in circles[1:3]] == [
        "2024-05-11T12:30 dagster: 12.0 s, different in 3 places",
        "2024-05-10T12:30 prefect: 36.0 s, identical",
    ]
    days = [t for t in chart.iter("text") if t.attrib["class"] == "tick"]
    assert [(t.text, t.attrib["x"], t.attrib["y"]) for t in days] == [
        ("05-10", "64.0", "236.0"),
        ("05-11", "936.0", "236.0"),
    ]


def test_the_points_of_a_chart_are_equally_far_from_each_other() -> None:
    points = chart_of(GOOD, GOOD, GOOD).iter("circle")
    assert [point.attrib["cx"] for point in points] == ["64.0", "500.0", "936.0"] * 2


def test_one_place_is_one_place() -> None:
    assert verdict_words(BAD) == "different in 1 place"


def test_the_chart_has_five_lines_of_seconds() -> None:
    chart = chart_of(GOOD)
    assert [path.attrib["d"] for path in chart.iter("path")] == [
        f"M64.0 {y}H936.0" for y in ("216.0", "166.0", "116.0", "66.0", "16.0")
    ]
    names = [text for text in chart.iter("text") if text.attrib["class"] == "name"]
    assert [(text.text, text.attrib["x"], text.attrib["y"]) for text in names] == [
        ("0.0 s", "56.0", "220.0"),
        ("9.0 s", "56.0", "170.0"),
        ("18.0 s", "56.0", "120.0"),
        ("27.0 s", "56.0", "70.0"),
        ("36.0 s", "56.0", "20.0"),
    ]


def test_a_chart_of_one_side_or_of_no_time_is_drawn() -> None:
    chart = chart_of(replace(GOOD, seconds={"prefect": 2.0}), GOOD)
    assert [len(line.attrib["points"].split()) for line in chart.iter("polyline")] == [1, 2]
    still = chart_of(replace(GOOD, seconds={"dagster": 0.0, "prefect": 0.0}))
    assert {circle.attrib["cy"] for circle in still.iter("circle")} == {"216.0"}
    assert still.attrib["aria-label"].endswith("from 0 to 1.0.")


@pytest.mark.parametrize(("number", "ticks"), [(9, 9), (19, 19), (20, 10), (21, 11), (30, 10)])
def test_about_ten_days_are_named_below_a_long_chart(number: int, ticks: int) -> None:
    texts = chart_of(*[GOOD] * number).iter("text")
    assert sum(text.attrib["class"] == "tick" for text in texts) == ticks


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
