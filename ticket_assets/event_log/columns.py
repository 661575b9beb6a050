"""Columns of the log in their types, and the faults of values that do not fit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ticket_assets.event_log.dates import parse_dates
from ticket_assets.event_log.schema import COLUMNS, MISSING, Column, one_line

SHOWN_FAULTS = 5
EXPECTED = {
    "count": "a whole number, 0 or more",
    "flag": "true or false",
    "time": "a date like 29/2/2016 01:16",
}
Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
MOST_DIGITS = 18  # more may not fit into 64 bits
BY_NAME = {column.name: column for column in COLUMNS}


@dataclass
class Faults:
    """The count of all faults, and the first few of each column."""

    count: int = 0
    kept: list[tuple[int, str]] = field(default_factory=list)

    def add(self, rows: Sequence[int] | Numbers, messages: Iterable[str]) -> None:
        """`rows` from 1, ascending; `messages` for the first SHOWN_FAULTS of them."""
        self.count += len(rows)
        self.kept += zip(map(int, rows[:SHOWN_FAULTS]), messages, strict=False)

    def first(self) -> tuple[tuple[int, str], ...]:
        return tuple(sorted(self.kept)[:SHOWN_FAULTS])


def typed_columns(
    raw: Mapping[str, pa.Array], numbers: Numbers, faults: Faults
) -> dict[str, pa.Array]:
    """The log's columns in their types; values that do not fit are added to `faults`.

    `raw` has text as text, flags as such or as the other types: a dictionary of texts, so that
    each distinct value is looked at once. `numbers` are the rows' numbers in the log: `raw` may
    lack some rows.
    """
    for column in COLUMNS:
        if column.required and raw[column.name].null_count:
            rows = pc.indices_nonzero(pc.is_null(raw[column.name])).to_numpy()
            message = f"column {column.name}: found '{MISSING}', expected a value"
            faults.add(numbers[rows], repeat(message))
    coded = {name: array for name, array in raw.items() if pa.types.is_dictionary(array.type)}
    converted = _converted({name: array.dictionary for name, array in coded.items()})
    done = dict(raw)
    for name, (values, fits) in converted.items():
        if not fits.all():
            _add_misfits(coded[name], fits, BY_NAME[name], numbers, faults)
        done[name] = pc.take(values, coded[name].indices)
    return done


def _add_misfits(
    raw: pa.Array, fits: Flags, column: Column, numbers: Numbers, faults: Faults
) -> None:
    # A missing value has no code, so its mask is null, and no fault.
    rows = pc.indices_nonzero(pc.invert(pc.take(pa.array(fits), raw.indices))).to_numpy()
    texts = (one_line(text) for text in raw.take(rows[:SHOWN_FAULTS]).to_pylist())
    expected = EXPECTED[column.kind]
    faults.add(
        numbers[rows],
        (f"column {column.name}: found '{text}', expected {expected}" for text in texts),
    )


def _converted(texts: Mapping[str, pa.Array]) -> dict[str, tuple[pa.Array, Flags]]:
    """The distinct values of each column in its type, and a mask of those that fit."""
    times = {name: array for name, array in texts.items() if BY_NAME[name].kind == "time"}
    others = {name: array for name, array in texts.items() if name not in times}
    return _times(times) | {
        name: _flags(array) if BY_NAME[name].kind == "flag" else _counts(array)
        for name, array in others.items()
    }


def _times(texts: Mapping[str, pa.Array]) -> dict[str, tuple[pa.Array, Flags]]:
    """All columns at once: a call per column would cost as much again as its dates."""
    seconds, fits = parse_dates(pa.concat_arrays(texts.values()))
    edges = np.cumsum([0, *map(len, texts.values())])
    times = pa.array(seconds).cast(pa.timestamp("s"))
    return {
        name: (times[start:stop], fits[start:stop])
        for name, start, stop in zip(texts, edges, edges[1:], strict=False)
    }


def _flags(texts: pa.Array) -> tuple[pa.Array, Flags]:
    flags = pc.equal(texts, "true")
    return flags, _mask(pc.or_(flags, pc.equal(texts, "false")))


def _counts(texts: pa.Array) -> tuple[pa.Array, Flags]:
    """By Python: Arrow takes longer to compile a pattern than this for a few dozen counts."""
    cells = texts.to_pylist()
    fits = [cell.isascii() and cell.isdigit() and len(cell) <= MOST_DIGITS for cell in cells]
    numbers = [int(cell) if is_fit else 0 for cell, is_fit in zip(cells, fits, strict=True)]
    return pa.array(numbers, pa.int64()), np.array(fits, bool)


def _mask(flags: pa.Array) -> Flags:
    mask: Flags = flags.to_numpy(zero_copy_only=False)
    return mask
