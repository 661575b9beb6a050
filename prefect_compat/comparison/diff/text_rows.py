"""Values as rows of exact text, to lay two of them side by side."""

import re
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count, product
from operator import attrgetter
from pathlib import Path
from types import NoneType
from typing import Any

from prefect_compat.comparison.fingerprint.fingerprint import DEEPEST
from prefect_compat.comparison.fingerprint.known_types import Known, known
from prefect_compat.comparison.fingerprint.parts import NotComparable, Part, Parts, qualified

HEX_LINE = 32  # bytes
LONGEST = 1000  # bits of an int in decimal; Python refuses to write the very long ones
RESERVED = frozenset({"NA", "NaN", "NaT", "None", "<NA>"})
NOTHING = "nothing"  # stands for a missing cell, here and in `rows`
CELLS = (NoneType, str, bytes, bool, int, float)
AXES = ("index", "columns", "schema")
LISTS = (list, tuple, deque)
# Classes of optional libraries, by library. None is imported to find out: a value of a library
# cannot exist without it.
TABLES = {"pandas": ("DataFrame",), "pyarrow": ("Table", "RecordBatch")}
COLUMNS = {
    "pandas": ("Series", "Index", "api.extensions.ExtensionArray"),
    "numpy": ("ndarray",),
    "pyarrow": ("Array", "ChunkedArray"),
}
SERIES = {"pandas": ("Series",)}
FRAME = {"pandas": ("DataFrame",)}
ARROW = {"pyarrow": ("Array", "ChunkedArray")}
ARROW_DTYPE = {"pandas": ("ArrowDtype",)}
SHOWN_WHOLE = {"pandas": ("Timestamp", "Timedelta", "Period", "Interval")}
DOCUMENT = ("place", "value")


@dataclass(frozen=True)
class TextTable:
    """A table of text: the names of its columns, and each column's cells.

    All columns have the same number of cells. Names can repeat. The table of a document has the
    columns `place` and `value`. A table without rows that `is_empty` has one row all the same, with
    what lies beside the rows.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    is_document: bool = False
    is_empty: bool = False

    @property
    def rows(self) -> int:
        return len(self.columns[0]) if self.columns and not self.is_empty else 0


def _is_a(value: Any, classes: Mapping[str, tuple[str, ...]]) -> bool:
    # If none of the libraries is loaded the tuple is empty, and the answer is False.
    return isinstance(value, tuple(_loaded(classes)))


def _loaded(classes: Mapping[str, tuple[str, ...]]) -> Iterator[type]:
    for library, names in classes.items():
        module = sys.modules.get(library)
        for name in names if module is not None else ():
            yield attrgetter(name)(module)


def text_rows(value: Any) -> TextTable:
    """The value as a table of text.

    A table keeps its rows. Its index levels come first, as `index 0` and so on, then its columns.
    Anything else has the columns `place` and `value`. Records, containers and arrays have a row
    per leaf, with sorted keys. Bytes and files have a row per 32 bytes, in hexadecimal, by
    offset. All other values have one row.

    Floats read as their `repr`, missing values as NA, NaN, NaT or None. Text is quoted if it could
    be mistaken for another cell.

    A class that is not known by its kind adds a row ` type`. Attributes, `attrs` and names of an
    index add a row each. In a table, each of these is a column with its text in the first row.
    """
    if _is_a(value, SERIES) or _is_a(value, TABLES):
        return _table_rows(value)
    rows = _numbered((_root(place), text) for place, text in _leaves(value, "", ()))
    columns = tuple(zip(*rows, strict=True)) if rows else ((), ())
    return TextTable(DOCUMENT, columns, is_document=True)


def _table_rows(value: Any) -> TextTable:
    beside = [leaf for step, entry in _beside(value) for leaf in _leaves(entry, step, ())]
    if _is_a(value, SERIES):
        beside = [leaf for leaf in beside if leaf[0] != ".name"]  # it names the column already
        value = value.to_frame(value.name)
    columns = [*_levels(value), *_columns(value)]
    rows = len(columns[0][1]) if columns else 0
    is_empty = bool(beside) and not rows
    if is_empty:  # all columns must be equally long
        columns = [(name, [NOTHING]) for name, _ in columns]
    for place, text in beside:
        columns.append((_root(place), [text, *[NOTHING] * (rows - 1)]))
    return TextTable(
        tuple(name for name, _ in columns),
        tuple(tuple(cells) for _, cells in columns),
        is_empty=is_empty,
    )


def _root(place: str) -> str:
    return place.removeprefix(" ")


def _numbered(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The rows with repeated places numbered: two bases of a value can have the same place."""
    counted = Counter[str]()
    numbered = []
    for place, text in rows:
        counted[place] += 1
        numbered.append((place if counted[place] == 1 else f"{place} ({counted[place]})", text))
    return numbered


def _levels(table: Any) -> Iterator[tuple[str, list[str]]]:
    if _is_a(table, FRAME):
        for level in range(table.index.nlevels):
            yield f"index {level}", _cells(table.index.get_level_values(level))


def _columns(table: Any) -> Iterator[tuple[str, list[str]]]:
    if _is_a(table, FRAME):
        for position, name in enumerate(table.columns):
            # By position: if names repeat, `table[name]` is a table and not a column.
            yield _escaped(str(name)), _cells(table.iloc[:, position])
    else:
        for position, name in enumerate(table.schema.names):
            yield name, _cells(table.column(position))


def _escaped(text: str) -> str:
    # `json` writes a lone surrogate without complaint, but pydantic refuses to read it back.
    return text.encode("utf-8", "backslashreplace").decode()


def _cells(column: Any) -> list[str]:
    """The cells of a one-dimensional column."""
    if _is_a(getattr(column, "dtype", None), ARROW_DTYPE) or _is_a(column, ARROW):
        return _arrow_cells(column)
    # A column of objects may hold both 1 and '1', so there each text is quoted.
    is_typed = column.dtype != object
    return [_typed(cell) if is_typed else _cell(cell) for cell in column.tolist()]


def _arrow_cells(column: Any) -> list[str]:
    import pyarrow as pa  # the column is an Arrow one, or has its storage
    import pyarrow.compute as pc

    if not isinstance(column, (pa.Array, pa.ChunkedArray)):
        column = pa.array(column)
    if pa.types.is_time(column.type):  # Python's time of day has no nanoseconds
        column = pc.cast(column, pa.string())
    return ["NA" if cell is None else _typed(cell) for cell in column.to_pylist()]


def _typed(cell: Any) -> str:
    """A cell of a typed column: its text is quoted only if it could be read as missing."""
    if isinstance(cell, str):
        is_clear = cell.isprintable() and cell not in RESERVED and cell[:1] not in ("'", '"')
        return str(cell) if is_clear or not cell else repr(str(cell))
    if _is_a(cell, SHOWN_WHOLE):
        return str(cell)
    return _cell(cell)


def _cell(cell: Any) -> str:
    """One text for a whole value; the leaves of a container are joined."""
    if type(cell) is float:
        return "NaN" if cell != cell else repr(cell)
    if type(cell) is int and cell.bit_length() > LONGEST:
        return hex(cell)
    if type(cell) in CELLS:
        return repr(cell)
    if _is_missing(cell):
        return "NA" if type(cell).__name__ == "NAType" else "NaT"
    leaves = list(_leaves(cell, "", ()))
    if len(leaves) == 1 and leaves[0][0] == "":
        return leaves[0][1]
    return "; ".join(f"{place}: {text}" for place, text in leaves)


def _leaves(value: Any, place: str, above: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    if type(value) in (bytes, bytearray) and not above:
        yield from _hex(bytes(value), place)
        return
    if isinstance(value, Path) and value.exists():
        yield from _files(value, place)
        for step, entry in _beside(value):
            yield from _leaves(entry, place + step, (*above, id(value)))
        return
    if id(value) in above or len(above) >= DEEPEST:
        yield place, f"{type(value).__name__} nested without end"
        return
    entries = _entries(value)
    if entries is None:
        yield place, _cell(value) if _is_cell(value) else _whole(value)
        return
    # `entries` may be an iterator, which is true even if it yields nothing.
    is_empty = True
    for step, entry in entries:
        is_empty = False
        yield from _leaves(entry, place + step, (*above, id(value)))
    if is_empty:
        yield place, f"empty {type(value).__name__}"


def _is_cell(value: Any) -> bool:
    return type(value) in CELLS or (_is_missing(value) and type(value).__name__ == "NAType")


def _is_missing(value: Any) -> bool:
    """True for `pandas.NA` and `pandas.NaT`."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NA or value is pandas.NaT)


def _whole(value: Any) -> str:
    """The `repr` without the memory address, which differs in every process."""
    return value.text if type(value) is _Shown else re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _entries(value: Any) -> Iterable[tuple[str, Any]] | None:
    """The values one step below, each with its step; None for a value shown whole."""
    if _is_a(value, {"numpy": ("ndarray",)}) and value.ndim != 1:
        # `product` and `ravel` both let the last axis run fastest, so places and cells match.
        places = product(*map(range, value.shape))
        flat = zip(places, _cells(value.ravel()), strict=True)
        cells = ((f"[{', '.join(map(str, at))}]", _Shown(text)) for at, text in flat)
    elif _is_a(value, COLUMNS):
        cells = ((f"[{row}]", _Shown(text)) for row, text in enumerate(_cells(value)))
    elif _is_a(value, TABLES):
        cells = (
            (f"[{name!r}][{row}]", _Shown(text))
            for name, column in [*_levels(value), *_columns(value)]
            for row, text in enumerate(column)
        )
    else:
        return _plain_entries(value)
    return chain(cells, _beside(value))


def _beside(value: Any) -> Iterator[tuple[str, Any]]:
    """Yields the attributes of a table, a column or a whole value, beside its cells or text."""
    try:
        rules = known(type(value))
        content, added = rules.content_and_added(value) if rules else (value, [])
    except NotComparable:
        return
    if rules is not None:
        yield from _type(rules, value)
    if _is_a(value, TABLES) or _is_a(value, COLUMNS):
        yield from _axes(value)
        bases = [content, *(part.value for part in added if part.is_itself)]
        for plain in bases:
            yield from _labels(plain)
    for part in added:
        if not part.is_itself:
            yield _step(part), part.value
        elif rules is not None and rules.is_whole:
            yield f" {part.name}", part.value


def _axes(value: Any) -> Iterator[tuple[str, Any]]:
    """Yields the names of the axes of a pandas object, if it has any."""
    for axis in ("index", "columns"):
        names = list(getattr(getattr(value, axis, None), "names", []))
        if any(name is not None for name in names):
            yield f".{axis}.names", names


def _labels(plain: Any) -> Iterator[tuple[str, Any]]:
    """Yields the parts that have a place, without the cells and the defaults."""
    for part in plain.entries if type(plain) is Parts else ():
        is_cells = part.name in AXES or not part.place.startswith(".")
        is_usual = part.value is None or (part.name == "attrs" and not part.value)
        if not is_cells and not is_usual and not part.place.startswith(".levels"):
            yield part.place, part.value


def _type(rules: Known, value: Any) -> Iterator[tuple[str, Any]]:
    if rules.kind == qualified(type(value)):
        yield " type", _Shown(rules.kind)


def _step(part: Part) -> str:
    return "" if part.is_itself else part.place or f".{part.name}"


def _plain_entries(value: Any) -> Iterable[tuple[str, Any]] | None:
    try:
        rules = known(type(value))
        plain = rules.taken_apart(value) if rules else value
    except NotComparable:
        # Of unknown kind, and so shown whole. `_Shown` gets here too: no rule knows it.
        return None
    if rules is not None:
        if rules.is_whole:
            beside = list(_beside(value))
            return [("", _Shown(_whole(value))), *beside] if beside else None
        entries = (
            [(_step(part), part.value) for part in plain.entries]
            if isinstance(plain, Parts)
            else [("", plain)]
        )
        return [*_type(rules, value), *entries]
    if isinstance(plain, Parts):
        return [(_step(part), part.value) for part in plain.entries]
    if isinstance(plain, dict):
        return sorted(((f"[{_cell(key)}]", entry) for key, entry in plain.items()), key=_place)
    if isinstance(plain, (set, frozenset)):
        return [(f"{{{text}}}", _Shown(text)) for text in sorted(map(_cell, plain))]
    if isinstance(plain, LISTS):
        return zip((f"[{position}]" for position in count()), plain, strict=False)
    return None


def _place(entry: tuple[str, Any]) -> str:
    return entry[0]


# Not a `str`: `_leaves` would take that for a value, and quote it again.
class _Shown:
    """Text to show as it is."""

    def __init__(self, text: str) -> None:
        self.text = text


def _files(path: Path, place: str) -> Iterator[tuple[str, str]]:
    if path.is_file():
        yield from _hex(path.read_bytes(), place)
        return
    for entry in sorted(path.rglob("*"), key=lambda entry: entry.relative_to(path).as_posix()):
        if entry.is_file():
            name = entry.relative_to(path).as_posix()
            yield from _hex(entry.read_bytes(), f"{place}/{name} ")


def _hex(data: bytes, place: str) -> Iterator[tuple[str, str]]:
    for start in range(0, len(data), HEX_LINE):
        yield f"{place}{start:08x}", data[start : start + HEX_LINE].hex()
