"""The shape of a differing column: figures in words, histograms as bars."""

import xml.etree.ElementTree as ET
from dataclasses import replace

from prefect_compat.comparison.diff.differences import (
    ColumnDifference,
    Profile,
    RowDifference,
    TableDifference,
)
from prefect_compat.comparison.report.html import comparison_page
from prefect_compat.comparison.report.profiles import histogram, profile_rows
from prefect_compat.graph.ids import OutputId
from tests.prefect_compat.comparison.records import PREFECT, SECOND, output
from tests.prefect_compat.comparison.report.compared import Reader, compared

NUMBERS = Profile(1000, 3, 90, 1234.5, (0.0, 1.0, 2.5, 4.0, 1e9), (4, 0, 2))
TIMES = replace(NUMBERS, mean=86400.0, quantiles=(0.0,) * 5, is_time=True)
TEXTS = Profile(10, 0, 4)
TABLE = TableDifference(
    (1000, 1000),
    changed_rows=1,
    columns=(
        ColumnDifference("price", 1, 2.0, 1.0, NUMBERS, NUMBERS),
        ColumnDifference("at", 1, 2.0, 1.0, TIMES, TIMES),
        ColumnDifference("note", 1, None, None, TEXTS, TEXTS),
        ColumnDifference("not profiled", 1),
    ),
)


def test_each_side_of_each_profiled_column_has_a_row() -> None:
    rows = list(profile_rows(TABLE, ("dagster", "prefect")))
    assert [(row.column, row.side, row.colour) for row in rows] == [
        (column, side, colour)
        for column in ("price", "at", "note")
        for side, colour in (("dagster", "left"), ("prefect", "right"))
    ]
    assert rows[0].quantiles == ("0", "1", "2.5", "4", "1e+09")
    assert (rows[0].mean, rows[2].mean, rows[4].mean) == ("1,234.5", "1970-01-02 00:00:00", "")
    assert rows[4].histogram == ""
    for row in rows[:2]:
        assert {bar.attrib["class"] for bar in ET.fromstring(row.histogram)} == {row.colour}


def test_a_bar_for_each_bin_that_has_values() -> None:
    svg = ET.fromstring(histogram(NUMBERS, "left"))
    assert svg.attrib["aria-label"] == "Values in equal parts: 4, 0, 2"
    bars = [(bar.attrib["x"], bar.attrib["height"]) for bar in svg]
    assert bars == [("0.0", "28.0"), ("88.0", "14.0")]
    assert [(bar.attrib["y"], bar.attrib["width"]) for bar in svg] == [
        ("0.0", "42.0"),
        ("14.0", "42.0"),
    ]
    assert (svg.text, [bar.tail for bar in svg]) == (None, [None, None])


def test_the_page_shows_them() -> None:
    different = compared(
        prefect=replace(PREFECT, outputs=(output("a", "2016-03-08", "ax"), SECOND))
    )
    rows = (RowDifference(OutputId(("a",), "2016-03-08"), TABLE),)
    page = comparison_page(replace(different, rows=rows), None)
    assert page.count("The columns as a whole") == 1
    reader = Reader(page)
    assert len([tag for tag, a in reader.elements if a.get("class") == "chart small"]) == 4
