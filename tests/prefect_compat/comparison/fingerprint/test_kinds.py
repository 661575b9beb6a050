"""Values of every kind: a change is seen, layout is not content, any process agrees."""

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from prefect_compat.comparison.fingerprint.fingerprint import fingerprint
from tests import needs
from tests.prefect_compat.comparison.fingerprint.lasting import EXPECTED as LASTING
from tests.prefect_compat.comparison.fingerprint.lasting import lasting
from tests.prefect_compat.comparison.fingerprint.values import (
    BERLIN,
    CHANGES,
    NOON,
    SNAPSHOT,
    digests,
    fitted,
)

EXPECTED = {
    "table": "e8969bdcd2512918c53a4fa4ebc905c1dc18e96cc515e3f52c83881b291c46f7",
    "arrow table": "32b95107c4eb33140febc5d9dd93ae1ddbfe704afb91c0c9f21f42d3472f3594",
    "array": "61b6ad97f94f4d341db077b95c773f1305904bd1d2424bad57221e8ced32b36d",
    "document": "7fff34b6bb9a846fe79aad9c49d57a686cfeb8d11d8d86126c1fde17fcc83ad4",
    "record": "794facf94c8a775e5ab5be82f5595ab58d2a4fe4cdbb73554437064221d38212",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_and_the_same_value_made_twice_is_the_same(name: str) -> None:
    if name in ("timedelta", "object and str"):
        needs.pandas_3()
    value, changed = CHANGES[name]
    assert fingerprint(value()).is_comparable, fingerprint(value()).digest
    assert fingerprint(changed()).is_comparable, fingerprint(changed()).digest
    assert fingerprint(value()).same_as(fingerprint(value()))
    assert fingerprint(value()).digest != fingerprint(changed()).digest


def test_any_machine_finds_these_digests() -> None:
    needs.pandas_3()
    assert {name: fingerprint(make()).digest for name, make in SNAPSHOT.items()} == EXPECTED


def test_no_version_changes_the_digest_of_a_known_kind() -> None:
    needs.pandas_3()
    expected = json.loads(LASTING.read_text())
    assert {name: fingerprint(make()).digest[:16] for name, make in lasting().items()} == expected


def test_another_process_with_another_seed_of_hashes_agrees(root: Path) -> None:
    module = "tests.prefect_compat.comparison.fingerprint.values"
    code = f"import json; from {module} import digests; print(json.dumps(digests()))"
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "123"},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout) == digests()


NAN_PAYLOAD = np.array([0x7FF8000000000123, 0xFFF8000000000000], "u8").view("f8")
TEXTS = pa.array(["x", "a", None, "bc"])
NESTED = pa.array([[9], [1, 2], None, []])
PYTHON, ARROW = pd.StringDtype("python", na_value=np.nan), pd.StringDtype("pyarrow", np.nan)


def chunked(array: pa.Array) -> pa.ChunkedArray:
    return pa.chunked_array([array[:1], array[1:1], array[1:]])


def behind_null(value: int) -> pa.Array:
    cells = pa.array([1, value]).buffers()[1]
    return pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), cells])


def of_pandas(**metadata: Any) -> pa.Table:
    written = json.dumps({"columns": [1], **metadata}).encode()
    return pa.table({"a": [1]}).replace_schema_metadata({"pandas": written})


def coo(*columns: int) -> Any:
    return scipy.sparse.coo_array(([float(c) for c in columns], ([0] * len(columns), columns)))


LAYOUTS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "byte order": (lambda: np.arange(3.0), lambda: np.arange(3.0).astype(">f8")),
    "byte order of text": (lambda: np.array(["ab"], "<U2"), lambda: np.array(["ab"], ">U2")),
    "byte order of moments": (lambda: np.array([1], "<M8[s]"), lambda: np.array([1], ">M8[s]")),
    "byte order of fields": (
        lambda: np.array([(1, 2)], [("a", "<i4"), ("b", "<f8")]),
        lambda: np.array([(1, 2)], np.dtype([("a", ">i4"), ("b", ">f8")], align=True)),
    ),
    "Fortran": (
        lambda: np.arange(6.0).reshape(2, 3),
        lambda: np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    ),
    "step": (lambda: np.arange(3), lambda: np.arange(9)[::3] // 3),
    "what is true": (lambda: np.array([1, 0], bool), lambda: np.array([7, 0], "u1").view(bool)),
    "NaN payload": (lambda: np.array([np.nan, np.nan]), lambda: NAN_PAYLOAD),
    "NaN payload of a scalar": (lambda: float("nan"), lambda: float(NAN_PAYLOAD[0])),
    "NaN payload of a decimal": (lambda: Decimal("NaN"), lambda: Decimal("NaN123")),
    "behind a mask": (
        lambda: np.ma.masked_array([1, 2], [False, True]),
        lambda: np.ma.masked_array([1, 3], [False, True]),
    ),
    "behind a missing integer": (
        lambda: pd.arrays.IntegerArray(np.array([1, 99]), np.array([False, True])),
        lambda: pd.arrays.IntegerArray(np.array([1, -5]), np.array([False, True])),
    ),
    "behind a null": (lambda: behind_null(5), lambda: behind_null(6)),
    "storage of text": (
        lambda: pd.Series(["a", None, "ü"], dtype=PYTHON),
        lambda: pd.Series(["a", None, "ü"], dtype=ARROW),
    ),
    "index of a sparse column": (
        lambda: pd.arrays.SparseArray([0.0, 1.0], fill_value=0.0),
        lambda: pd.arrays.SparseArray([0.0, 1.0], fill_value=0.0, kind="block"),
    ),
    "range": (lambda: pd.RangeIndex(3), lambda: pd.Index([0, 1, 2])),
    "frequency of an index": (
        lambda: pd.date_range("2016-01-01", periods=2),
        lambda: pd.DatetimeIndex(pd.date_range("2016-01-01", periods=2), freq=None),
    ),
    "unused levels": (
        lambda: pd.MultiIndex.from_tuples([("b", 2)]),
        lambda: pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])[1:],
    ),
    "rows of a larger table": (
        lambda: pd.DataFrame({"a": [2, 3], "b": ["y", "z"]}, index=[1, 2]),
        lambda: pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}).iloc[1:],
    ),
    "chunks of text": (lambda: TEXTS, lambda: chunked(TEXTS)),
    "chunks of lists": (lambda: NESTED, lambda: chunked(NESTED)),
    "offset of text": (lambda: TEXTS[1:], lambda: pa.array(["a", None, "bc"])),
    "offset of lists": (lambda: NESTED[1:], lambda: pa.array([[1, 2], None, []])),
    "offset of a map": (
        lambda: pa.array([[("x", 0)], [("a", 1)], None], pa.map_(pa.string(), pa.int64()))[1:],
        lambda: pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    ),
    "offset of records": (
        lambda: pa.array([{"a": 0}, {"a": 1}, None])[1:],
        lambda: pa.array([{"a": 1}, None]),
    ),
    "entries of a dictionary": (
        lambda: pa.DictionaryArray.from_arrays(pa.array([0, 1]), ["a", "b"]),
        lambda: pa.DictionaryArray.from_arrays(pa.array([2, 1]), ["c", "b", "a"]),
    ),
    "table and batch": (
        lambda: pa.table({"a": [1, 2]}),
        lambda: pa.record_batch({"a": [1, 2]}),
    ),
    "no chunk": (lambda: pa.chunked_array([], pa.string()), lambda: pa.array([], pa.string())),
    "who wrote": (
        lambda: of_pandas(pandas_version="1", creator={"version": "1"}),
        lambda: of_pandas(pandas_version="2", creator={"version": "2"}),
    ),
    "zone's library": (
        lambda: NOON.replace(tzinfo=dt.UTC),
        lambda: NOON.replace(tzinfo=type(BERLIN)("UTC")),
    ),
    "order of a dict": (lambda: {"a": 1, 2: {3: 4, 5: 6}}, lambda: {2: {5: 6, 3: 4}, "a": 1}),
    "sets as keys": (lambda: {frozenset("ab"): 1}, lambda: {frozenset("ba"): 1}),
    "stored order": (lambda: coo(1, 2), lambda: coo(2, 1)),
    "machine's threads": (
        lambda: fitted(KMeans(2, random_state=0, n_init=1)),
        lambda: vary_threads(fitted(KMeans(2, random_state=0, n_init=1))),
    ),
}


def vary_threads(model: Any) -> Any:
    model._n_threads += 1
    return model


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_is_not_content(name: str) -> None:
    left, right = (fingerprint(make()) for make in LAYOUTS[name])
    assert left.is_comparable, left.digest
    assert left.same_as(right)


def test_what_pandas_says_of_columns_is_content_of_an_arrow_schema() -> None:
    assert not fingerprint(of_pandas()).same_as(fingerprint(of_pandas(columns=[2])))


def test_a_memory_mapped_array_is_the_array(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert fingerprint(mapped).same_as(fingerprint(np.arange(3)))


def test_a_file_is_its_content_wherever_it_lies(tmp_path: Path) -> None:
    for name, data in {"a": b"same", "b": b"same", "c": b"other"}.items():
        (tmp_path / name).write_bytes(data)
    a, b, c = (fingerprint(tmp_path / name) for name in "abc")
    assert a.kind == "file"
    assert a.same_as(b)
    assert not a.same_as(c)
    assert not a.same_as(fingerprint(b"same"))
    assert not fingerprint(tmp_path / "absent").is_comparable


def test_a_directory_is_its_files_by_relative_name(tmp_path: Path) -> None:
    for place, name in [("one", "in/a"), ("two", "in/a"), ("three", "in/b")]:
        (tmp_path / place / "in").mkdir(parents=True)
        (tmp_path / place / name).write_bytes(b"x")
    one, two, three = (fingerprint(tmp_path / name) for name in ("one", "two", "three"))
    assert one.same_as(two)
    assert not one.same_as(three)
    (tmp_path / "two" / "empty").mkdir()
    assert not one.same_as(fingerprint(tmp_path / "two"))


def test_a_polars_frame_is_its_arrow_table() -> None:
    """A double, since polars is not installed: the rule goes by the class's name."""
    double = type("DataFrame", (), {"to_arrow": lambda self: self.table})
    double.__module__ = "polars.dataframe.frame"
    frames = [double(), double(), double()]
    for frame, cell in zip(frames, (1, 1, 2), strict=True):
        frame.table = pa.table({"a": [cell]})
    one, same, other = map(fingerprint, frames)
    assert one.same_as(same)
    assert not one.same_as(other)


CELLS = st.lists(st.none() | st.integers(-9, 9), min_size=1, max_size=9)


@given(CELLS, st.lists(st.integers(0, 9), max_size=4))
def test_chunks_of_an_arrow_table_are_not_content(cells: list[Any], cuts: list[int]) -> None:
    table = pa.table({"n": cells, "t": [str(cell) for cell in cells], "l": [[c] for c in cells]})
    edges = [0, *sorted(cuts), len(cells)]
    slices = [
        table.slice(start, max(0, min(stop, len(cells)) - start)) for start, stop in pairwise(edges)
    ]
    assert fingerprint(pa.concat_tables(slices)).same_as(fingerprint(table))


@given(CELLS, st.data(), st.sampled_from(["Int64", "float64", "object", "string", "int8[pyarrow]"]))
def test_one_changed_cell_is_seen(cells: list[Any], data: st.DataObject, dtype: str) -> None:
    position = data.draw(st.integers(0, len(cells) - 1))
    changed = [*cells[:position], 77, *cells[position + 1 :]]
    left, right = (
        fingerprint(pd.DataFrame({"c": pd.Series(values, dtype=dtype)}))
        for values in (cells, changed)
    )
    assert not left.same_as(right)
    seen = {name for (name, one), (_, other) in zip(left.parts, right.parts, strict=True)
            if one != other}  # fmt: skip
    assert seen == {"c"}


def test_a_dask_frame_is_what_it_computes_to() -> None:
    dd = pytest.importorskip("dask.dataframe")

    frame = pd.DataFrame({"a": [1, 2, 3]}, index=range(3))
    halves, whole = (dd.from_pandas(frame, npartitions=number) for number in (2, 1))
    assert fingerprint(halves).same_as(fingerprint(whole))
    assert not fingerprint(halves).same_as(fingerprint(dd.from_pandas(frame + 1, npartitions=2)))
