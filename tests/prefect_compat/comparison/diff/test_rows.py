"""The first differing rows, side by side."""

from pathlib import Path

import pandas as pd

from prefect_compat.comparison.diff.rows import Cell, differing_rows
from prefect_compat.comparison.diff.text_rows import text_rows
from prefect_compat.graph.ids import OutputId
from tests.prefect_compat.comparison.totals import ONE_DAY, compare

OUTPUT = OutputId(("a",), None)


def test_cells_are_counted_and_the_first_rows_shown() -> None:
    left = pd.DataFrame({"x": [0.1, 0.2, 0.3], "same": ["a", "b", "c"]})
    right = left.assign(x=[0.1, 0.25, 0.35])
    found = differing_rows(OUTPUT, text_rows(left), text_rows(right))
    assert found.counts == (("x", 2),)
    assert found.cells == (Cell("1", "x", "0.2", "0.25"), Cell("2", "x", "0.3", "0.35"))


def test_rows_and_columns_that_only_one_side_has() -> None:
    left = pd.DataFrame({"x": [1, 2]})
    right = pd.DataFrame({"x": [1], "y": [5]})
    found = differing_rows(OUTPUT, text_rows(left), text_rows(right))
    assert found.rows == (2, 1)
    assert Cell("1", "x", "2", "nothing") in found.cells
    assert Cell("0", "y", "nothing", "5") in found.cells


def test_a_document_is_compared_place_by_place() -> None:
    left, right = {"b": {"c": 1, "d": 2}}, {"a": 0, "b": {"c": 1, "d": 3}}
    found = differing_rows(OUTPUT, text_rows(left), text_rows(right))
    assert {(cell.dagster, cell.prefect) for cell in found.cells} == {("2", "3"), ("nothing", "0")}


def test_columns_of_one_name_are_told_apart() -> None:
    left = pd.DataFrame([[1, 2]], columns=["x", "x"])
    right = pd.DataFrame([[1, 3]], columns=["x", "x"])
    found = differing_rows(OUTPUT, text_rows(left), text_rows(right))
    assert found.counts == (("x (2)", 1),)


def test_types_alone_leave_no_cell() -> None:
    left, right = (pd.DataFrame({"x": [1]}, dtype=dtype) for dtype in ("int64", "int32"))
    assert differing_rows(OUTPUT, text_rows(left), text_rows(right)).counts == ()


def test_a_comparison_shows_them(tmp_path: Path) -> None:
    found = compare(tmp_path, *ONE_DAY, first="os.getpid()")
    assert "  numbers[2016-05-10]: 3 rows; differing cells: 1 in n\n" in found.stdout
    assert "    2, n: dagster " in found.stdout
