"""Values as rows of exact text, in which two can be laid side by side."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prefect_compat.parity.fingerprint import DEEPEST, taken_apart
from prefect_compat.parity.plain import NotComparable, Parts

HEX_LINE = 32  # bytes
LONGEST = 1000  # bits of an int in decimal; Python refuses to write the very long ones
RESERVED = frozenset({"NA", "NaN", "NaT", "None", "<NA>"})
LISTS = (list, tuple, deque)
TABLES = (pd.DataFrame, pa.Table, pa.RecordBatch)
COLUMNS = (
    pd.Series,
    pd.Index,
    pd.api.extensions.ExtensionArray,
    np.ndarray,
    pa.Array,
    pa.ChunkedArray,
)


def text_rows(value: Any) -> pd.DataFrame:
    """The value as a table of text (`str` columns, none of it missing).

    Tables: index levels as `index 0`, ..., then each column, one row per row. Anything else:
    `place` and `value`; of records, containers and arrays a row for each leaf, keys sorted; of
    bytes and files a row for each 32 bytes, in hexadecimal by offset; else one row. Floats read
    as `repr`, missing values as NA, NaN, NaT or None; text is quoted where it could be mistaken
    for another cell.
    """
    if isinstance(value, pd.Series):
        value = value.to_frame(value.name)
    if isinstance(value, TABLES):
        names, columns = zip(*[*_levels(value), *_columns(value)], strict=True)
        table = pd.concat([pd.Series(column, dtype="str") for column in columns], axis=1)
        return table.set_axis(pd.Index(names, dtype="str"), axis=1)
    rows = list(_leaves(value, "", ()))
    return pd.DataFrame(rows, columns=["place", "value"], dtype="str")


def _levels(table: Any) -> Iterator[tuple[str, list[str]]]:
    if isinstance(table, pd.DataFrame):
        for level in range(table.index.nlevels):
            yield f"index {level}", _cells(table.index.get_level_values(level))


def _columns(table: Any) -> Iterator[tuple[str, list[str]]]:
    if isinstance(table, pd.DataFrame):
        for position, name in enumerate(table.columns):
            yield _escaped(str(name)), _cells(table.iloc[:, position])
    else:
        for position, name in enumerate(table.schema.names):
            yield name, _cells(table.column(position))


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _cells(column: Any) -> list[str]:
    """A column's cells, in one dimension."""
    if isinstance(getattr(column, "dtype", None), pd.ArrowDtype):
        column = pa.array(column)
    if isinstance(column, (pa.Array, pa.ChunkedArray)):
        if pa.types.is_time(column.type):  # Python's own time of day ends at microseconds
            column = pc.cast(column, pa.string())
        return [_typed(pd.NA if cell is None else cell) for cell in column.to_pylist()]
    is_typed = column.dtype != object
    return [_typed(cell) if is_typed else _cell(cell) for cell in column.tolist()]


def _typed(cell: Any) -> str:
    """A cell whose type the column says: text stands unquoted unless it reads as missing."""
    if isinstance(cell, str):
        is_clear = cell.isprintable() and cell not in RESERVED and cell[:1] not in ("'", '"')
        return str(cell) if is_clear or not cell else repr(str(cell))
    if isinstance(cell, (pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval)):
        return str(cell)
    return _cell(cell)


def _cell(cell: Any) -> str:
    """One text for a whole value; a container's leaves behind one another."""
    if isinstance(cell, float):
        return "NaN" if cell != cell else repr(float(cell))
    if isinstance(cell, int) and cell.bit_length() > LONGEST:
        return hex(cell)
    if cell is None or isinstance(cell, (str, bytes, int)):
        return repr(cell)
    if cell is pd.NA or cell is pd.NaT:
        return "NA" if cell is pd.NA else "NaT"
    leaves = list(_leaves(cell, "", ()))
    if len(leaves) == 1 and leaves[0][0] == "":
        return leaves[0][1]
    return "; ".join(f"{place}: {text}" for place, text in leaves)


def _leaves(value: Any, place: str, above: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, (bytes, bytearray)) and not above:
        yield from _hex(bytes(value), place)
        return
    if isinstance(value, Path) and value.exists():
        yield from _files(value, place)
        return
    if id(value) in above or len(above) >= DEEPEST:
        yield place, f"{type(value).__name__} nested without end"
        return
    entries = _entries(value)
    if entries is None:
        yield place, _cell(value) if _is_cell(value) else repr(value)
        return
    is_empty = True
    for step, entry in entries:
        is_empty = False
        yield from _leaves(entry, place + step, (*above, id(value)))
    if is_empty:
        yield place, f"empty {type(value).__name__}"


def _is_cell(value: Any) -> bool:
    return value is None or value is pd.NA or isinstance(value, (str, bytes, int, float))


def _entries(value: Any) -> Iterable[tuple[str, Any]] | None:
    """What lies one step below, and the step; None for what is shown whole."""
    if isinstance(value, np.ndarray) and value.ndim != 1:
        flat = zip(np.ndindex(value.shape), _cells(value.ravel()), strict=True)
        return ((f"[{', '.join(map(str, at))}]", _Shown(text)) for at, text in flat)
    if isinstance(value, COLUMNS):
        return ((f"[{row}]", _Shown(text)) for row, text in enumerate(_cells(value)))
    if isinstance(value, TABLES):
        return (
            (f"[{name!r}][{row}]", _Shown(text))
            for name, column in [*_levels(value), *_columns(value)]
            for row, text in enumerate(column)
        )
    return _plain_entries(value)


def _plain_entries(value: Any) -> Iterable[tuple[str, Any]] | None:
    try:
        rule, plain = taken_apart(value)
    except NotComparable:
        return None
    if rule is not None and rule.is_whole:
        return None
    if isinstance(plain, Parts):
        return [(part.place or f".{part.name}", part.value) for part in plain.entries]
    if isinstance(plain, dict):
        return sorted(((f"[{_cell(key)}]", entry) for key, entry in plain.items()), key=_place)
    if isinstance(plain, (set, frozenset)):
        return [(f"{{{text}}}", _Shown(text)) for text in sorted(map(_cell, plain))]
    if isinstance(plain, LISTS):
        return zip((f"[{position}]" for position in count()), plain, strict=False)
    return None if rule is None else [("", plain)]


def _place(entry: tuple[str, Any]) -> str:
    return entry[0]


class _Shown:
    """Text that is already as it is to be shown."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


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
