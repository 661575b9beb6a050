"""The first differing rows, side by side."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from prefect_compat.comparison.diff.declared import Declared, Tolerance, parse_rules
from prefect_compat.comparison.diff.differences import (
    Cell,
    ColumnDifference,
    Sample,
    TableDifference,
)
from prefect_compat.comparison.diff.rows import (
    RowsTask,
    differing_rows,
    read_differences,
    write_stored_values,
)
from prefect_compat.comparison.diff.text_rows import TextTable, text_rows
from prefect_compat.comparison.diff.values import write_values
from prefect_compat.errors import ComparisonError, ConfigError
from prefect_compat.graph.ids import OutputId
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project


def shown(found: TableDifference) -> tuple[object, ...]:
    """What is known of a difference of texts: rows, changed rows, columns, cells."""
    return (found.rows, found.changed_rows, found.counts, found.cells)


def test_cells_are_counted_and_the_first_rows_shown() -> None:
    left = pd.DataFrame({"x": [0.1, 0.2, 0.3], "same": ["a", "b", "c"]})
    right = left.assign(x=[0.1, 0.25, 0.35])
    found = differing_rows(text_rows(left), text_rows(right))
    assert found.counts == (("x", 2),)
    assert found.cells == (Cell("1", "x", "0.2", "0.25"), Cell("2", "x", "0.3", "0.35"))


def test_rows_and_columns_that_only_one_side_has() -> None:
    left = pd.DataFrame({"x": [1, 2]})
    right = pd.DataFrame({"x": [1], "y": [5]})
    found = differing_rows(text_rows(left), text_rows(right))
    assert found.rows == (2, 1)
    assert Cell("1", "x", "2", "nothing") in found.cells
    assert Cell("0", "y", "nothing", "5") in found.cells


def test_a_document_is_compared_place_by_place() -> None:
    left, right = {"b": {"c": 1, "d": 2}}, {"a": 0, "b": {"c": 1, "d": 3}}
    found = differing_rows(text_rows(left), text_rows(right))
    assert {(cell.left, cell.right) for cell in found.cells} == {("2", "3"), ("nothing", "0")}


def test_columns_of_one_name_are_told_apart() -> None:
    left = pd.DataFrame([[1, 2]], columns=["x", "x"])
    right = pd.DataFrame([[1, 3]], columns=["x", "x"])
    found = differing_rows(text_rows(left), text_rows(right))
    assert found.counts == (("x (2)", 1),)


def test_types_alone_leave_no_cell() -> None:
    left, right = (pd.DataFrame({"x": [1]}, dtype=dtype) for dtype in ("int64", "int32"))
    assert differing_rows(text_rows(left), text_rows(right)).counts == ()


def table(*rows: str, names: tuple[str, ...] = ("x", "y")) -> TextTable:
    """A table with a letter a cell."""
    return TextTable(names, tuple(zip(*rows, strict=True)))


def test_the_first_five_differing_rows_are_shown_and_all_cells_counted() -> None:
    left = table("aa", "bb", "cc", "dd", "ee", "ff", "gg", "hh")
    right = table("aa", "bX", "XX", "dX", "eX", "ff", "gX", "XX", "ii")
    assert shown(differing_rows(left, right)) == (
        (8, 9),
        7,
        (("x", 3), ("y", 7)),
        (
            Cell("1", "y", "b", "X"),
            Cell("2", "x", "c", "X"),
            Cell("2", "y", "c", "X"),
            Cell("3", "y", "d", "X"),
            Cell("4", "y", "e", "X"),
            Cell("6", "y", "g", "X"),
        ),
    )


def test_columns_come_in_the_order_of_the_left() -> None:
    left = table("ab", names=("z", "a"))
    right = table("XYZ", names=("new", "a", "z"))
    found = differing_rows(left, right)
    assert found.counts == (("z", 1), ("a", 1), ("new", 1))
    assert found.cells == (
        Cell("0", "z", "a", "Z"),
        Cell("0", "a", "b", "Y"),
        Cell("0", "new", "nothing", "X"),
    )


def test_three_columns_of_one_name_are_numbered() -> None:
    left, right = (table(row, names=("x", "x", "x")) for row in ("abc", "aXY"))
    assert differing_rows(left, right).cells == (
        Cell("0", "x (2)", "b", "X"),
        Cell("0", "x (3)", "c", "Y"),
    )


def test_the_rows_of_a_document_are_its_places() -> None:
    left = TextTable(("place", "value"), (("p", "q"), ("1", "2")), is_document=True)
    right = TextTable(("place", "value"), (("q", "r"), ("3", "4")), is_document=True)
    assert shown(differing_rows(left, right)) == (
        (2, 2),
        3,
        (("value", 3),),
        (
            Cell("p", "value", "1", "nothing"),
            Cell("q", "value", "2", "3"),
            Cell("r", "value", "nothing", "4"),
        ),
    )


def test_a_table_of_these_columns_is_no_document() -> None:
    """A document's rows are matched by their place, which in a table may repeat."""
    pa = pytest.importorskip("pyarrow")
    left, right = (
        text_rows(pa.table({"place": ["p", "p"], "value": [first, 2]})) for first in (1, 3)
    )
    found = differing_rows(left, right)
    assert (found.rows, found.counts) == ((2, 2), (("value", 1),))
    assert found.cells == (Cell("0", "value", "1", "3"),)


def test_a_difference_beside_the_rows_of_an_empty_table_is_shown() -> None:
    pd = pytest.importorskip("pandas")
    left, right = pd.DataFrame({"x": []}), pd.DataFrame({"x": []})
    left.attrs["seed"], right.attrs["seed"] = 1, 2
    found = differing_rows(text_rows(left), text_rows(right))
    assert found.rows == (0, 0)
    assert found.cells == (Cell("0", ".attrs['seed']", "1", "2"),)


def test_an_empty_table_has_no_rows() -> None:
    found = differing_rows(TextTable((), ()), TextTable(("x",), ((),)))
    assert found == TableDifference((0, 0))


def test_numbers_of_a_document_within_a_tolerance() -> None:
    left, right = (text_rows({"MAE": 1.0 + step, "model": ["x"]}) for step in (0.0, 1e-10))
    for name in ("MAE", "*"):
        found = differing_rows(left, right, Declared(tolerances=((name, Tolerance(1e-9)),)))
        assert (found.is_equal, found.tolerated) == (True, (("value", 1),))
    assert not differing_rows(left, right, Declared(tolerances=(("R2", Tolerance(1e-9)),))).is_equal


@pytest.mark.parametrize(
    ("place", "is_within"),
    [("['a']['MAX']", True), ("MAX['a']", False), ("['MAX'][0]", False)],
)
def test_a_tolerance_is_for_the_last_name_of_a_place(place: str, is_within: bool) -> None:
    left, right = (
        TextTable(("place", "value"), ((place,), (text,)), is_document=True)
        for text in ("1.0", "1.5")
    )
    declared = Declared(tolerances=(("MAX", Tolerance(0.5)),))
    assert differing_rows(left, right, declared).is_equal is is_within


def test_a_tolerance_of_text_is_by_column_and_for_numbers_alone() -> None:
    left, right = table("1a", "2b", names=("x", "y")), table("2a", "ab", names=("x", "y"))
    found = differing_rows(left, right, Declared(tolerances=(("x", Tolerance(1.0)),)))
    assert (found.counts, found.tolerated) == ((("x", 1),), (("x", 1),))
    assert found.cells == (Cell("1", "x", "2", "a"),)
    share = Declared(key=("x",), tolerances=(("*", Tolerance(relative=0.5)),))
    found = differing_rows(left, right, share)
    assert (found.counts, found.tolerated) == ((("x", 1),), (("x", 1),))
    # Text has no key: it is left out of the words.
    assert found.declared == "within 50% in all numbers"


def test_what_can_be_read_on_one_side_equals_nothing() -> None:
    found = differing_rows(TextTable(("cannot be read",), (("gone",),)), table("ab", "cd"))
    assert found == TableDifference(
        (1, 2),
        changed_rows=1,
        columns=(ColumnDifference("the value", 1),),
        cells=(Cell("all", "the value", "cannot be read: gone", "can be read"),),
    )


class TestReadDifferences:
    """Reads what both sides wrote to their folders in whichever of two ways shows more."""

    OUTPUTS = (OutputId(("first",)), OutputId(("shop", "orders"), "1"))

    def read(
        self, folder: Path, left: object, right: object, **rules: list[str]
    ) -> TableDifference:
        pytest.importorskip("duckdb")
        sides = [folder / "left", folder / "right"]
        for side, value in zip(sides, (left, right), strict=True):
            write_values(lambda each: each, ["the same", value], side)
        first, second = read_differences(self.OUTPUTS, *sides, parse_rules(**rules))
        assert (first.output, first.table.is_equal) == (self.OUTPUTS[0], True)
        assert second.output == self.OUTPUTS[1]
        return second.table

    FRAME = pd.DataFrame({"id": [1, 2, 3], "x": [1.0, 2.0, 3.0]})

    def test_tables_are_compared_as_declared_for_their_asset(self, tmp_path: Path) -> None:
        right = self.FRAME.iloc[::-1].reset_index(drop=True)
        assert self.read(tmp_path, self.FRAME, right).moved == 2
        assert self.read(tmp_path, self.FRAME, right, any_order=["shop/orders"]).is_equal
        assert not self.read(tmp_path, self.FRAME, right, any_order=["first"]).is_equal

    def test_each_side_is_read_from_its_own_folder(self, tmp_path: Path) -> None:
        found = self.read(tmp_path, self.FRAME, self.FRAME[:2], keys=["shop/orders=id"])
        assert (found.rows, found.missing) == ((3, 2), Sample(1, ("id=3",)))

    def test_a_declaration_that_does_not_fit_is_named_with_its_output(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            self.read(tmp_path, self.FRAME, self.FRAME, keys=["*=no"])
        assert str(caught.value).startswith("shop/orders[1]: The key 'no' is no column")

    def test_what_only_the_text_shows_is_shown_unless_something_was_declared(
        self, tmp_path: Path
    ) -> None:
        right = self.FRAME.copy()
        right.attrs["seed"] = 1
        found = self.read(tmp_path, self.FRAME, right)
        assert found.cells == (Cell("0", ".attrs['seed']", "nothing", "1"),)
        assert self.read(tmp_path, self.FRAME, right, keys=["*=id"]).counts == found.counts
        assert self.read(tmp_path, self.FRAME, right, ignored=["*:x"]).is_equal

    def test_tables_without_text_are_compared_by_their_rows(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("prefect_compat.comparison.diff.values.MOST_CELLS", 1)
        assert self.read(tmp_path, self.FRAME, self.FRAME).is_equal
        found = self.read(tmp_path / "other", self.FRAME, self.FRAME[:2])
        assert found.missing == Sample(1, ("row 2",))

    def test_a_large_table_against_something_else_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("prefect_compat.comparison.diff.values.MOST_CELLS", 1)
        with pytest.raises(ComparisonError) as caught:
            self.read(tmp_path, self.FRAME, 1)
        assert str(caught.value) == (
            "shop/orders[1] is a table on one side only, and too large to be compared as text."
        )

    def test_a_table_against_something_else_is_compared_as_text(self, tmp_path: Path) -> None:
        assert not self.read(tmp_path, self.FRAME, 1).is_equal

    def test_without_duckdb_text_is_compared(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        right = self.FRAME.iloc[::-1].reset_index(drop=True)
        monkeypatch.setattr(
            "prefect_compat.comparison.diff.rows.find_spec", lambda name: name != "duckdb"
        )
        found = self.read(tmp_path, self.FRAME, right)
        assert (found.moved, found.counts) == (0, (("id", 2), ("x", 2)))
        # Rules need the rows, and tables without text have nothing else.
        assert self.read(tmp_path, self.FRAME, right, any_order=["*"]).is_equal
        monkeypatch.setattr("prefect_compat.comparison.diff.values.MOST_CELLS", 1)
        assert self.read(tmp_path / "other", self.FRAME, right).moved == 2

    def test_a_tolerance_holds_in_a_document(self, tmp_path: Path) -> None:
        values = ({"MAE": 1.0}, {"MAE": 1.25})
        assert not self.read(tmp_path, *values).is_equal
        assert self.read(tmp_path, *values, tolerances=["shop/orders:MAE=0.5"]).is_equal


PROJECT = """
from pathlib import Path

import dagster as dg

@dg.asset
def good() -> dict[str, int]: return {"é": 1}

@dg.asset
def lost() -> int: return 1

class Folder(dg.ConfigurableIOManager):
    word: str

    def handle_output(self, context, obj) -> None: ...

    def load_input(self, context):
        if context.asset_key.path == ["lost"]: raise OSError("gone")
        return {"é": self.word}

defs = dg.Definitions(
    [good, lost], jobs=[dg.define_asset_job("j")], resources={"io_manager": Folder(word="one")}
)
"""


def test_both_stores_are_written_as_text_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "project.py").write_text(PROJECT)
    config = '{"resources": {"io_manager": {"config": {"word": "two"}}}}'
    outputs = (OutputId(("good",)), OutputId(("lost",)))
    folders = (tmp_path / "new" / "dagster", tmp_path / "prefect")
    for folder, run_config in zip(folders, ("{}", config), strict=True):
        task = RowsTask(
            Project(file=str(tmp_path / "project.py")),
            JobChoice("j"),
            run_config,
            tuple(map(str, outputs)),
            ("r",),
            str(folder),
        )
        assert RowsTask.from_json(task.as_json()) == replace(
            task,
            outputs=list(task.outputs),  # type: ignore[arg-type]
        )
        for _ in range(2):
            write_stored_values(RowsTask.from_json(task.as_json()))
    found = read_differences(outputs, *folders)
    assert [entry.output for entry in found] == list(outputs)
    assert found[0].table == TableDifference(
        (1, 1),
        changed_rows=1,
        columns=(ColumnDifference("value", 1),),
        cells=(Cell("['é']", "value", "'one'", "'two'"),),
    )
    assert not found[1].table.is_equal
    assert found[1].table.cells == (
        Cell("all", "the value", "cannot be read: gone", "cannot be read: gone"),
    )
    lost = json.loads((folders[0] / "1.json").read_text())
    assert (lost["names"], lost["columns"]) == (["cannot be read"], [["gone"]])
    assert read_differences(outputs[:1], *folders[:1] * 2)[0].table.counts == ()
