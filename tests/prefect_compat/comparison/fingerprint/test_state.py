"""State beside a value's known content is content, or the value is not comparable."""

import types
from collections import OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_compat.comparison.diff.text_rows import text_rows
from prefect_compat.comparison.fingerprint.fingerprint import fingerprint
from tests.prefect_compat.comparison.fingerprint.stateful import (
    DIFFERENT,
    SAME,
    UNKNOWN,
    Extended,
    Frame,
    LaterPoint,
    LaterSlots,
    LaterSpan,
    Model,
    OfDict,
    OfList,
    Settings,
    Trial,
    extended,
    filled,
    having,
    inside,
)


@pytest.mark.parametrize("is_inside", [False, True], ids=["alone", "inside"])
@pytest.mark.parametrize("name", DIFFERENT)
def test_a_difference_is_seen(name: str, is_inside: bool) -> None:
    left, right, _ = DIFFERENT[name]
    if is_inside:
        left, right = inside((left, right))
    found, same, other = fingerprint(left()), fingerprint(left()), fingerprint(right())
    assert found.is_comparable, found.digest
    assert other.is_comparable, other.digest
    assert found.same_as(same)
    assert found.digest != other.digest


SHOWN = [name for name, (_, _, place) in DIFFERENT.items() if place is not None]


def texts(value: Any) -> dict[str, str]:
    rows = text_rows(value)
    if rows.names == ("place", "value"):
        assert len(set(rows.columns[0])) == rows.rows
        return dict(zip(*rows.columns, strict=True))
    return {name: cells[0] for name, cells in zip(rows.names, rows.columns, strict=True)}


@pytest.mark.parametrize("name", SHOWN)
def test_text_names_the_place_of_a_difference(name: str) -> None:
    left, right, place = DIFFERENT[name]
    mine, same, other = texts(left()), texts(left()), texts(right())
    assert mine == same
    differing = {key for key in {*mine, *other} if mine.get(key) != other.get(key)}
    assert differing
    assert all(key == place or (place and key.startswith(place)) for key in differing)


@pytest.mark.parametrize("is_inside", [False, True], ids=["alone", "inside"])
@pytest.mark.parametrize("name", SAME)
def test_what_says_the_same_is_the_same(name: str, is_inside: bool) -> None:
    left, right = inside(SAME[name]) if is_inside else SAME[name]
    found, other = fingerprint(left()), fingerprint(right())
    assert found.is_comparable, found.digest
    assert found.same_as(other), other.digest


@pytest.mark.parametrize("name", UNKNOWN)
def test_state_that_cannot_be_read_is_not_comparable(name: str) -> None:
    make, reason = UNKNOWN[name]
    found = fingerprint(make())
    assert not found.is_comparable
    assert reason in found.digest


def with_slot(one: Any, other: Any) -> Any:
    return having(lambda: LaterSlots(one), b=other)()


def with_attribute(make: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda one, other: having(lambda: make(one), extra=other)()


def cells(*entries: Any) -> Any:
    made = np.empty(len(entries), object)
    made[:] = entries
    return made


# Each makes a value that holds two others.
BRANCHES: dict[str, Callable[[Any, Any], Any]] = {
    "list": lambda one, other: [one, other],
    "tuple": lambda one, other: (one, other),
    "deque": lambda one, other: deque([one, other], 5),
    "dict": lambda one, other: {"a": one, 1: other},
    "OrderedDict": lambda one, other: OrderedDict(a=one, b=other),
    "defaultdict": lambda one, other: defaultdict(list, a=one, b=other),
    "UserDict": lambda one, other: UserDict(a=one, b=other),
    "namespace": lambda one, other: types.SimpleNamespace(a=one, b=other),
    "dataclass": with_attribute(Trial),
    "attrs": with_attribute(LaterSpan),
    "slots": with_slot,
    "namedtuple": with_attribute(LaterPoint),
    "estimator": with_attribute(Model),
    "pydantic": with_attribute(lambda one: Settings(more=one)),
    "dataclass of a dict": with_attribute(lambda one: filled(OfDict)({"a": one})),
    "dataclass of a list": with_attribute(lambda one: filled(OfList)([one])),
    "subclass of a dict": with_attribute(lambda one: extended(dict)(a=one)),
    "subclass of a tuple": with_attribute(lambda one: extended(tuple)([one])),
    "array": lambda one, other: cells(one, other),
    "subclass of an array": with_attribute(lambda one: cells(one).view(Extended)),
    "table": lambda one, other: pd.DataFrame({"c": pd.Series(cells(one, other), dtype=object)}),
    "subclass of a table": with_attribute(
        lambda one: Frame({"c": pd.Series(cells(one), dtype=object)})
    ),
}
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
# A tree is a leaf, or a branch's name and two trees.
TREES = st.recursive(
    st.tuples(LEAVES),
    lambda below: st.tuples(st.sampled_from(sorted(BRANCHES)), below, below),
    max_leaves=8,
)


def grown(tree: tuple[Any, ...]) -> Any:
    if len(tree) == 1:
        return tree[0]
    name, one, other = tree
    return BRANCHES[name](grown(one), grown(other))


def leaves(tree: tuple[Any, ...]) -> int:
    return 1 if len(tree) == 1 else leaves(tree[1]) + leaves(tree[2])


def with_leaf(tree: tuple[Any, ...], number: int, leaf: Any) -> tuple[Any, ...]:
    if len(tree) == 1:
        return (leaf,)
    name, one, other = tree
    if number < leaves(one):
        return name, with_leaf(one, number, leaf), other
    return name, one, with_leaf(other, number - leaves(one), leaf)


@given(TREES, st.data())
def test_one_changed_leaf_or_attribute_anywhere_is_seen(
    tree: tuple[Any, ...], data: st.DataObject
) -> None:
    changed = with_leaf(tree, data.draw(st.integers(0, leaves(tree) - 1)), Trial(0.25))
    found, same, other = (fingerprint(grown(each)) for each in (tree, tree, changed))
    assert found.is_comparable, found.digest
    assert found.same_as(same)
    assert found.digest != other.digest


@given(TREES)
def test_text_of_any_tree_has_each_place_once(tree: tuple[Any, ...]) -> None:
    rows = text_rows([grown(tree)])
    assert len(set(rows.columns[0])) == rows.rows
    assert rows == text_rows([grown(tree)])


@pytest.mark.parametrize("name", BRANCHES)
@pytest.mark.parametrize("position", [0, 1])
def test_both_values_of_a_branch_are_content(name: str, position: int) -> None:
    entries: list[Any] = ["a", "b"]
    value = BRANCHES[name](*entries)
    entries[position] = "c"
    changed = BRANCHES[name](*entries)
    assert fingerprint(value).is_comparable
    assert fingerprint(value).digest != fingerprint(changed).digest
    assert text_rows([value]) != text_rows([changed])
