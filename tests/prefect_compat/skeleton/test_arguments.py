"""An argument is a result, a parameter of the flow, or a plain value; anything else is named."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prefect_compat.skeleton.arguments import ArgumentReader
from prefect_compat.skeleton.constants import LONGEST, constant
from prefect_compat.skeleton.facts import (
    Argument,
    Container,
    FlowParameter,
    Plain,
    TaskResult,
    Unwritable,
    Value,
)

SHOPS = ["north", "south", 4000]
ROWS = [1001, 1002, 1002]
TABLE = object()
READER = ArgumentReader(
    {0: ROWS, 1: TABLE, 2: {"good": TABLE, "bad": 1}},
    {
        "day": dt.date(2024, 1, 3),
        "region": "eu",
        "count": 3,
        "shops": SHOPS,
        "none": [],
        "password": "of-ann-abc",
    },
)
VALUES: dict[str, tuple[str, Any, tuple[int, ...], Value]] = {
    "a result": ("x", TABLE, (1,), TaskResult(1)),
    "an element of a list": ("x", ROWS[0], (0,), TaskResult(0, "0")),
    "an element of a dict": ("x", TABLE, (2,), TaskResult(2, '"good"')),
    "a list with a result": (
        "x",
        [TABLE, 5],
        (1,),
        Container("list", (TaskResult(1), Plain("5"))),
    ),
    "a dict with a result": (
        "x",
        {"a": TABLE},
        (1,),
        Container("dict", (TaskResult(1),), ('"a"',)),
    ),
    "a date": ("x", dt.date(2024, 1, 3), (), FlowParameter("day")),
    "the text of a date": ("x", "2024-01-03", (), FlowParameter("day", ".isoformat()")),
    "a text": ("x", "eu", (), FlowParameter("region")),
    "an element of a parameter": ("x", SHOPS[1], (), FlowParameter("shops", "[1]")),
    "a number that a parameter has": ("x", SHOPS[2], (), Plain("4000")),
    "a whole parameter": ("x", list(SHOPS), (), FlowParameter("shops")),
    "an empty list": ("x", [], (), Plain("[]")),
    "a number of a parameter's name": ("count", 3, (), FlowParameter("count")),
    "a number that is a parameter's by chance": ("x", 3, (), Plain("3")),
    "a list of plain values": ("x", [1, (2.5, None)], (), Plain("[1, (2.5, None)]")),
}


def take(x: Any = None, count: Any = None) -> None:
    """A task's function."""


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_told_by_where_it_comes_from(name: str) -> None:
    argument, value, inputs, expected = VALUES[name]
    found = READER.read(take, {argument: value}, {argument: inputs})
    assert found == (Argument(argument, expected),)


def test_a_mapped_run_takes_the_element_of_its_position() -> None:
    """Equal numbers are one object in Python: the first one would be taken for each."""
    number = 1002
    reader = ArgumentReader({0: [number, number]}, {})
    for position in (0, 1):
        (found,) = reader.read(take, {"x": number}, {"x": [0]}, position)
        assert found.value == TaskResult(0, str(position))


def test_two_runs_with_one_object_are_both_used() -> None:
    reader = ArgumentReader({0: TABLE, 1: TABLE}, {})
    (found,) = reader.read(take, {"x": [TABLE, TABLE]}, {"x": [0, 1]})
    assert found.value == Container("list", (TaskResult(0), TaskResult(1)))


@pytest.mark.parametrize("value", [TABLE, {1: TABLE}, [0] * LONGEST, print])
def test_other_values_are_named_with_their_argument(value: Any) -> None:
    (found,) = READER.read(take, {"x": value}, {})
    unwritable = found.value.items[0] if isinstance(found.value, Container) else found.value
    assert isinstance(unwritable, Unwritable)
    assert unwritable.reason.startswith(("its argument `x` is a", "its argument `x[1]` is a"))


SECRETS: dict[str, tuple[str, Any]] = {
    "a name": ("api_key", "abc"),
    "a key": ("headers", {"Authorization": "Bearer abc"}),
    "an address with a password": ("x", "postgresql://ann:abc@host/db"),
    "a parameter of the flow": ("token", "eu"),
    "a parameter of another name": ("x", "of-ann-abc"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_written(name: str) -> None:
    argument, value = SECRETS[name]
    (found,) = READER.read(take, {argument: value}, {})
    unwritable = found.value.items[0] if isinstance(found.value, Container) else found.value
    assert isinstance(unwritable, Unwritable)
    assert "may be a secret" in unwritable.reason
    assert "abc" not in repr(found)


def test_a_default_of_the_function_is_not_written() -> None:
    assert READER.read(take, {"x": None, "count": 4}, {}) == (Argument("count", Plain("4")),)


def by_position(first: int, /, second: int, *rest: int, last: int = 0, **others: int) -> None:
    """A task's function."""


def test_each_kind_of_parameter_is_passed_as_it_must_be() -> None:
    given = {"first": 1, "second": 2, "rest": (3, 4), "last": 5, "others": {"more": 6}}
    found = READER.read(by_position, given, {})
    assert [(entry.name, entry.value) for entry in found] == [
        *((None, Plain(str(number))) for number in (1, 2, 3, 4)),
        ("last", Plain("5")),
        ("more", Plain("6")),
    ]
    without_rest = READER.read(by_position, {**given, "rest": ()}, {})
    assert [entry.name for entry in without_rest] == [None, "second", "last", "more"]


CONSTANTS: dict[str, Any] = {
    "a date": dt.date(2024, 2, 29),
    "a time of day": dt.datetime(2024, 2, 29, 1, 2, 3, 4),
    "midnight in UTC": dt.datetime(2024, 2, 29, tzinfo=dt.UTC),
    "a path": Path("sales", "it's.csv"),
    "a duration": dt.timedelta(days=1, microseconds=5),
    "no duration": dt.timedelta(0),
    "nested": {"a": [(), (1,), {"b": dt.date(2024, 1, 1)}], 2: {"x"}},
    "infinity": float("inf"),
    "quotes": 'it\'s "so" \\',
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_constant_is_the_value_again(name: str) -> None:
    code = constant(CONSTANTS[name])
    assert code is not None
    again = eval(code, {"dt": dt, "Path": Path})
    assert (type(again), again) == (type(CONSTANTS[name]), CONSTANTS[name])


@pytest.mark.parametrize(
    "make",
    [
        lambda: dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        lambda: dt.time(1),
        lambda: [object()],
        lambda: {1: object()},
        lambda: "x" * LONGEST,
    ],
)
def test_other_values_are_no_constants(make: Callable[[], Any]) -> None:
    assert constant(make()) is None
