"""Two tables by key and by position: what is missing, extra, changed, moved, doubled, tolerated."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_compat.comparison.diff.declared import EXACT, Declared, Tolerance
from prefect_compat.comparison.diff.differences import (
    Cell,
    Profile,
    Sample,
    SchemaChange,
    TableDifference,
)
from prefect_compat.comparison.diff.tables import compare_tables
from prefect_compat.errors import ConfigError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("duckdb")

BY_ID = Declared(key=("id",))
ROWS = [{"id": number, "name": f"n{number}", "price": number / 8} for number in range(1000)]


def compared(folder: Path, left: Any, right: Any, declared: Declared = EXACT) -> TableDifference:
    files = [folder / "left.parquet", folder / "right.parquet"]
    for file, rows in zip(files, (left, right), strict=True):
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
        pq.write_table(table, file)
    return compare_tables(files[0], files[1], declared)


def changed(rows: list[dict[str, Any]], place: int, **cells: Any) -> list[dict[str, Any]]:
    return [{**row, **cells} if number == place else row for number, row in enumerate(rows)]


@pytest.mark.parametrize("declared", [EXACT, BY_ID], ids=["by position", "by key"])
class TestBothWays:
    def test_equal_tables(self, tmp_path: Path, declared: Declared) -> None:
        found = compared(tmp_path, ROWS, ROWS, declared)
        assert found.is_equal
        assert (found.rows, found.touched) == ((1000, 1000), 0.0)

    @pytest.mark.parametrize("place", [0, 500, 999])
    def test_one_inserted_row_is_one_row(
        self, tmp_path: Path, declared: Declared, place: int
    ) -> None:
        new = {"id": 5000, "name": "new", "price": 0.5}
        found = compared(tmp_path, ROWS, [*ROWS[:place], new, *ROWS[place:]], declared)
        label = "id=5000" if declared.key else f"row {place}"
        assert found.extra == Sample(1, (label,))
        assert (found.missing.count, found.changed_rows, found.moved) == (0, 0, 0)

    def test_one_lost_row_is_one_row(self, tmp_path: Path, declared: Declared) -> None:
        found = compared(tmp_path, ROWS, [*ROWS[:7], *ROWS[8:]], declared)
        assert found.missing == Sample(1, ("id=7" if declared.key else "row 7",))
        assert (found.extra.count, found.changed_rows, found.moved) == (0, 0, 0)

    def test_changed_cells_are_counted_measured_and_shown(
        self, tmp_path: Path, declared: Declared
    ) -> None:
        right = changed(changed(ROWS, 3, price=1.0, name="x"), 900, price=112.0)
        found = compared(tmp_path, ROWS, right, declared)
        assert found.counts == (("name", 1), ("price", 2))
        row = "id=3" if declared.key else "3"
        assert found.cells[:2] == (
            Cell(row, "name", "n3", "x"),
            Cell(row, "price", "0.375", "1.0"),
        )
        price = found.columns[1]
        assert (price.largest, price.typical) == (0.625, pytest.approx((0.625 + 0.5) / 2))
        assert found.touched == 2 / 1000

    def test_a_row_inserted_beside_a_changed_one(self, tmp_path: Path, declared: Declared) -> None:
        new = {"id": 5000, "name": "new", "price": 0.5}
        right = changed(ROWS, 900, name="x")
        found = compared(tmp_path, ROWS, [*right[:10], new, *right[10:]], declared)
        assert (found.extra.count, found.missing.count, found.changed_rows) == (1, 0, 1)
        assert found.counts == (("name", 1),)


class TestSchema:
    def test_columns_of_one_side_and_other_types(self, tmp_path: Path) -> None:
        left = [{"id": 1, "only": 1, "size": 1}]
        right = [{"id": 1, "size": 1.0, "new": "x"}]
        found = compared(tmp_path, left, right, BY_ID)
        assert found.schema == (
            SchemaChange("only", "BIGINT", None),
            SchemaChange("size", "BIGINT", "DOUBLE"),
            SchemaChange("new", None, "VARCHAR"),
        )
        assert (found.changed_rows, found.is_equal) == (0, False)

    def test_columns_in_another_order(self, tmp_path: Path) -> None:
        right = [{"price": row["price"], "id": row["id"], "name": row["name"]} for row in ROWS]
        found = compared(tmp_path, ROWS, right, BY_ID)
        assert found.schema == (
            SchemaChange("order of columns", "id, name, price", "price, id, name"),
        )
        assert compared(tmp_path, ROWS, right, Declared(any_order=True)).is_equal

    def test_a_number_that_became_text_is_compared_as_text(self, tmp_path: Path) -> None:
        found = compared(tmp_path, [{"x": 1}, {"x": 2}], [{"x": "1"}, {"x": "3"}])
        assert found.counts == (("x", 1),)

    def test_a_renamed_column(self, tmp_path: Path) -> None:
        right = [{"id": row["id"], "label": row["name"], "price": row["price"]} for row in ROWS]
        declared = replace(BY_ID, renamed=(("name", "label"),))
        assert compared(tmp_path, ROWS, right, declared).is_equal
        right[5]["label"] = "x"
        found = compared(tmp_path, ROWS, right, declared)
        assert found.cells == (Cell("id=5", "name as label", "n5", "x"),)

    def test_a_renamed_key(self, tmp_path: Path) -> None:
        right = [{"key": row["id"], "name": row["name"], "price": row["price"]} for row in ROWS]
        declared = replace(BY_ID, renamed=(("id", "key"),))
        assert compared(tmp_path, ROWS, right, declared).is_equal
        assert compared(tmp_path, ROWS, right[1:], declared).missing == Sample(1, ("id=0",))

    def test_an_ignored_column(self, tmp_path: Path) -> None:
        right = changed(ROWS, 3, price=1.0)
        assert compared(tmp_path, ROWS, right, Declared(ignored=("price",))).is_equal


class TestOrder:
    def test_rows_in_another_order_by_position(self, tmp_path: Path) -> None:
        found = compared(tmp_path, ROWS, [*ROWS[10:], *ROWS[:10]])
        assert (found.moved, found.changed_rows, found.missing.count) == (10, 0, 0)

    def test_any_order_and_keys_make_it_equal(self, tmp_path: Path) -> None:
        for declared in (Declared(any_order=True), BY_ID):
            assert compared(tmp_path, ROWS, ROWS[::-1], declared).is_equal

    def test_any_order_counts_equal_rows(self, tmp_path: Path) -> None:
        left, right = [{"x": 1}, {"x": 1}, {"x": 2}], [{"x": 2}, {"x": 1}, {"x": 2}]
        found = compared(tmp_path, left, right, Declared(any_order=True))
        assert (found.missing.count, found.extra.count) == (1, 1)


class TestKeys:
    def test_a_key_that_repeats_is_named(self, tmp_path: Path) -> None:
        left = [{"id": 1, "x": 1}, {"id": 1, "x": 2}, {"id": 2, "x": 3}]
        found = compared(tmp_path, left, left[1:], BY_ID)
        assert found.duplicates == Sample(1, ("id=1 2 times on the left",))
        assert found.missing.count == 1

    def test_a_key_that_is_missing_equals_itself(self, tmp_path: Path) -> None:
        left = [{"id": None, "x": 1}, {"id": 2, "x": 3}]
        assert compared(tmp_path, left, left[::-1], BY_ID).is_equal

    def test_a_key_of_two_columns(self, tmp_path: Path) -> None:
        left = [{"a": 1, "b": "x", "v": 1}, {"a": 1, "b": "y", "v": 2}]
        found = compared(tmp_path, left, changed(left, 1, v=5), Declared(key=("a", "b")))
        assert found.cells == (Cell("a=1, b=y", "v", "2", "5"),)


class TestTolerance:
    @pytest.mark.parametrize(
        ("tolerance", "difference", "is_equal"),
        [
            (Tolerance(absolute=1e-9), 1e-10, True),
            (Tolerance(absolute=1e-9), 1e-8, False),
            (Tolerance(relative=1e-6), 1e-5, True),
            (Tolerance(relative=1e-6), 1e-3, False),
        ],
    )
    @pytest.mark.parametrize("key", [(), ("id",)])
    def test_numbers(
        self,
        tmp_path: Path,
        key: tuple[str, ...],
        tolerance: Tolerance,
        difference: float,
        is_equal: bool,
    ) -> None:
        right = changed(ROWS, 800, price=100.0 + difference)
        declared = Declared(key=key, tolerances=(("price", tolerance),))
        found = compared(tmp_path, ROWS, right, declared)
        assert found.is_equal is is_equal
        assert found.tolerated == ((("price", 1),) if is_equal else ())

    def test_with_a_key_that_repeats_each_cell_counts_once(self, tmp_path: Path) -> None:
        left = [{"id": 1, "price": price} for price in (1.0, 2.0, 3.0)]
        right = [{**row, "price": row["price"] + 1e-10} for row in left]
        declared = replace(BY_ID, tolerances=(("price", Tolerance(1e-9)),))
        assert compared(tmp_path, left, right, declared).tolerated == (("price", 3),)

    def test_the_rest_of_the_row_is_exact(self, tmp_path: Path) -> None:
        right = changed(ROWS, 800, price=100.0 + 1e-10, name="x")
        declared = replace(BY_ID, tolerances=(("price", Tolerance(1e-9)),))
        found = compared(tmp_path, ROWS, right, declared)
        assert found.counts == (("name", 1),)

    @pytest.mark.parametrize("key", [(), ("id",)])
    def test_tolerated_cells_of_a_row_that_differs_in_others_count(
        self, tmp_path: Path, key: tuple[str, ...]
    ) -> None:
        right = changed(ROWS, 800, price=100.0 + 1e-10, name="x")
        right = changed(right, 801, price=ROWS[801]["price"] + 1e-10)
        declared = Declared(key=key, tolerances=(("price", Tolerance(1e-9)),))
        found = compared(tmp_path, ROWS, right, declared)
        assert (found.counts, found.tolerated) == ((("name", 1),), (("price", 2),))

    def test_all_numbers(self, tmp_path: Path) -> None:
        right = changed(ROWS, 800, price=100.0 + 1e-10)
        assert compared(
            tmp_path, ROWS, right, Declared(tolerances=(("*", Tolerance(1e-9)),))
        ).is_equal

    def test_times(self, tmp_path: Path) -> None:
        left = [{"at": dt.datetime(2024, 1, 1, 0, 0, 0)}]
        right = [{"at": dt.datetime(2024, 1, 1, 0, 0, 2)}]
        for tolerance, is_equal in (("2s", True), ("1900ms", False)):
            declared = Declared(tolerances=(("at", Tolerance.parse(tolerance)),))
            found = compared(tmp_path, left, right, declared)
            assert found.is_equal is is_equal
        assert found.columns[0].largest == 2.0

    def test_nothing_is_near_to_a_missing_number(self, tmp_path: Path) -> None:
        left, right = [{"x": 1.0}], [{"x": None}]
        table = pa.table({"x": pa.array([None], pa.float64())})
        declared = Declared(tolerances=(("x", Tolerance(1e9)),))
        assert not compared(tmp_path, left, table, declared).is_equal
        assert right  # its type would be `null`, which is another difference


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (Declared(key=("no",)), "The key 'no' is no column of the left side; it has id, name"),
        (Declared(ignored=("no",)), "'no' was declared and is no column; there are id, name"),
        (
            Declared(tolerances=(("name", Tolerance(1.0)),)),
            "'name' is declared equal within 1, and it is a column of VARCHAR: only numbers",
        ),
        (
            Declared(renamed=(("a", "b"),)),
            "'a' is declared to be 'b' on the right side; the left side has id, name, price, the"
            " right side id, name, price.",
        ),
        (Declared(renamed=(("name", "b"),)), "'name' is declared to be 'b' on the right side"),
        (Declared(renamed=(("a", "name"),)), "'a' is declared to be 'name' on the right side"),
    ],
)
def test_what_does_not_fit_the_columns_is_refused(
    tmp_path: Path, declared: Declared, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        compared(tmp_path, ROWS, ROWS, declared)
    assert str(caught.value).startswith(words)


def test_a_key_that_only_one_side_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^The key 'id' is no column of the right side; it has x"
    ):
        compared(tmp_path, [{"id": 1, "x": 1}], [{"x": 1}], BY_ID)


def test_a_share_of_a_time_is_refused(tmp_path: Path) -> None:
    times = [{"at": dt.datetime(2024, 1, 1), "x": 1.0}]
    declared = Declared(tolerances=(("at", Tolerance(relative=0.1)),))
    with pytest.raises(ConfigError) as caught:
        compared(tmp_path, times, times, declared)
    assert str(caught.value) == (
        "'at' is a column of times, which have no share: give its tolerance as a duration such as"
        " 2s."
    )
    # A share for all numbers is none for times.
    later = [{"at": dt.datetime(2024, 1, 2), "x": 1.05}]
    found = compared(tmp_path, times, later, Declared(tolerances=(("*", Tolerance(0, 0.1)),)))
    assert found.counts == (("at", 1),)


def test_names_may_hold_quotes(tmp_path: Path) -> None:
    folder = tmp_path / "it's"
    folder.mkdir()
    left = [{'a "b"': 1, "c d": 1}]
    found = compared(folder, left, changed(left, 0, **{"c d": 2}), Declared(key=('a "b"',)))
    assert found.cells == (Cell('a "b"=1', "c d", "1", "2"),)


def test_rows_that_moved_beside_a_changed_one(tmp_path: Path) -> None:
    """The first row stays the first, and the changed one stands between the same two."""
    rows = ROWS[:10]
    right = changed([rows[0], rows[5], *rows[1:5], *rows[6:]], 8, name="x")
    found = compared(tmp_path, rows, right)
    assert (found.moved, found.changed_rows) == (1, 1)
    assert found.cells == (Cell("8", "name", "n8", "x"),)
    inserted = [{"id": 5000, "name": "new", "price": 0.5}, *right]
    assert compared(tmp_path, rows, inserted).cells == (Cell("8 and 9", "name", "n8", "x"),)


@pytest.mark.parametrize(("end", "moved"), [((6, 7, 8, 9), 0), ((8, 6, 7, 9), 1)])
def test_a_row_lost_in_one_place_and_one_new_in_another_are_no_change(
    tmp_path: Path, end: tuple[int, ...], moved: int
) -> None:
    rows = ROWS[:10]
    new = {"id": 5000, "name": "new", "price": 0.5}
    right = [rows[0], new, *rows[1:3], *rows[4:6], *(rows[number] for number in end)]
    found = compared(tmp_path, rows, right)
    assert (found.missing, found.extra) == (Sample(1, ("row 3",)), Sample(1, ("row 1",)))
    assert (found.moved, found.changed_rows) == (moved, 0)


def test_the_cells_of_a_row_come_in_the_order_of_its_columns(tmp_path: Path) -> None:
    left = [{"id": n, "a": 1, "b": 1, "c": 1, "d": 1} for n in range(7)]
    right = [{**row, "a": 2, "b": 1 if row["id"] else 2, "c": 3, "d": 4} for row in left]
    found = compared(tmp_path, left, right, BY_ID)
    assert found.counts == (("a", 7), ("b", 1), ("c", 7), ("d", 7))
    # Of the first five rows.
    assert len(found.cells) == 5 * 3 + 1
    assert [(cell.column, cell.right) for cell in found.cells if cell.row == "id=3"] == [
        *(("a", "2"), ("c", "3"), ("d", "4"))
    ]
    distances = [(column.largest, column.typical) for column in found.columns]
    assert distances == [(1.0, 1.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]


def test_the_first_twelve_changed_columns_have_profiles(tmp_path: Path) -> None:
    left, right = ([{f"c{n}": value for n in range(14)}] for value in (1, 2))
    found = compared(tmp_path, left, right).columns
    assert [column.left is not None for column in found] == [True] * 12 + [False] * 2
    assert [column.changed for column in found] == [1] * 14
    assert found[11].right == Profile(1, 0, 1, 2.0, (2.0,) * 5, (*[0] * 11, 1))


def test_what_was_declared_is_told_with_the_difference(tmp_path: Path) -> None:
    declared = replace(BY_ID, any_order=True)
    found = compared(tmp_path, ROWS, ROWS, declared)
    assert (found.key, found.declared) == (("id",), "in any order; by id")


class TestRepeatedKeys:
    """The first row of a key is matched with the other side's first, and so on."""

    def test_the_keys_of_both_sides_are_named(self, tmp_path: Path) -> None:
        left = [{"a": 1, "b": "x", "v": 1}] * 2 + [{"a": 2, "b": "x", "v": 1}]
        right = [{"a": 1, "b": "x", "v": 1}, *[{"a": 2, "b": "x", "v": 1}] * 3]
        found = compared(tmp_path, left, right, Declared(key=("a", "b")))
        assert found.duplicates == Sample(
            2, ("a=1, b=x 2 times on the left", "a=2, b=x 3 times on the right")
        )
        assert (found.missing, found.extra) == (
            Sample(1, ("a=1, b=x",)),
            Sample(2, ("a=2, b=x",) * 2),
        )

    @pytest.mark.parametrize("name", ["id", "key"])
    def test_one_that_repeats_on_one_side_is_counted_once(self, tmp_path: Path, name: str) -> None:
        left = [{"id": 1, "price": 1.0}, {"id": 1, "price": 1.0}]
        right = [{name: 1, "price": 1.0 + 1e-10}]
        declared = replace(
            BY_ID,
            tolerances=(("price", Tolerance(1e-9)),),
            renamed=(("id", "key"),) if name == "key" else (),
        )
        found = compared(tmp_path, left, right, declared)
        assert (found.missing.count, found.changed_rows) == (1, 0)
        assert found.tolerated == (("price", 1),)


class TestRenamed:
    DECLARED = Declared(
        key=("a", "b"),
        renamed=(("a", "A2"), ("b", "B2"), ("x", "y")),
        tolerances=(("x", Tolerance(0.5)),),
    )

    def test_rows_of_the_right_side_alone_are_named_by_the_left_side_s_key(
        self, tmp_path: Path
    ) -> None:
        left = [{"a": 1, "b": "p", "x": 1.0}]
        right = [{"A2": 1, "B2": "p", "y": 1.25}, {"A2": 2, "B2": "q", "y": 1.0}]
        found = compared(tmp_path, left, right, self.DECLARED)
        assert found.extra == Sample(1, ("a=2, b=q",))
        assert found.tolerated == (("x as y", 1),)
        assert found.schema == ()

    def test_a_cell_beyond_its_tolerance(self, tmp_path: Path) -> None:
        left = [{"a": 1, "b": "p", "x": 1.0}, {"a": 2, "b": "p", "x": 1.0}]
        right = [{"A2": 1, "B2": "p", "y": 1.25}, {"A2": 2, "B2": "p", "y": 2.0}]
        found = compared(tmp_path, left, right, self.DECLARED)
        assert found.cells == (Cell("a=2, b=p", "x as y", "1.0", "2.0"),)
        assert (found.columns[0].largest, found.tolerated) == (1.0, (("x as y", 1),))


def test_the_profiles_of_text_times_and_odd_numbers(tmp_path: Path) -> None:
    day = dt.datetime(1970, 1, 2)
    left = [
        {"id": 1, "text": "a", "at": day, "x": -6.0, "same": 3},
        {"id": 2, "text": None, "at": None, "x": 6.0, "same": 3},
        {"id": 3, "text": "a", "at": day, "x": float("inf"), "same": 3},
    ]
    right = [
        {**row, "text": "b", "at": dt.datetime(1970, 1, 1), "x": -6.0, "same": 4} for row in left
    ]
    columns = {entry.column: entry for entry in compared(tmp_path, left, right, BY_ID).columns}
    assert columns["text"].left == Profile(3, 1, 1)
    assert columns["text"].right == Profile(3, 0, 1)
    assert columns["at"].left == Profile(
        3, 1, 1, 86400.0, (86400.0,) * 5, (*[0] * 11, 2), is_time=True
    )
    assert columns["at"].right == Profile(3, 0, 1, 0.0, (0.0,) * 5, (3, *[0] * 11), is_time=True)
    assert columns["x"].left == Profile(
        3, 0, 3, 0.0, (-6.0, -3.0, 0.0, 3.0, 6.0), (1, *[0] * 10, 1)
    )
    # All values of both sides in the range from 3 to 4: twelve bins of a twelfth.
    assert columns["same"].left == Profile(3, 0, 1, 3.0, (3.0,) * 5, (3, *[0] * 11))


def test_a_column_without_a_single_finite_number_has_no_figures(tmp_path: Path) -> None:
    schema = pa.schema([("x", pa.float64())])
    left, right = (pa.Table.from_pylist([{"x": x}], schema) for x in (None, float("nan")))
    (column,) = compared(tmp_path, left, right).columns
    assert (column.left, column.right) == (Profile(1, 1, 0), Profile(1, 0, 1))


def test_a_column_with_one_value_on_both_sides_has_one_bin(tmp_path: Path) -> None:
    """Missing on one side is the only difference, and the range has no width."""
    left, right = [{"id": 1, "x": 7.0}, {"id": 2, "x": None}], [{"id": n, "x": 7.0} for n in (1, 2)]
    (column,) = compared(tmp_path, left, right, BY_ID).columns
    assert column.left is not None
    assert column.left.bins == (1, *[0] * 11)


def test_the_profiles_of_a_changed_column(tmp_path: Path) -> None:
    left = [{"id": n, "x": float(n)} for n in range(12)]
    right = [{**row, "x": row["x"] if row["id"] else 23.0} for row in left]
    (column,) = compared(tmp_path, left, right, BY_ID).columns
    assert column.left == Profile(
        12, 0, 12, 5.5, (0.0, 2.75, 5.5, 8.25, 11.0), (2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0)
    )
    assert column.right is not None
    assert (column.right.quantiles[-1], column.right.bins[-1]) == (23.0, 1)


CELLS = st.one_of(st.none(), st.integers(0, 3))
TABLES = st.lists(st.tuples(CELLS, CELLS), max_size=8)


@given(TABLES, TABLES)
@settings(max_examples=50)  # each writes two files
def test_what_is_found_explains_the_difference(
    tmp_path_factory: pytest.TempPathFactory, left: Any, right: Any
) -> None:
    """Equal if and only if the rows are; and the counts lead from one table to the other."""
    folder = tmp_path_factory.mktemp("tables")
    schema = pa.schema([("x", pa.int64()), ("y", pa.int64())])
    tables = [
        pa.Table.from_pylist([{"x": x, "y": y} for x, y in rows], schema) for rows in (left, right)
    ]
    found = compared(folder, *tables)
    assert found.is_equal == (left == right)
    assert len(left) - found.missing.count + found.extra.count == len(right)
    anywhere = compared(folder, *tables, Declared(any_order=True))
    assert anywhere.is_equal == (sorted(map(str, left)) == sorted(map(str, right)))
