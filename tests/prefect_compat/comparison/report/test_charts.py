"""The charts as SVG: where each bar begins, how long it is, what it says."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from prefect_compat.comparison.costs import Figure
from prefect_compat.comparison.record.record import Record, RecordedStep
from prefect_compat.comparison.report.charts import Bar, bars, shortened, span_s, timeline
from prefect_compat.graph.ids import StepId
from tests.prefect_compat.comparison.records import DAGSTER

FIRST = RecordedStep(
    0, StepId("a"), "succeeded", started_s=100.0, ended_s=102.0, function_s=0.5, storage_s=0.25
)
AGAIN = replace(FIRST, run=1, started_s=103.0, ended_s=103.5, function_s=3.0)
EARLY = RecordedStep(
    0, StepId("z<&"), "failed", attempts=2, started_s=99.0, ended_s=99.0, function_s=0.0
)
NEVER = RecordedStep(0, StepId("never_ran_and_has_a_long_name"), "not started", attempts=0)


def record(*steps: RecordedStep) -> Record:
    return replace(DAGSTER, steps=steps)


def drawn(of: Record, span: float) -> str:
    return timeline(of, span, "left")


def elements(svg: str, tag: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter(tag))


def facts(element: ET.Element, *names: str) -> tuple[str, ...]:
    return tuple(element.attrib[name] for name in names)


def test_the_timeline_has_a_row_a_step_and_a_bar_a_run() -> None:
    # The scale is 960 - 210 - 24 = 726 pixels for 7.26 seconds.
    svg = drawn(record(NEVER, FIRST, AGAIN, EARLY), 7.26)
    rects = [facts(r, "class", "x", "y", "width", "height") for r in elements(svg, "rect")]
    assert rects == [
        ("left rest ended-otherwise", "210.0", "31.0", "1.0", "12.0"),
        ("left", "210.0", "31.0", "0.0", "12.0"),
        ("left rest", "310.0", "53.0", "200.0", "12.0"),
        ("left", "310.0", "53.0", "75.0", "12.0"),
        ("left rest", "610.0", "53.0", "50.0", "12.0"),
        ("left", "610.0", "53.0", "50.0", "12.0"),
    ]
    labels = [text for text in elements(svg, "text") if text.attrib["class"] == "name"]
    assert [facts(text, "x", "y") for text in labels] == [
        ("200.0", "41.0"),
        ("200.0", "63.0"),
        ("200.0", "85.0"),
    ]
    assert ["".join(text.itertext()) for text in labels] == [
        "z<&z<&",
        "aa",
        "never_ran_and_has_a_long_namenever_ran_a…has_a_long_name",
    ]
    (waiting,) = (text for text in elements(svg, "text") if text.attrib["class"] == "tick left")
    assert (facts(waiting, "x", "y"), waiting.text) == (("214.0", "85.0"), "not started")
    assert [title.text for group in elements(svg, "g") for title in group.iter("title")] == [
        "z<&, failed: 0.000 s, of which the function took 0.000 s and the IO managers 0.000 s;"
        " 2 attempts",
        "a, succeeded: 2.000 s, of which the function took 0.500 s and the IO managers 0.250 s",
        "a, succeeded: 0.500 s, of which the function took 3.000 s and the IO managers 0.250 s",
    ]
    root = ET.fromstring(svg)
    assert facts(root, "class", "role", "viewBox") == ("chart", "img", "0 0 960 96")
    assert root.attrib["aria-label"] == (
        "Timeline of dagster: a from 1.00 to 3.00 seconds, a from 4.00 to 4.50 seconds,"
        " z<& from 0.00 to 0.00 seconds."
    )


def test_a_timeline_without_a_started_step_is_empty() -> None:
    assert drawn(record(NEVER), 1.0) == ""
    assert drawn(record(), 1.0) == ""


def test_a_timeline_tells_the_first_fifty_steps_in_words() -> None:
    many = [replace(FIRST, step=StepId(f"s{number}")) for number in range(60)]
    label = ET.fromstring(drawn(record(*many), 2.0)).attrib["aria-label"]
    assert label.count(" from ") == 50
    assert label.endswith(", s49 from 0.00 to 2.00 seconds.")


def test_names_of_27_letters_are_whole() -> None:
    for length, shown in ((27, "x" * 27), (28, "x" * 11 + "…" + "x" * 15)):
        svg = drawn(record(replace(FIRST, step=StepId("x" * length))), 1.0)
        (label,) = (text for text in elements(svg, "text") if text.attrib["class"] == "name")
        assert "".join(label.itertext()) == "x" * length + shown


@pytest.mark.parametrize(
    ("span", "ticks"),
    [
        (7.26, ["0 s", "1 s", "2 s", "3 s", "4 s", "5 s", "6 s", "7 s"]),
        (8.0, ["0 s", "1 s", "2 s", "3 s", "4 s", "5 s", "6 s", "7 s", "8 s"]),
        (8.2, ["0 s", "2 s", "4 s", "6 s", "8 s"]),
        (0.0175, ["0 s", "0.005 s", "0.01 s", "0.015 s"]),
        (1e6, [f"{number * 50_000:g} s" for number in range(21)]),
    ],
)
def test_the_axis_has_round_figures(span: float, ticks: list[str]) -> None:
    svg = drawn(record(FIRST), span)
    found = [text for text in elements(svg, "text") if text.attrib["class"] == "tick"]
    assert [text.text for text in found] == ticks
    places = [float(text.attrib["x"]) for text in found]
    assert places[0] == 210
    assert facts(found[0], "x", "y") == ("210.0", "14")
    lines = [path.attrib["d"] for path in elements(svg, "path")]
    assert lines == [f"M{place:.1f} 22.0V48.0" for place in places]
    step = float(ticks[1].removesuffix(" s"))
    assert places[1] == pytest.approx(210 + step * 726 / span, abs=0.051)


def test_the_span_is_the_longest_of_the_records() -> None:
    assert span_s([record(FIRST), record(FIRST, AGAIN, NEVER, EARLY), record()]) == 4.5
    assert span_s([record(NEVER)]) == 0.0
    assert span_s([]) == 0.0
    running = replace(FIRST, ended_s=None)
    assert span_s([record(running)]) == 0.0


def test_bars_have_whiskers_and_a_floor() -> None:
    # The scale is 960 - 210 - 80 = 670 pixels for 6.7 seconds.
    rows = [
        Bar("dagster, <cold>", Figure(2.0, 1.0, 3.0), "left"),
        Bar("prefect", Figure(6.7, 6.7, 6.7), "prefect"),
    ]
    svg = bars(rows, Figure(1.5, 1.0, 9.0))
    rects = [facts(r, "class", "x", "y", "width", "height") for r in elements(svg, "rect")]
    assert rects == [
        ("left", "210.0", "31.0", "200.0", "12.0"),
        ("prefect", "210.0", "53.0", "670.0", "12.0"),
    ]
    paths = [facts(path, "class", "d") for path in elements(svg, "path")]
    assert [path for path in paths if path[0] != "grid"] == [
        ("whisker", "M310.0 37.0H510.0"),
        ("whisker", "M880.0 59.0H880.0"),
        ("floor", "M360.0 22.0V70.0"),
    ]
    assert paths[0] == ("grid", "M210.0 22.0V70.0")
    beside = [text for text in elements(svg, "text") if "class" not in text.attrib]
    assert [(*facts(text, "x", "y"), text.text) for text in beside] == [
        ("516.0", "41.0", "2.00 s"),
        ("886.0", "63.0", "6.70 s"),
    ]
    labels = [text for text in elements(svg, "text") if text.attrib.get("class") == "name"]
    assert [facts(text, "y") for text in labels] == [("41.0",), ("63.0",)]
    root = ET.fromstring(svg)
    assert root.attrib["viewBox"] == "0 0 960 74"
    assert root.attrib["aria-label"] == (
        "Bars: dagster, <cold>: 2.00 seconds; prefect: 6.70 seconds."
    )


def test_the_floor_alone_may_be_the_longest() -> None:
    svg = bars([Bar("a", Figure(1.0, 1.0, 1.0), "left")], Figure(2.0, 2.0, 2.0))
    assert elements(svg, "rect")[0].attrib["width"] == "335.0"


def test_bars_without_a_floor_and_without_length() -> None:
    svg = bars([Bar("a", Figure(0.0, 0.0, 0.0), "left")], None)
    assert elements(svg, "rect")[0].attrib["width"] == "0.0"
    assert all(path.attrib["class"] != "floor" for path in elements(svg, "path"))


def test_a_step_that_never_ended_has_no_bar() -> None:
    svg = drawn(record(FIRST, replace(FIRST, step=StepId("b"), ended_s=None)), 2.0)
    assert len(elements(svg, "rect")) == 2
    assert "not started" in [text.text for text in elements(svg, "text")]


def test_quotes_in_names_end_no_attribute() -> None:
    svg = drawn(record(replace(FIRST, step=StepId('"b"'))), 2.0)
    assert ET.fromstring(svg).attrib["aria-label"].startswith('Timeline of dagster: "b" from')


def test_nothing_stands_between_the_elements() -> None:
    for svg in (drawn(record(FIRST), 2.0), bars([Bar("a", Figure(1.0, 1.0, 1.0), "left")], None)):
        root = ET.fromstring(svg)
        assert root.text is None
        assert all(element.tail is None for element in root)


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0.0, ["0 s", "0.2 s", "0.4 s", "0.6 s", "0.8 s", "1 s"]),
        (0.002, ["0 s", "0.001 s", "0.002 s"]),
    ],
)
def test_short_bars_fill_the_width(most: float, ticks: list[str]) -> None:
    svg = bars([Bar("a", Figure(most, most, most), "left")], None)
    found = [text for text in elements(svg, "text") if text.attrib.get("class") == "tick"]
    assert [text.text for text in found] == ticks


def test_long_names_are_told_apart() -> None:
    names = [f"a_long_beginning_{middle}_and_the_same_end" for middle in ("x", "y")]
    labels = shortened([*names, "short"])
    assert len({*labels}) == 3
    assert max(map(len, labels)) == 27
    assert labels[2] == "short"
