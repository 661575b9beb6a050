"""The digest sees every change of a table; what is unknown equals nothing; kinds can be added."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_compat.comparison.fingerprint import known_types as module
from prefect_compat.comparison.fingerprint.fingerprint import fingerprint, register_fingerprint
from prefect_compat.errors import DefinitionError
from tests import needs
from tests.prefect_compat.comparison.fingerprint.tables import table


def assign(**columns: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(**columns)


CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "the last bit of a float": assign(real=[0.1, np.nextafter(0.2, 1), float("nan")]),
    "a missing float": assign(real=[0.1, 0.2, 0.0]),
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
    if change in ("an empty text for a missing one", "text as objects"):
        needs.pandas_3()
    changed = CHANGES[change](table())
    changed.attrs = table().attrs
    assert fingerprint(changed).is_comparable
    assert not fingerprint(changed).same_as(fingerprint(table()))


def test_attrs_are_content() -> None:
    other = table()
    other.attrs["provenance"] = {"seed": 2}
    assert not fingerprint(other).same_as(fingerprint(table()))


def test_the_parts_name_the_changed_column_and_its_dtype() -> None:
    other = table()
    other.loc[1, "real"] = 0.3
    parts, others = fingerprint(table()).parts, fingerprint(other).parts
    differing = [pair for pair in zip(parts, others, strict=True) if pair[0] != pair[1]]
    assert [left[0] for left, _ in differing] == ["real"]
    assert differing[0][0][1].startswith("float64 ")
    names = [name for name, _ in parts]
    assert names == ["attrs", "columns", "index", *table().columns]


def test_the_parts_of_a_dict_are_its_sorted_keys() -> None:
    assert [name for name, _ in fingerprint({"b": 1, "a": 2}).parts] == ["a", "b"]


def test_a_table_that_is_a_cell_is_digested_too() -> None:
    left, right = ([{"t": table().head(rows)}] for rows in (2, 3))
    assert fingerprint(left).is_comparable
    assert not fingerprint(left).same_as(fingerprint(right))


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
DOCUMENTS = st.recursive(
    LEAVES,
    lambda below: st.lists(below) | st.tuples(below) | st.dictionaries(st.text(), below),
    max_leaves=10,
)


@given(st.dictionaries(st.text() | st.integers(), DOCUMENTS))
def test_the_order_of_keys_is_not_content(document: dict[Any, Any]) -> None:
    assert fingerprint(dict(reversed(document.items()))).same_as(fingerprint(document))


@given(st.lists(st.text() | st.integers() | st.binary(), unique=True))
def test_the_order_of_a_set_is_not_content(entries: list[Any]) -> None:
    assert fingerprint(set(entries)).same_as(fingerprint({*reversed(entries)}))


@given(DOCUMENTS, DOCUMENTS)
def test_containers_differ_as_their_entries_do(left: Any, right: Any) -> None:
    inner = fingerprint(left).digest == fingerprint(right).digest
    for wrap in (lambda v: [v], lambda v: (v,), lambda v: {"k": [v]}):
        assert fingerprint(wrap(left)).same_as(fingerprint(wrap(right))) == inner


@given(DOCUMENTS)
def test_a_container_is_not_its_only_entry(value: Any) -> None:
    found = {fingerprint(made).digest for made in (value, [value], (value,), {"k": value})}
    assert len(found) == 4


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, True), (1, 1.0), (1, "1"), ({"a": None}, {}), ([1, 2], [2, 1]), (b"ab", "ab"), ([], ())],
)
def test_values_are_told_apart(left: Any, right: Any) -> None:
    assert fingerprint(left).is_comparable
    assert not fingerprint(left).same_as(fingerprint(right))


@dataclass
class Holder:
    steps: Any


def cycle() -> list[Any]:
    ring: list[Any] = [1]
    ring.append({"self": ring})
    return ring


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def mixed(cell: Any) -> pd.DataFrame:
    return pd.DataFrame({"ok": [1, 2], "odd": pd.Series([1, cell], dtype=object)})


FRAME = f"{pd.DataFrame.__module__}.DataFrame"  # of pandas 2, `pandas.core.frame.DataFrame`
LAMBDA = lambda: 1  # noqa: E731


def generator() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "start"),
    [
        (object(), "builtins.object: of unknown type builtins.object"),
        (generator(), "builtins.generator: of unknown type"),
        (LAMBDA, "builtins.function: of unknown type builtins.function: <function <lambda>"),
        ([].append, "builtins.builtin_function_or_method: of unknown type"),
        (threading.Lock(), "_thread.lock: of unknown type"),
        (
            {"model": Holder([1, threading.Lock()])},
            "builtins.dict: ['model'].steps[1]: of unknown type _thread.lock",
        ),
        ({object(): 1}, "builtins.dict: {key}: of unknown type"),
        ({1, LAMBDA}, "builtins.set: {element}: of unknown type"),
        (cycle(), "builtins.list: [1]['self']: contains itself"),
        (deep(5000), "builtins.list: [0][0]"),
        (mixed(LAMBDA), f"{FRAME}: ['odd'][1]: of unknown type"),
        (np.array([[1, LAMBDA]], object), "numpy.ndarray: [1]: of unknown type"),
        (Holder(table().assign(x=[LAMBDA] * 3)), f"{__name__}.Holder: .steps['x'][0]: of unknown"),
        (table().set_axis([LAMBDA, 1, 2]), f"{FRAME}: .index[0]: of unknown type"),
    ],
)
def test_what_is_unknown_equals_nothing_not_even_itself(value: Any, start: str) -> None:
    found = fingerprint(value)
    assert not found.is_comparable
    assert found.digest.startswith(start)
    assert not found.same_as(found)


def test_a_value_as_deep_as_allowed_is_known() -> None:
    assert fingerprint(deep(90)).is_comparable


class Animal:
    def __init__(self, name: Any) -> None:
        self.name = name


class Dog(Animal):
    pass


class Puppy(Dog):
    pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "_RULES", dict(module._RULES))
    yield
    module.forget()


@pytest.mark.usefixtures("registry")
def test_a_registered_class_covers_its_subclasses_and_the_nearest_wins() -> None:
    register_fingerprint(Animal, lambda animal: animal.name)
    register_fingerprint(Dog, lambda dog: "a dog")
    assert fingerprint(Animal("a")).kind == f"{__name__}.Animal"
    assert fingerprint(Animal("a")).same_as(fingerprint(Animal("a")))
    assert not fingerprint(Animal("a")).same_as(fingerprint(Animal("b")))
    assert fingerprint(Puppy("a")).same_as(fingerprint(Puppy("b")))
    assert fingerprint(Puppy("a")).kind == f"{__name__}.Puppy"
    assert fingerprint(Puppy("a")).digest != fingerprint(Dog("a")).digest
    assert fingerprint([Puppy("a")]).digest != fingerprint([Dog("a")]).digest


@pytest.mark.usefixtures("registry")
def test_what_is_registered_is_known_inside_others_and_unknown_where_its_plain_is() -> None:
    register_fingerprint(Animal, lambda animal: {"name": animal.name})
    assert fingerprint({"pets": [Animal("a")]}).is_comparable
    found = fingerprint({"pets": [Animal(LAMBDA)]})
    assert found.digest.startswith("builtins.dict: ['pets'][0]['name']: of unknown type")


@pytest.mark.usefixtures("registry")
def test_a_rule_that_fails_or_never_ends_makes_a_value_unknown() -> None:
    register_fingerprint(Animal, lambda animal: 1 / 0)
    assert "cannot be taken apart: ZeroDivisionError" in fingerprint([Animal("a")]).digest
    register_fingerprint(Animal, lambda animal: Animal(animal))
    assert "nested deeper" in fingerprint(Animal("a")).digest


@pytest.mark.parametrize(
    ("odd", "outcome"),
    [
        (object, pytest.raises(DefinitionError, match="found <class 'object'>")),
        (dict, pytest.raises(DefinitionError, match="found <class 'dict'>")),
        ("Animal", pytest.raises(DefinitionError, match="found 'Animal', expected a class")),
        (Animal, nullcontext()),
    ],
)
@pytest.mark.usefixtures("registry")
def test_only_classes_can_be_registered(odd: Any, outcome: AbstractContextManager[Any]) -> None:
    with outcome:
        register_fingerprint(odd, str)
