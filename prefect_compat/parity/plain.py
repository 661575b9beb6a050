"""The words in which a value is taken apart: parts, buffers, and why it cannot be."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


class NotComparable(Exception):
    """A value that cannot be digested: why, and where it lies in the value asked for."""

    def __init__(self, why: str, place: str = "") -> None:
        super().__init__(f"{place}: {why}" if place else why)
        self.why = why
        self.place = place

    def below(self, place: str) -> "NotComparable":
        return NotComparable(self.why, place + self.place)


@dataclass(frozen=True)
class Part:
    """A part of a value: how it is reached from there (`.index`), and its dtype if a column."""

    name: str
    value: Any
    place: str = ""
    dtype: str = ""


@dataclass(frozen=True)
class Parts:
    """What stands for a value: its parts; their names and order are content, places are not."""

    entries: tuple[Part, ...]


@dataclass(frozen=True)
class Buffer:
    """Cells side by side: what they are, and their little-endian bytes."""

    cells: str
    data: tuple[bytes, ...]


@dataclass(frozen=True)
class Rule:
    """How the values of a type become plain values.

    `kind` names the exact type; a subclass, or a rule without `kind`, goes by the class's own
    name. `has_one_kind`: subclasses are mere layouts. `is_whole`: shown as one text.
    """

    as_plain: Callable[[Any], Any]
    kind: str | None = None
    has_one_kind: bool = False
    is_whole: bool = False


def qualified(kind: type) -> str:
    """`package.module.Class.Inner`."""
    return f"{kind.__module__}.{kind.__qualname__}"


def attributes(pairs: Iterable[tuple[str, Any]]) -> Parts:
    """Parts that are reached as `.name`."""
    return Parts(tuple(Part(name, value, f".{name}") for name, value in pairs))


def inner(**values: Any) -> Parts:
    """Parts that no user reaches: a fault inside lies at the value itself."""
    return Parts(tuple(Part(name, value) for name, value in values.items()))
