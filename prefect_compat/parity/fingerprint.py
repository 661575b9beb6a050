"""A digest of a value's content, the same on any machine and for any layout in memory."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fingerprint:
    """What a value is, its size, and a sha256 of its content.

    A kind that this module does not know has no digest, and equals nothing: not comparable is
    not the same.
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


class _NotComparable(Exception):
    """Raised deep inside a value for a part that cannot be digested."""


def fingerprint(value: Any) -> Fingerprint:
    """The fingerprint of a pandas table, a NumPy array, bytes, or JSON-like data.

    Tables: column names, dtypes, values (floats to the last bit), order of rows and columns,
    index and `attrs`. JSON-like: text as keys, in any order; a tuple is a list.
    """
    try:
        if isinstance(value, pd.DataFrame):
            return Fingerprint("table", _digest(_table_parts(value)), value.shape)
        if isinstance(value, np.ndarray):
            return Fingerprint("array", _digest(_array_parts(value)), value.shape)
        if isinstance(value, bytes):
            return Fingerprint("bytes", _digest(iter([value])), (len(value),))
        return Fingerprint("document", _digest(iter([_json(value)])))
    except _NotComparable as error:
        return Fingerprint(UNKNOWN, f"{type(value).__module__}.{type(value).__qualname__}: {error}")


def _digest(parts: Iterator[bytes]) -> str:
    """Each part preceded by its length, so that no two sequences run together the same."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "little"))
        hasher.update(part)
    return hasher.hexdigest()


def _table_parts(table: pd.DataFrame) -> Iterator[bytes]:
    yield _json([table.attrs, table.shape])
    yield repr((list(table.index.names), list(table.columns.names))).encode()
    for level in range(table.index.nlevels):
        yield from _column_parts(f"index {level}", table.index.get_level_values(level).to_series())
    for position, name in enumerate(table.columns):
        yield from _column_parts(repr(name), table.iloc[:, position])


def _column_parts(name: str, column: "pd.Series[Any]") -> Iterator[bytes]:
    yield name.encode()
    yield str(column.dtype).encode()
    missing = column.isna().to_numpy(bool)
    yield np.packbits(missing).tobytes()
    present = column[~missing]
    if isinstance(column.dtype, pd.CategoricalDtype):
        yield _json([list(map(str, column.dtype.categories)), bool(column.dtype.ordered)])
        present = present.astype(column.dtype.categories.dtype)
    if pd.api.types.is_datetime64_any_dtype(present) or pd.api.types.is_timedelta64_dtype(present):
        yield present.astype("int64").to_numpy("<i8").tobytes()
    elif pd.api.types.is_bool_dtype(present):
        yield present.to_numpy(np.uint8).tobytes()
    elif pd.api.types.is_numeric_dtype(present):
        yield from _array_parts(
            present.to_numpy(getattr(present.dtype, "numpy_dtype", present.dtype))
        )
    elif pd.api.types.infer_dtype(present, skipna=False) in ("string", "empty"):
        yield from _text_parts(present)
    else:
        raise _NotComparable(f"column {name} of {column.dtype}")


def _text_parts(texts: "pd.Series[Any]") -> Iterator[bytes]:
    """Lengths, then all the text in UTF-8."""
    array = pa.array(texts, pa.large_string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    lengths = pc.binary_length(array).to_numpy()
    yield lengths.astype("<i8").tobytes()
    start = array.buffers()[1]
    offsets = np.frombuffer(start, "<i8")[array.offset : array.offset + len(array) + 1]
    text = array.buffers()[2]
    yield text[int(offsets[0]) : int(offsets[-1])].to_pybytes() if text is not None else b""


def _array_parts(array: npt.NDArray[Any]) -> Iterator[bytes]:
    if array.dtype.kind not in "biufcmM":
        raise _NotComparable(f"array of {array.dtype}")
    little = array.astype(array.dtype.newbyteorder("<"))
    yield _json([little.dtype.str, list(array.shape)])
    yield np.ascontiguousarray(little).tobytes()


def _json(value: Any) -> bytes:
    """Raises _NotComparable for what JSON cannot tell apart or cannot say, NaN among it."""
    _demand_text_keys(value)
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise _NotComparable(str(error)) from None


def _demand_text_keys(value: Any) -> None:
    """JSON would write the keys 1 and "1" alike."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if not isinstance(key, str):
                raise _NotComparable(f"key {key!r} is not text")
            _demand_text_keys(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            _demand_text_keys(entry)
