"""A recorded run of a flow as plain data, handed from the process that ran it as JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

# `DAY.isoformat()` for a date that the flow made into text.
ISO_TEXT = ".isoformat()"


@dataclass(frozen=True)
class Plain:
    """A plain value, as code."""

    code: str
    kind: Literal["plain"] = "plain"


@dataclass(frozen=True)
class TaskResult:
    """The result of an earlier task run, by its number; or one element, by the index as code."""

    run: int
    index: str | None = None
    kind: Literal["result"] = "result"


@dataclass(frozen=True)
class FlowParameter:
    """A parameter of the flow; `access` makes it the value: `.isoformat()`, `[0]`."""

    name: str
    access: str = ""
    kind: Literal["parameter"] = "parameter"


@dataclass(frozen=True)
class Container:
    """A list, tuple or dict that the flow built of results. `keys` are those of a dict, as code."""

    type: Literal["list", "tuple", "dict"]
    items: tuple["Value", ...]
    keys: tuple[str, ...] = ()
    kind: Literal["container"] = "container"


@dataclass(frozen=True)
class Unwritable:
    """A value that cannot be written as code, and why."""

    reason: str
    kind: Literal["unwritable"] = "unwritable"


Value = Annotated[
    Plain | TaskResult | FlowParameter | Container | Unwritable, Field(discriminator="kind")
]


def leaves(value: Value) -> Iterator[Value]:
    """Yields what a value is built of, through all containers."""
    if isinstance(value, Container):
        for item in value.items:
            yield from leaves(item)
    else:
        yield value


@dataclass(frozen=True)
class Argument:
    """An argument of a task's function. It is passed by position if it has no `name`."""

    name: str | None
    value: Value
    is_unpacked: bool = False  # the rest of the positional arguments, `*names`


@dataclass(frozen=True)
class TaskOptions:
    """The declarations of a task. `delays_s` are the waits before each further attempt."""

    retries: int = 0
    delays_s: tuple[float, ...] = ()
    tags: tuple[str, ...] = ()
    description: str | None = None
    left: tuple[str, ...] = ()  # options that Dagster has no counterpart of


@dataclass(frozen=True)
class FunctionPlace:
    """The place of a task's function: `attribute` of `module`; the task itself if it `is_task`.

    `module` is None for the flow's own one.
    """

    module: str | None
    attribute: str
    is_task: bool = True
    is_async: bool = False
    uses_logger: bool = False  # Prefect's `get_run_logger`, which fails outside of a run


@dataclass(frozen=True)
class RecordedTask:
    """One task run: `name` is its task's, for the comparison's matching.

    `upstream` are the numbers of the task runs that Prefect knows as its inputs, also those that it
    only waited for. A run with a `refusal` has no place or no arguments.
    """

    name: str
    place: FunctionPlace | None
    arguments: tuple[Argument, ...]
    upstream: tuple[int, ...]
    options: TaskOptions
    returns_none: bool
    refusal: str | None = None


@dataclass(frozen=True)
class RecordedParameter:
    """A parameter of the flow and the code of its value; None for a value that is no plain one."""

    name: str
    code: str | None


@dataclass(frozen=True)
class RecordedFlow:
    """The flow's run: its task runs as they were made.

    `partition` is the parameter that took the partition key. `computed` are plain values, each as
    (task run, argument, code), that the flow's code does not contain: it computed them.
    """

    name: str
    description: str | None
    parameters: tuple[RecordedParameter, ...]
    partition: str | None
    partition_is_date: bool
    tasks: tuple[RecordedTask, ...]
    computed: tuple[tuple[int, str, str], ...] = ()

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "RecordedFlow":
        return _parser().validate_json(text)


@cache
def _parser() -> TypeAdapter[RecordedFlow]:
    return TypeAdapter(RecordedFlow)
