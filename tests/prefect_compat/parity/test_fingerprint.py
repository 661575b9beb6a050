"""The digest sees every change of content and no change of layout."""

import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_compat.parity.fingerprint import fingerprint


def table() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, 2, None], dtype="Int64"),
            "real": [0.1, 0.2, float("nan")],
            "text": pd.array(["a", "bc", None], dtype="str"),
            "when": pd.to_datetime(["2016-02-29 01:16", None, "2016-03-01 00:00"]),
            "for": pd.to_timedelta([1, 2, 3], unit="s"),
            "kind": pd.Categorical(["x", None, "y"]),
            "flag": [True, False, True],
        }
    )
    frame.attrs["provenance"] = {"seed": 1}
    return frame


def assign(**columns: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(**columns)


CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "the last bit of a float": assign(real=[0.1, np.nextafter(0.2, 1), float("nan")]),
    "a missing float": assign(real=[0.1, 0.2, 0.0]),
    "the sign of a zero": assign(flag=[0.0, -0.0, 1.0]),
    "an integer": lambda f: f.assign(whole=f["whole"] + 1),
    "a missing integer": lambda f: f.assign(whole=f["whole"].fillna(0)),
    "a text": lambda f: f.assign(text=pd.array(["a", "bd", None], dtype="str")),
    "where a text ends": lambda f: f.assign(text=pd.array(["ab", "c", None], dtype="str")),
    "an empty text for a missing one": lambda f: f.assign(text=f["text"].fillna("")),
    "a moment": lambda f: f.assign(when=f["when"] + pd.Timedelta(1, "s")),
    "the unit of moments": lambda f: f.assign(when=f["when"].astype("datetime64[ms]")),
    "a time zone": lambda f: f.assign(when=f["when"].dt.tz_localize("UTC")),
    "a duration": lambda f: f.assign(**{"for": f["for"] * 2}),
    "a category": lambda f: f.assign(kind=pd.Categorical(["x", None, "x"], ["x", "y"])),
    "the order of categories": lambda f: f.assign(
        kind=f["kind"].cat.reorder_categories(["y", "x"])
    ),
    "ordered categories": lambda f: f.assign(kind=f["kind"].cat.as_ordered()),
    "a flag": assign(flag=[True, True, True]),
    "flags as numbers": lambda f: f.assign(flag=f["flag"].astype("int64")),
    "the dtype of integers": lambda f: f.assign(whole=f["whole"].astype("Int32")),
    "text as objects": lambda f: f.assign(text=f["text"].astype(object)),
    "a column's name": lambda f: f.rename(columns={"real": "reel"}),
    "the order of columns": lambda f: f[list(reversed(f.columns))],
    "the order of rows": lambda f: f.iloc[::-1].reset_index(drop=True),
    "the index": lambda f: f.set_axis([1, 2, 3]),
    "the index's name": lambda f: f.rename_axis("row"),
    "a row less": lambda f: f.iloc[:2],
    "a column less": lambda f: f.drop(columns="flag"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(change: str) -> None:
    changed = CHANGES[change](table())
    changed.attrs = table().attrs
    assert fingerprint(changed).is_comparable
    assert not fingerprint(changed).same_as(fingerprint(table()))


def test_attrs_are_content() -> None:
    other = table()
    other.attrs["provenance"] = {"seed": 2}
    assert not fingerprint(other).same_as(fingerprint(table()))


def test_layout_is_not_content() -> None:
    frame = table()
    doubled = pd.concat([frame, frame]).iloc[3:]  # views, other offsets
    doubled.attrs = frame.attrs
    assert fingerprint(doubled).same_as(fingerprint(frame))
    square = np.arange(12.0).reshape(3, 4)
    assert fingerprint(np.asfortranarray(square)).same_as(fingerprint(square))
    assert fingerprint(square.astype(">f8")).same_as(fingerprint(square))
    assert not fingerprint(square.reshape(4, 3)).same_as(fingerprint(square))


def test_what_lies_behind_a_missing_value_is_not_content() -> None:
    whole = pd.arrays.IntegerArray(np.array([1, 99]), np.array([False, True]))
    other = pd.arrays.IntegerArray(np.array([1, -5]), np.array([False, True]))
    tables = [fingerprint(pd.DataFrame({"n": array})) for array in (whole, other)]
    assert tables[0].same_as(tables[1])


def test_it_is_the_same_in_another_process() -> None:
    """Whatever the seed of Python's hashes."""
    code = (
        "from tests.prefect_compat.parity.test_fingerprint import table\n"
        "from prefect_compat.parity.fingerprint import fingerprint\n"
        "print(fingerprint(table()).digest)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == fingerprint(table()).digest


MONEY = pd.ArrowDtype(pa.decimal128(5, 2))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


@given(st.dictionaries(st.text(), DOCUMENTS))
def test_the_order_of_keys_is_not_content(document: dict[str, Any]) -> None:
    shuffled = dict(reversed(document.items()))
    if not fingerprint(document).is_comparable:  # infinities: JSON has none
        return
    assert fingerprint(shuffled).same_as(fingerprint(document))


@given(st.lists(st.floats(), min_size=1), st.data())
def test_one_changed_cell_is_seen(values: list[float], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(values) - 1))
    changed = list(values)
    changed[position] = 0.5 if values[position] != 0.5 else 1.5
    left, right = (fingerprint(pd.DataFrame({"x": column})) for column in (values, changed))
    assert not left.same_as(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True),
        (1, 1.0),
        (1, "1"),
        ({"a": None}, {}),
        ([1, 2], [2, 1]),
        (b"ab", "ab"),
        (b"ab", b"ac"),
        (np.zeros(2, "f4"), np.zeros(2, "f8")),
    ],
)
def test_values_are_told_apart(left: Any, right: Any) -> None:
    assert fingerprint(left).is_comparable
    assert fingerprint(right).is_comparable
    assert not fingerprint(left).same_as(fingerprint(right))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object(), "builtins.object"),
        ({"a": {1, 2}}, "set"),
        ({1: "a"}, "key 1 is not text"),
        ([{"a": {1: "a"}}], "key 1 is not text"),
        (float("nan"), "Out of range"),
        (np.array([object()]), "array of object"),
        (pd.DataFrame({"mixed": [1, "a"]}), "'mixed'"),
        (pd.DataFrame({"bytes": [b"a", b"b"]}), "'bytes'"),
        (pd.DataFrame({"period": pd.period_range("2016-01", periods=2, freq="M")}), "'period'"),
        (pd.DataFrame({"span": pd.arrays.IntervalArray.from_breaks([0, 1, 2])}), "'span'"),
        (pd.DataFrame({"money": pd.Series([Decimal(1)], dtype=MONEY)}), "array of object"),
    ],
)
def test_what_is_unknown_equals_nothing_not_even_itself(value: Any, words: str) -> None:
    found = fingerprint(value)
    assert not found.is_comparable
    assert words in found.digest
    assert not found.same_as(found)
