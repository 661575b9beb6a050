"""Text rows show exactly the cells that differ."""

from collections import OrderedDict
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
from prefect_compat.comparison.diff.text_rows import text_rows
from prefect_compat.graph.plan import OutputId
from tests.prefect_compat.comparison.fingerprint.tables import table
from tests.prefect_compat.comparison.fingerprint.values import CHANGES, Trial


def places(value: Any) -> dict[str, str]:
    rows = text_rows(value)
    assert list(rows.columns) == ["place", "value"]
    return dict(zip(rows["place"], rows["value"], strict=True))


def differing(left: pd.DataFrame, right: pd.DataFrame) -> set[tuple[int, str]]:
    assert list(left.columns) == list(right.columns)
    unequal = np.argwhere((left != right).to_numpy())
    return {(int(row), left.columns[column]) for row, column in unequal}


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
    shown = text_rows(table().set_axis(index))
    attrs = ".attrs['provenance']['seed']"
    assert list(shown.columns) == ["index 0", "index 1", *table().columns, attrs]
    assert {str(dtype) for dtype in shown.dtypes} == {"str"}
    assert not shown.isna().any(axis=None)
    assert shown["index 1"].tolist() == ["1", "2", "3"]


def test_missing_values_are_told_apart_and_never_read_as_text() -> None:
    cells = [None, float("nan"), pd.NA, pd.NaT, "NA", "None", 1, "1", 1.0, -0.0, b"1"]
    shown = text_rows(pd.DataFrame({"c": pd.Series(cells, dtype=object)}))["c"].tolist()
    assert shown[:6] == ["None", "NaN", "NA", "NaT", "'NA'", "'None'"]
    assert len(set(shown)) == len(cells)
    typed = text_rows(pd.DataFrame({"c": pd.Series(["NA", None, "a"], dtype="string")}))
    assert typed["c"].tolist() == ["'NA'", "NA", "a"]


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
    shown = text_rows(value)
    assert shown["a"].tolist() == ["1", "NA"]
    assert shown["b"].tolist() == ["[0]: 1.5", "empty list"]
    assert shown["t"].tolist() == ["00:00:00.000000001", "00:00:00.000000002"]


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
        found = differing_rows(OutputId(("a",), None), text_rows(left), text_rows(right))
        assert found.counts == ((".attrs['seed']", 1),)
        assert [(cell.dagster, cell.prefect) for cell in found.cells] == [texts]


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
    assert places(np.array([[1, 2], [3, 4]]))["[1, 0]"] == "3"
    assert places(pa.array([1, None]))["[1]"] == "NA"
    assert places(pd.Index(["a"]))["[0]"] == "a"
    assert text_rows(pd.Series([1], name="s")).columns.tolist() == ["index 0", "s"]


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
    assert text_rows(left()).equals(text_rows(left()))
    assert not text_rows(left()).equals(text_rows(right()))
