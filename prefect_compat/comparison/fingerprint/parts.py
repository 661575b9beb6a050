"""The words in which a value is taken apart: parts, buffers, and why it cannot be."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


class NotComparable(Exception):
    """A value that cannot be digested: the reason, and its place in the value asked for."""

    def __init__(self, why: str, place: str = "") -> None:
        super().__init__(f"{place}: {why}" if place else why)
        self.why = why
        self.place = place

    def below(self, place: str) -> "NotComparable":
        return NotComparable(self.why, place + self.place)


@dataclass(frozen=True)
class Part:
    """A part of a value: how it is reached from there (`.index`), and its dtype if a column.

    `is_itself`: no step below the value, but the value as one of its bases sees it.
    """

    name: str
    value: Any
    place: str = ""
    dtype: str = ""
    is_itself: bool = False


@dataclass(frozen=True)
class Parts:
    """Plain parts that replace a value. Names and order are content, places are not."""

    entries: tuple[Part, ...]


@dataclass(frozen=True)
class Run:
    """Bytes that lie in several places, digested as if side by side.

    `places` are read once: values of the buffer protocol, of `size` bytes together.
    """

    size: int
    places: Iterable[Any]


@dataclass(frozen=True)
class Buffer:
    """Cells side by side: what they are, and their little-endian bytes.

    A memoryview is digested where it lies, without a copy of its bytes.
    """

    cells: str
    data: tuple[bytes | memoryview | Run, ...]


@dataclass(frozen=True)
class Rule:
    """A rule that turns the values of a type into plain values.

    `kind` names the exact type, and its subclasses in the packages `layouts` ("*": all), which
    are mere layouts; any other class goes by its own name. `is_whole`: shown as one text.

    `as_plain` stands for all that an instance of the exact type can carry; with `covers`, for
    the attributes named there (of a class: by a function) and those that it returns, and any
    other is content too. What a subclass adds is content, unless the rule `is_final`.
    """

    as_plain: Callable[[Any], Any]
    kind: str | None = None
    layouts: tuple[str, ...] = ()
    is_whole: bool = False
    covers: frozenset[str] | Callable[[type], frozenset[str]] | None = None
    is_final: bool = False


def package(kind: type) -> str:
    """The package that a class belongs to: `pandas`."""
    return str(kind.__module__).partition(".")[0]


# An immutable default: a context starts without moved modules.
_moved_modules: ContextVar[Mapping[str, str]] = ContextVar(
    "moved_modules", default=MappingProxyType({})
)


@contextmanager
def moved_modules(names: Mapping[str, str]) -> Iterator[None]:
    """Classes of these modules meanwhile go by their former modules."""
    token = _moved_modules.set(names)
    try:
        yield
    finally:
        _moved_modules.reset(token)


def qualified(kind: type) -> str:
    """`package.module.Class.Inner`, of a moved module under its former name."""
    module = _moved_modules.get().get(kind.__module__, kind.__module__)
    return f"{module}.{kind.__qualname__}"


def attributes(pairs: Iterable[tuple[str, Any]]) -> Parts:
    """Parts that are reached as `.name`."""
    return Parts(tuple(Part(name, value, f".{name}") for name, value in pairs))


def inner(**values: Any) -> Parts:
    """Parts that no user reaches: a fault inside lies at the value itself."""
    return Parts(tuple(Part(name, value) for name, value in values.items()))
