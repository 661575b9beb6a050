"""The log's CSV as typed Arrow tables, or one error that lists its faults."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ticket_assets.errors import DataError
from ticket_assets.event_log.schema import (
    COLUMNS,
    MISSING,
    NAMES,
    Column,
    header_faults,
    is_damaged_copy,
)

SHOWN_FAULTS = 5
ARROW_TYPES = {
    "text": pa.string(),
    "count": pa.int64(),
    "flag": pa.bool_(),
    "time": pa.timestamp("s"),
}
EXPECTED = {
    "count": "a whole number",
    "flag": "true or false",
    "time": "a date like 29/2/2016 01:16",
}
DATE = r"^(?P<day>\d{1,2})/\d{1,2}/\d{4} \d{1,2}:\d{2}$"


@dataclass(frozen=True)
class ParsedRows:
    """Rows of a log in their types, `None` where some are at fault.

    `rows` counts all, those at fault too; of the `faults` the first few are kept, as (row from 1,
    words).
    """

    rows: int
    table: pa.Table | None
    faults: int = 0
    first_faults: tuple[tuple[int, str], ...] = ()


def parse_csv(content: bytes, name: str) -> pa.Table:
    """A whole log at once; `parse_rows` says with which columns.

    `name` is the file's, for the errors. Raises DataError listing all faults, the first few shown.
    """
    header, size = read_header(content, name)
    parsed = parse_rows(memoryview(content)[size:], name, header)
    demand_rows(name, [parsed])
    return parsed.table


def read_header(content: bytes, name: str) -> tuple[list[str], int]:
    """The columns' names, and how many bytes the header has.

    Raises DataError for a header that is not the log's.
    """
    size = content.find(b"\n") + 1 or len(content)
    text = content[:size].removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise DataError(f"{name}: is empty; expected a CSV with the log's 36 columns.")
    header = next(csv.reader(io.StringIO(text.decode("utf-8", "replace").rstrip("\r\n"))))
    if is_damaged_copy(header):
        raise DataError(
            f"{name}: is the damaged copy of the UCI log that circulates: a search-and-replace"
            " took the prefixes away ('0000045' for 'INC0000045', '2' for '2 - Medium'), the"
            " header reads 'ident_state' and has 'category' twice. Fetch the original:"
            " TICKET_EVENT_LOG=uci."
        )
    faults = header_faults(header)
    if faults:
        raise DataError(
            f"{name}, header: {len(faults)} faults: {'; '.join(faults)}. Expected the 36 columns of"
            " the incident event log. Nothing was kept of it."
        )
    return header, size


def parse_rows(
    content: bytes | memoryview,
    name: str,
    header: list[str],
    first_line: Callable[[], int] = lambda: 2,
) -> ParsedRows:
    """Rows without their header, in their order: `log_row` (int64, from 1), `day` (date32: the
    date of `closed_at`, null without one), the 36 columns, then any others as text. `?` is null.

    Raises DataError for bytes that cannot be read as rows; `first_line` tells where they begin.
    """
    raw, wrong_rows = _read_rows(content, name, header, first_line)
    rows = raw.num_rows + len(wrong_rows)
    faults = wrong_rows
    if not faults:
        columns = {column.name: _typed(raw[column.name], column, faults) for column in COLUMNS}
    if faults:
        return ParsedRows(rows, None, len(faults), tuple(sorted(faults)[:SHOWN_FAULTS]))
    extras = [column for column in header if column not in NAMES]
    ordered = [name for name in header if name in NAMES] + extras
    days = columns["closed_at"].cast(pa.timestamp("s")).cast(pa.date32(), safe=False)
    table = pa.table(
        {
            "log_row": pa.array(range(1, rows + 1), pa.int64()),
            "day": days,
            **{column: columns.get(column, raw[column]) for column in ordered},
        }
    )
    return ParsedRows(rows, table)


def demand_rows(name: str, blocks: Iterable[ParsedRows]) -> None:
    """Raises DataError where the log, given as its consecutive blocks, has faults or no rows: with
    how many faults there are, and the first few."""
    before = count = 0
    shown: list[str] = []
    for block in blocks:
        count += block.faults
        for row, words in block.first_faults[: SHOWN_FAULTS - len(shown)]:
            shown.append(f"row {before + row}, {words}")
        before += block.rows
    if count:
        more = f" and {count - len(shown):,} more" if count > len(shown) else ""
        raise DataError(
            f"{name}: {count:,} faults: {'; '.join(shown)}{more}. Correct the rows in the source;"
            " nothing was kept of it."
        )
    if before == 0:
        raise DataError(f"{name}: has a header and no rows. Nothing was kept of it.")


def _read_rows(
    content: bytes | memoryview, name: str, header: list[str], first_line: Callable[[], int]
) -> tuple[pa.Table, list[tuple[int, str]]]:
    """All columns as text, those to be typed dictionary-encoded, so that each distinct value is
    looked at once; and the rows that have another number of fields."""
    kinds = {column.name: column.kind for column in COLUMNS}
    coded = pa.dictionary(pa.int32(), pa.string())
    types = {
        column: pa.string() if kinds.get(column, "text") == "text" else coded for column in header
    }
    if not content:
        return pa.table({column: pa.array([], type) for column, type in types.items()}), []
    convert = pyarrow.csv.ConvertOptions(
        column_types=types,
        null_values=[MISSING],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    wrong_rows: list[Any] = []

    def note(row: Any) -> str:
        wrong_rows.append(row)
        return "skip"

    def read(use_threads: bool) -> pa.Table:
        wrong_rows.clear()
        return pyarrow.csv.read_csv(
            pa.BufferReader(content),
            read_options=pyarrow.csv.ReadOptions(use_threads=use_threads, column_names=header),
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=convert,
        )

    try:
        table = read(use_threads=True)
        if wrong_rows:
            read(use_threads=False)  # only then does Arrow number the rows
    except pa.ArrowInvalid as error:
        raise DataError(_unreadable(bytes(content), name, first_line, error)) from error
    return table, [
        (row.number, f"has {row.actual_columns} fields, expected {row.expected_columns}")
        for row in wrong_rows
    ]


def _unreadable(
    content: bytes, name: str, first_line: Callable[[], int], error: pa.ArrowInvalid
) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + first_line()
        return (
            f"{name}, line {line}: found the bytes {content[wrong.start : wrong.start + 4]!r},"
            " expected UTF-8 text. Convert the file to UTF-8; nothing was kept of it."
        )
    return f"{name}: cannot be read as CSV: {error}. Nothing was kept of it."


def _typed(raw: pa.ChunkedArray, column: Column, faults: list[tuple[int, str]]) -> pa.Array:
    """The column in its type; what does not fit is added to `faults` as (row, words)."""
    if column.required and raw.null_count:
        for row in _rows_where(pc.is_null(raw)):
            faults.append((row, f"column {column.name}: found '{MISSING}', expected a value"))
    if column.kind == "text":
        return raw
    coded = raw.unify_dictionaries().combine_chunks()
    values, fits = _converted(coded.dictionary, column)
    for text in coded.dictionary.filter(pc.invert(fits)).to_pylist():
        words = f"column {column.name}: found '{text}', expected {EXPECTED[column.kind]}"
        faults.extend((row, words) for row in _rows_where(pc.equal(raw.cast(pa.string()), text)))
    return pc.take(values, coded.indices)


def _converted(texts: pa.Array, column: Column) -> tuple[pa.Array, pa.Array]:
    """The distinct values converted (null where they do not fit), and which fit."""
    if column.kind == "flag":
        fits = pc.is_in(texts, pa.array(["true", "false"]))
        return pc.equal(texts, "true"), fits
    if column.kind == "count":
        fits = pc.match_substring_regex(texts, r"^-?\d{1,18}$")
        return pc.if_else(fits, texts, None).cast(pa.int64()), fits
    shaped = pc.match_substring_regex(texts, DATE)
    texts = pc.if_else(shaped, texts, None)
    times = pc.strptime(texts, "%d/%m/%Y %H:%M", "s", error_is_null=True)
    # Arrow reads 31/2/2016 as 2/3/2016: the day of the month must come out as it went in.
    written = pc.struct_field(pc.extract_regex(texts, DATE), "day").cast(pa.int64())
    fits = pc.fill_null(pc.equal(pc.day(times), written), False)
    return times, fits


def _rows_where(mask: Any) -> Iterator[int]:
    yield from (index + 1 for index in pc.indices_nonzero(mask).to_pylist())
