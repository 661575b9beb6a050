"""A digest of a value's content, the same on any machine and for any layout in memory."""

import hashlib
import math
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from types import NoneType
from typing import Any

from prefect_compat.comparison.fingerprint.known_types import PLAIN, SETS, known, set_rule
from prefect_compat.comparison.fingerprint.parts import (
    Buffer,
    NotComparable,
    Part,
    Parts,
    Rule,
    Run,
    qualified,
)
from prefect_compat.errors import DefinitionError

UNKNOWN = "unknown"
DEEPEST = 100  # levels; a deeper value would exhaust Python's stack before it is digested
# Of exactly these types, equal values have one digest: unlike 0.0 and -0.0, or moments with `fold`.
EQUAL_IS_SAME = frozenset({str, int, bool, NoneType, bytes, date})
MOST_KEPT = 1 << 14  # digests, while those of one list or column are made


@dataclass(frozen=True)
class Fingerprint:
    """A value's kind, its size, and a sha256 of its content.

    `parts`: the digests (16 hex digits) of a record's fields, a dict's keys, or a table's
    columns with their dtypes, so that a difference can be named. A value of unknown kind has the
    reason instead of a digest, and equals nothing: not comparable is not the same.
    """

    kind: str
    digest: str
    shape: tuple[int, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def is_comparable(self) -> bool:
        return self.kind != UNKNOWN

    def same_as(self, other: "Fingerprint") -> bool:
        return self.is_comparable and self == other


def fingerprint(value: Any) -> Fingerprint:
    """The fingerprint of a value: tables, arrays, records, models, files, Python's own values.

    Content: types and dtypes, names, order of rows and columns, floats to the last bit and the
    sign of zero, `attrs`; of a class that extends a known one its name and every attribute and
    slot, cached properties too, since these can be assigned. No content: layout in memory,
    chunks, byte order, the order of a dict's or a set's entries, NaN's payload, where a file
    lies, what stands in a class rather than its instance. Anything else is of unknown kind until
    `register_fingerprint` says what stands for it.
    """
    try:
        rules = known(type(value))
        plain = rules.taken_apart(value) if rules else value
        kind = rules.kind if rules else type(value).__name__
        # Digested once: the members give the names of `parts` and the digest of the whole.
        members = list(_members(plain, (id(value), id(plain)))) if _has_names(plain) else []
        digest = _combined(plain, members) if members else _digest(plain, ())
        return Fingerprint(
            kind=kind if rules else _shown_kind(value),
            digest=_hash(kind, digest).hex(),
            shape=_shape(value),
            parts=_named(plain, members),
        )
    except NotComparable as error:
        return Fingerprint(UNKNOWN, f"{qualified(type(value))}: {error}")


def register_fingerprint(type_: type, as_plain: Callable[[Any], Any]) -> None:
    """`as_plain(value)`, of kinds known here, stands for the values of a type from now on.

    Subclasses are covered, with all that they add; the nearest class of a value's MRO wins, and
    an earlier rule of the same class is replaced. Each goes by its class's qualified name, which
    is content. Raises DefinitionError for `object`, for Python's plain types, and for what is
    not a class.
    """
    if not isinstance(type_, type) or type_ is object or type_ in PLAIN:
        raise DefinitionError(
            f"register_fingerprint: found {type_!r}, expected a class other than `object` and"
            " Python's own plain types. Register the class of the values; nothing was registered."
        )
    set_rule(type_, Rule(as_plain, is_final=True))


def _float(value: float) -> bytes:
    return struct.pack("<d", math.nan if value != value else value)


_LEAVES: dict[type, Callable[[Any], bytes]] = {
    NoneType: lambda _: b"",
    bool: lambda value: b"%d" % value,
    # In hexadecimal: Python refuses to write an int of more than 4300 decimal digits.
    int: lambda value: b"%x" % value,
    float: _float,
    complex: lambda value: _float(value.real) + _float(value.imag),
    str: lambda value: value.encode("utf-8", "surrogatepass"),
    bytes: bytes,
    bytearray: bytes,
}


def _digest(value: Any, above: tuple[int, ...]) -> bytes:
    """`above`: the ids of the values that this one lies in."""
    leaf = _LEAVES.get(type(value))
    if leaf is not None:
        return _hash(type(value).__name__, leaf(value))
    if type(value) is Buffer:
        return _hash(value.cells, *value.data)
    # Python may reuse an id, but not here: the callers' frames keep the values above alive.
    if id(value) in above:
        raise NotComparable("contains itself")
    if len(above) >= DEEPEST:
        raise NotComparable(f"nested deeper than {DEEPEST} levels")
    below = (*above, id(value))
    rules = known(type(value))
    if rules is not None:
        return _hash(rules.kind, _digest(rules.taken_apart(value), below))
    return _combined(value, list(_members(value, below)))


def _members(value: Any, above: tuple[int, ...]) -> Iterator[tuple[Any, bytes]]:
    """Each part, key or position, and bytes that end with the digest of what is there."""
    if isinstance(value, Parts):
        for part in value.entries:
            name = _hash("name", part.name.encode("utf-8", "surrogatepass"))
            yield part, name + _digest_at(part.place, part.value, above)
    elif isinstance(value, dict):
        for key, entry in value.items():
            name = _digest_at("{key}", key, above)
            yield (
                _label(key, name),
                name + _digest_at(f"[{_label(key, name, quoted=True)}]", entry, above),
            )
    else:
        made: dict[Any, bytes] = {}
        for position, entry in enumerate(value):
            try:
                yield position, _digest_once(entry, above, made)
            except NotComparable as error:
                place = "{element}" if isinstance(value, SETS) else f"[{position}]"
                raise error.below(place) from None


def _digest_once(value: Any, above: tuple[int, ...], made: dict[Any, bytes]) -> bytes:
    """The digest, made once if `made` can keep it: a column of objects repeats few values."""
    kind = type(value)
    if kind not in EQUAL_IS_SAME:
        return _digest(value, above)
    digest = made.get((kind, value))
    if digest is None:
        digest = _digest(value, above)
        if len(made) < MOST_KEPT:
            made[kind, value] = digest
    return digest


def _digest_at(place: str, value: Any, above: tuple[int, ...]) -> bytes:
    try:
        return _digest(value, above)
    except NotComparable as error:
        raise error.below(place) from None


def _label(key: Any, digest: bytes, quoted: bool = False) -> str:
    """A key as text: short ones as they are, else by digest: a set's `repr` has no fixed order."""
    if isinstance(key, str) and not quoted:
        return key
    is_short = type(key) in _LEAVES and not (isinstance(key, int) and key.bit_length() > 99)
    return repr(key) if is_short else f"{type(key).__name__} {digest.hex()[:16]}"


def _combined(value: Any, members: list[tuple[Any, bytes]]) -> bytes:
    digests = [digest for _, digest in members]
    if isinstance(value, (dict, *SETS)):
        digests.sort()
    is_bounded = isinstance(value, deque) and value.maxlen is not None
    bound = f" of {value.maxlen} at most" if is_bounded else ""
    return _hash(type(value).__name__ + bound, *digests)


def _hash(kind: str, *data: bytes | memoryview | Run) -> bytes:
    """Each piece preceded by its length, so that no two sequences run together the same."""
    hasher = hashlib.sha256()
    for piece in (kind.encode("utf-8", "surrogatepass"), *data):
        if isinstance(piece, Run):
            hasher.update(piece.size.to_bytes(8, "little"))
            for place in piece.places:
                hasher.update(place)
        else:
            hasher.update(len(piece).to_bytes(8, "little"))
            hasher.update(piece)
    return hasher.digest()


def _has_names(plain: Any) -> bool:
    return type(plain) in (dict, Parts)


def _named(plain: Any, members: list[tuple[Any, bytes]]) -> tuple[tuple[str, str], ...]:
    # A member's bytes end with its value's sha256, which is 32 bytes long.
    named = (
        (part.name, f"{part.dtype} {digest[-32:].hex()[:16]}".strip())
        if isinstance(part, Part)
        else (part, digest[-32:].hex()[:16])
        for part, digest in members
    )
    return tuple(sorted(named) if isinstance(plain, dict) else named)


def _shown_kind(value: Any) -> str:
    return "bytes" if isinstance(value, (bytes, bytearray)) else "document"


def _shape(value: Any) -> tuple[int, ...]:
    arrow = sys.modules.get("pyarrow")
    sized = (bytes, bytearray, *((arrow.Array, arrow.ChunkedArray) if arrow else ()))
    if isinstance(value, sized):
        return (len(value),)
    shape = getattr(value, "shape", ())
    is_shape = isinstance(shape, tuple) and all(isinstance(size, int) for size in shape)
    return tuple(shape) if is_shape else ()
