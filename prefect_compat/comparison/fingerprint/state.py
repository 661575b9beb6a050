"""Attributes and slots that an instance has beside the content of a known base.

Read past the user's own code: a `__getstate__`, a property or a `__getattribute__` may leave
something out.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

from prefect_compat.comparison.fingerprint.parts import NotComparable, Part, qualified

NOTHING = object()
POINTER = struct.calcsize("P")


@dataclass(frozen=True)
class Layout:
    """The slots by name, and the dict if there is one, in which a class's instances keep state.

    `fault` says why the state cannot be read to the end.
    """

    slots: tuple[tuple[str, Callable[[Any], Any]], ...] = ()
    attributes: Callable[[Any], dict[Any, Any]] | None = None
    fault: str = ""


Stored = tuple[str, Any, str]  # name, value, and where it lies: `__slots__` or `__dict__`


def layout(kind: type, known: Iterable[type]) -> Layout:
    """The layout of a class whose bases `known` are digested on their own."""
    known = (*known, object)
    covered = {base for each in known for base in each.__mro__}
    own = [base for base in kind.__mro__ if base not in covered]
    slots: list[tuple[str, Callable[[Any], Any]]] = []
    for base in own:
        for name, member in _slots(base):
            # A base's slot keeps its value, though a slot of the same name hides it.
            is_shadowed = any(name == other for other, _ in slots)
            slots.append((f"{base.__qualname__}.{name}" if is_shadowed else name, member))
    attributes = _attributes(kind)
    fault = ""
    if kind.__dictoffset__ and attributes is None:
        fault = "its attributes cannot be read"
    # More bytes than slots and dict explain: fields of C, which no attribute shows.
    elif kind.__basicsize__ > _size(kind, known, len(slots)):
        fault = "it keeps state that Python cannot read"
    return Layout(tuple(slots), attributes, fault)


def stored(layout: Layout, value: Any, ignored: frozenset[str]) -> list[Stored]:
    """The state of an instance, without the names in `ignored`. Raises NotComparable."""
    if layout.fault:
        raise NotComparable(
            f"of unknown type {qualified(type(value))}: {layout.fault};"
            " `register_fingerprint` says how it becomes plain values"
        )
    entries: list[Stored] = []
    for name, read in layout.slots:
        try:
            entry = read(value)
        except AttributeError:  # never set
            continue
        if name not in ignored:
            entries.append((name, entry, "__slots__"))
    if layout.attributes is not None:
        for name, entry in layout.attributes(value).items():
            if type(name) is not str:
                raise NotComparable(f"found an attribute {name!r}, expected its name to be text")
            if name not in ignored:
                entries.append((name, entry, "__dict__"))
    return entries


def parts(stored: Iterable[Stored], shown: Iterable[Part]) -> list[Part]:
    """The state as parts by name, without what `shown` has as the same attribute."""
    taken = {part.place: part.value for part in shown}
    named_parts = []
    for name, value, where in stored:
        place = f".{name}"
        # The same object in the same place: a rule has already read this attribute.
        if taken.get(place, NOTHING) is value:
            continue
        if place in taken:
            place = f".{where}[{name!r}]"
        taken[place] = value
        named_parts.append(Part(place, value, place))
    return sorted(named_parts, key=lambda part: part.name)


def _slots(kind: type) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Those that a `class` statement made: a class of C has members of any size, and no list."""
    if "__slots__" in vars(kind):
        for name, member in vars(kind).items():
            if type(member) is MemberDescriptorType:
                yield name, member.__get__


def _attributes(kind: type) -> Callable[[Any], dict[Any, Any]] | None:
    """Reads `__dict__` itself, not a property of that name that hides it."""
    for base in kind.__mro__:
        descriptor = vars(base).get("__dict__")
        if type(descriptor) in (GetSetDescriptorType, MemberDescriptorType):
            read: Callable[[Any], dict[Any, Any]] = getattr(descriptor, "__get__")  # noqa: B009  # descriptor
            return read
    return None


def _size(kind: type, known: Iterable[type], slots: int) -> int:
    """Bytes of an instance with these slots. Anything above is state of C.

    `__dictoffset__` and `__weakrefoffset__` are negative where Python keeps the pointer in front
    of the instance (3.11, 3.12), but for the dict of a class of variable size: -POINTER.
    """
    base = max(known, key=lambda each: each.__basicsize__)
    has_dict = kind.__dictoffset__ > 0 or kind.__dictoffset__ == -POINTER
    has_weak_reference = kind.__weakrefoffset__ > 0
    pointers = slots
    pointers += has_dict and not base.__dictoffset__
    pointers += has_weak_reference and not base.__weakrefoffset__
    return base.__basicsize__ + pointers * POINTER
