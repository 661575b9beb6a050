"""Text rows show exactly the cells that differ."""

from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_compat.comparison.diff.rows import differing_rows
from prefect_compat.comparison.diff.text_rows import TextTable, text_rows
from tests import needs
from tests.prefect_compat.comparison.fingerprint.tables import table
from tests.prefect_compat.comparison.fingerprint.values import CHANGES, Trial


def places(value: Any) -> dict[str, str]:
    rows = text_rows(value)
    assert rows.names == ("place", "value")
    return dict(zip(*rows.columns, strict=True))


def shown(value: Any) -> dict[str, tuple[str, ...]]:
    rows = text_rows(value)
    assert len(set(rows.names)) == len(rows.names)
    return dict(zip(rows.names, rows.columns, strict=True))


def differing(left: TextTable, right: TextTable) -> set[tuple[int, str]]:
    assert left.names == right.names
    return {
        (row, name)
        for name, mine, other in zip(left.names, left.columns, right.columns, strict=True)
        for row, cells in enumerate(zip(mine, other, strict=True))
        if cells[0] != cells[1]
    }


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("whole", 3),
        ("whole", pd.NA),
        ("real", np.nextafter(0.2, 1)),
        ("text", "bd"),
        ("when", pd.Timestamp(1, unit="us")),
        ("for", pd.Timedelta(1, "us")),
        ("kind", "y"),
        ("flag", True),
    ],
)
def test_one_changed_cell_is_the_one_that_differs(column: str, cell: Any) -> None:
    changed = table()
    changed.loc[1, column] = cell
    assert differing(text_rows(table()), text_rows(changed)) == {(1, column)}


def test_all_is_text_and_the_index_comes_first() -> None:
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2), ("c", 3)])
    rows = text_rows(table().set_axis(index))
    attrs = ".attrs['provenance']['seed']"
    assert rows.names == ("index 0", "index 1", *table().columns, attrs)
    assert {type(cell) for cells in rows.columns for cell in cells} == {str}
    assert rows.columns[1] == ("1", "2", "3")


def test_missing_values_are_told_apart_and_never_read_as_text() -> None:
    cells = [None, float("nan"), pd.NA, pd.NaT, "NA", "None", 1, "1", 1.0, -0.0, b"1"]
    texts = shown(pd.DataFrame({"c": pd.Series(cells, dtype=object)}))["c"]
    assert texts[:6] == ("None", "NaN", "NA", "NaT", "'NA'", "'None'")
    assert len(set(texts)) == len(cells)
    typed = shown(pd.DataFrame({"c": pd.Series(["NA", None, "a"], dtype="string")}))
    assert typed["c"] == ("'NA'", "NA", "a")


@given(st.lists(st.floats() | st.none() | st.text() | st.integers(), max_size=5))
def test_equal_text_means_equal_cells(cells: list[Any]) -> None:
    for position in range(len(cells)):
        changed = [*cells[:position], "other!", *cells[position + 1 :]]
        left, right = (text_rows(pd.DataFrame({"c": pd.Series(v, dtype=object)}))
                       for v in (cells, changed))  # fmt: skip
        expected = set() if cells[position] == "other!" else {(position, "c")}
        assert differing(left, right) == expected


def test_an_arrow_table_shows_its_columns() -> None:
    value = pa.table({"a": [1, None], "b": [[1.5], []], "t": pa.array([1, 2], pa.time64("ns"))})
    assert shown(value) == {
        "a": ("1", "NA"),
        "b": ("[0]: 1.5", "empty list"),
        "t": ("00:00:00.000000001", "00:00:00.000000002"),
    }


def test_containers_and_records_show_a_leaf_a_row() -> None:
    value = {"b": [1, {"x": None}], "a": Trial(0.1, {"k": "v"}), 3: {"q"}, "e": []}
    assert places(value) == {
        "['a'] type": "tests.prefect_compat.comparison.fingerprint.values.Trial",
        "['a'].notes['k']": "'v'",
        "['a'].score": "0.1",
        "['b'][0]": "1",
        "['b'][1]['x']": "None",
        "['e']": "empty list",
        "[3]{'q'}": "'q'",
    }


def test_what_a_table_carries_beside_its_cells_is_one_differing_cell() -> None:
    plain, noted, other = (pd.DataFrame({"c": [1, 2, 3]}) for _ in range(3))
    noted.attrs["seed"], other.attrs["seed"] = 1, 2
    for left, right, texts in ((plain, noted, ("nothing", "1")), (noted, other, ("1", "2"))):
        found = differing_rows(text_rows(left), text_rows(right))
        assert found.counts == ((".attrs['seed']", 1),)
        assert [(cell.left, cell.right) for cell in found.cells] == [texts]


def test_a_class_alone_is_a_differing_row() -> None:
    left, right = OrderedDict(a=1), {"a": 1}
    assert places([left])["[0] type"] == "collections.OrderedDict"
    assert "[0] type" not in places([right])


def test_keys_are_sorted_and_sequences_keep_their_order() -> None:
    assert list(places({"b": 1, "a": 2})) == ["['a']", "['b']"]
    assert list(places(list(range(11))))[-2:] == ["[9]", "[10]"]


def test_a_table_inside_a_document_shows_its_cells() -> None:
    assert places({"t": pd.DataFrame({"c": [1.5]})}) == {
        "['t']['index 0'][0]": "0",
        "['t']['c'][0]": "1.5",
    }


def test_an_array_shows_its_places() -> None:
    needs.pandas_3()
    assert places(np.array([[1, 2], [3, 4]]))["[1, 0]"] == "3"
    assert places(pa.array([1, None]))["[1]"] == "NA"
    assert places(pd.Index(["a"]))["[0]"] == "a"
    assert text_rows(pd.Series([1], name="s")).names == ("index 0", "s")


def test_bytes_and_files_show_32_to_a_line(tmp_path: Path) -> None:
    data = bytes(range(40))
    assert places(data) == {"00000000": data[:32].hex(), "00000020": data[32:].hex()}
    (tmp_path / "a").write_bytes(data)
    assert places(tmp_path / "a") == places(data)
    assert list(places(tmp_path)) == ["/a 00000000", "/a 00000020"]


def test_anything_else_is_one_row_and_a_cycle_ends() -> None:
    assert places(len) == {"": "<built-in function len>"}
    ring: list[Any] = [1]
    ring.append(ring)
    assert places(ring) == {"[0]": "1", "[1]": "list nested without end"}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        CHANGES[name]
        for name in (
            *("column Int64", "column Float32", "zoned", "timedelta", "period", "interval"),
            *("sparse", "money", "lists in a column", "records in a column", "objects"),
            *("None and NaN", "NaN and NA", "surrogates", "surrogates as str", "series"),
            *("multi-index", "records in NumPy", "masked", "sign of zero", "complex", "int"),
            *("decimal", "fold", "enum", "Arrow map", "Arrow struct", "Arrow union", "dataclass"),
            *("pydantic", "private attribute", "attrs", "fitted forest", "sparse matrix", "set"),
        )
    ],
)
def test_a_change_of_content_is_a_change_of_text(
    left: Callable[[], Any], right: Callable[[], Any]
) -> None:
    if left is CHANGES["timedelta"][0]:
        needs.pandas_3()
    assert text_rows(left()) == text_rows(left())
    assert text_rows(left()) != text_rows(right())


DOCUMENT = ("place", "value")


def rows_of(value: Any) -> list[tuple[str, str]]:
    found = text_rows(value)
    assert found.names == DOCUMENT
    assert found.rows == len(found.columns[0])
    return list(zip(*found.columns, strict=True))


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (None, [("", "None")]),
        (True, [("", "True")]),
        (1.5, [("", "1.5")]),
        (float("nan"), [("", "NaN")]),
        ("a'b", [("", '"a\'b"')]),
        (pd.NA, [("", "NA")]),
        (pd.NaT, [("", "NaT")]),
        (2**999, [("", str(2**999))]),
        (2**1000, [("", hex(2**1000))]),
        (-(2**1000), [("", hex(-(2**1000)))]),
        ([], [("", "empty list")]),
        ({}, [("", "empty dict")]),
        (set(), [("", "empty set")]),
        ([[], b"a"], [("[0]", "empty list"), ("[1]", "b'a'")]),
        ((1, 2), [("[0]", "1"), ("[1]", "2")]),
        ({2: "b", "1": "a"}, [("['1']", "'a'"), ("[2]", "'b'")]),
        ({(1, 2): 3}, [("[[0]: 1; [1]: 2]", "3")]),
        ({"b", "a"}, [("{'a'}", "'a'"), ("{'b'}", "'b'")]),
        (frozenset({2, 1}), [("{1}", "1"), ("{2}", "2")]),
        (deque([1]), [("[0]", "1")]),
        (b"", []),
        (np.array(3), [("[]", "3")]),
        (np.array([], dtype="int64"), [("", "empty ndarray")]),
        (np.zeros((1, 1, 2)), [("[0, 0, 0]", "0.0"), ("[0, 0, 1]", "0.0")]),
        (bytearray(b"ab"), [("00000000", "6162")]),
    ],
)  # fmt: skip
def test_a_value_has_these_rows(value: Any, rows: list[tuple[str, str]]) -> None:
    assert rows_of(value) == rows


@pytest.mark.parametrize("dtype", ["str", "string"])
@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("a", "a"),
        ("", ""),
        ("NaN", "'NaN'"),
        ("<NA>", "'<NA>'"),
        ("'a'", "\"'a'\""),
        ('"a', "'\"a'"),
        ("a'", "a'"),
        ("a\nb", "'a\\nb'"),
    ],
)
def test_text_of_a_typed_column_is_quoted_if_it_could_be_mistaken(
    cell: str, text: str, dtype: str
) -> None:
    if dtype == "str":
        needs.pandas_3()
    assert shown(pd.DataFrame({"c": pd.Series([cell], dtype=dtype)}))["c"] == (text,)


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        (pd.Series([pd.Timestamp("2016-05-10 01:02", tz="UTC"), pd.NaT]),
         ("2016-05-10 01:02:00+00:00", "NaT")),
        (pd.Series([pd.Timedelta("1D")]), ("1 days 00:00:00",)),
        (pd.Series([pd.Period("2016-05", "M")]), ("2016-05",)),
        (pd.Series([pd.Interval(1, 2)]), ("(1, 2]",)),
        (pd.Series([1, None], dtype=pd.ArrowDtype(pa.int64())), ("1", "NA")),
        (pd.Series([[1, "a"], 1.0], dtype=object), ("[0]: 1; [1]: 'a'", "1.0")),
    ],
)  # fmt: skip
def test_a_column_has_these_cells(column: Any, cells: tuple[str, ...]) -> None:
    assert shown(pd.DataFrame({"c": column}))["c"] == cells


def test_a_series_is_a_table_with_its_name() -> None:
    assert shown(pd.Series([1, 2], name="s")) == {"index 0": ("0", "1"), "s": ("1", "2")}
    noted = pd.Series([1, 2], name="s")
    noted.attrs["seed"] = 7
    assert shown(noted)[".attrs['seed']"] == ("7", "nothing")


def test_the_names_of_the_axes_stand_beside_the_cells() -> None:
    frame = pd.DataFrame({"c": [1, 2]}, index=pd.Index([5, 6], name="i"))
    assert shown(frame) == {
        "index 0": ("5", "6"),
        "c": ("1", "2"),
        ".index.names[0]": ("'i'", "nothing"),
    }
    named = pd.DataFrame([[1]], columns=pd.Index(["c"], name="k"))
    assert shown(named)[".columns.names[0]"] == ("'k'",)


def test_a_table_without_rows_keeps_its_columns() -> None:
    empty = pd.DataFrame({"c": pd.Series([], dtype="int64")})
    empty.attrs["seed"] = 7
    found = text_rows(empty)
    assert (found.names, found.columns) == (
        ("index 0", "c", ".attrs['seed']"),
        (("nothing",), ("nothing",), ("7",)),
    )
    assert (found.rows, found.is_empty) == (0, True)
    plain = text_rows(empty.rename_axis(None).set_flags(allows_duplicate_labels=True)[["c"]])
    assert plain.rows == 0
    assert TextTable((), ()).rows == 0


def test_names_that_are_no_utf_8_are_escaped() -> None:
    assert text_rows(pd.DataFrame([[1]], columns=pd.Index(["\ud800"], dtype=object))).names == (
        "index 0",
        "\\ud800",
    )


def test_a_record_batch_is_a_table() -> None:
    batch = pa.record_batch({"a": [1, None], "t": pa.array([1, 2], pa.time64("ns"))})
    assert shown(batch) == {
        "a": ("1", "NA"),
        "t": ("00:00:00.000000001", "00:00:00.000000002"),
    }


def test_a_cell_of_a_table_in_a_list_has_its_column_and_row() -> None:
    assert rows_of([pa.table({"c": [1, 2]})]) == [("[0]['c'][0]", "1"), ("[0]['c'][1]", "2")]


def test_a_list_a_hundred_levels_deep_is_shown_and_a_deeper_one_is_not() -> None:
    def nested(levels: int) -> list[Any]:
        value: list[Any] = [1]
        for _ in range(levels - 1):
            value = [value]
        return value

    assert rows_of(nested(99)) == [("[0]" * 99, "1")]
    assert rows_of(nested(101)) == [("[0]" * 100, "list nested without end")]


def test_one_value_in_two_places_is_no_cycle() -> None:
    part = [1]
    assert rows_of([part, part]) == [("[0][0]", "1"), ("[1][0]", "1")]


def test_an_address_in_memory_is_left_out() -> None:
    class Odd:
        def __repr__(self) -> str:
            return "<Odd at 0x7f00aBcD and 1 at 0x1>"

    assert rows_of(Odd())[-1][1] in ("<Odd and 1>", "empty Odd")


def test_the_files_of_a_folder_come_in_order(tmp_path: Path) -> None:
    for name in ("b/c", "a", "b/a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert rows_of(tmp_path) == [
        ("/a 00000000", b"a".hex()),
        ("/b/a 00000000", b"b/a".hex()),
        ("/b/c 00000000", b"b/c".hex()),
    ]
    missing = tmp_path / "missing"
    assert rows_of([tmp_path / "a"]) == [("[0]00000000", "61")]
    assert "missing" in rows_of(missing)[0][1]


def test_bytes_inside_a_container_stand_on_one_line() -> None:
    assert rows_of([bytes(range(40))]) == [("[0]", repr(bytes(range(40))))]
    assert rows_of(bytes(64)) == [("00000000", "00" * 32), ("00000020", "00" * 32)]


class Measured(np.ndarray):
    """An array with an attribute."""


def test_an_attribute_of_an_array_stands_beside_its_cells() -> None:
    array = np.array([1.5]).view(Measured)
    array.unit = "h"
    grid = np.array([[1.5]]).view(Measured)
    grid.unit = "d"
    rows = places({"array": array, "grid": grid})
    assert rows["['array'][0]"] == "1.5"
    assert rows["['array'].unit"] == "'h'"
    assert rows["['grid'][0, 0]"] == "1.5"
    assert rows["['grid'].unit"] == "'d'"


def test_a_time_of_day_in_arrow_keeps_its_nanoseconds() -> None:
    times = pd.Series([1], dtype=pd.ArrowDtype(pa.time64("ns")))
    assert shown(pd.DataFrame({"c": times}))["c"] == ("00:00:00.000000001",)


def test_a_table_without_columns_has_no_rows() -> None:
    assert text_rows(pa.table({})) == TextTable((), ())
