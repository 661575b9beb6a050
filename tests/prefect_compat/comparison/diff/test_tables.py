"""Two tables by key and by position: what is missing, extra, changed, moved, doubled, tolerated."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
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

    def test_all_numbers(self, tmp_path: Path) -> None:
        right = changed(ROWS, 800, price=100.0 + 1e-10)
        assert compared(
            tmp_path, ROWS, right, Declared(tolerances=(("*", Tolerance(1e-9)),))
        ).is_equal

    def test_times(self, tmp_path: Path) -> None:
        import datetime as dt

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
        (Declared(renamed=(("a", "b"),)), "'a' is declared to be 'b' on the right side"),
    ],
)
def test_what_does_not_fit_the_columns_is_refused(
    tmp_path: Path, declared: Declared, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        compared(tmp_path, ROWS, ROWS, declared)
    assert str(caught.value).startswith(words)


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
