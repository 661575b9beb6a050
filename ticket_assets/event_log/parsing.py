"""Parses the log's CSV into typed Arrow tables, or raises one error that lists its faults."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ticket_assets.errors import DataError
from ticket_assets.event_log.blocks import BYTE_ORDER_MARK, ROW_BYTES
from ticket_assets.event_log.schema import (
    COLUMNS,
    MISSING,
    NAMES,
    Column,
    header_faults,
    is_damaged_copy,
    one_line,
    other_delimiter,
)

SHOWN_FAULTS = 5
SHOWN_HEADER_FAULTS = 10
# Arrow calls back for each row of the wrong length, and a block has room for 8 million of them.
MOST_WRONG_ROWS = 1000
ARROW_TYPES = {
    "text": pa.string(),
    "count": pa.int64(),
    "flag": pa.bool_(),
    "time": pa.timestamp("s"),
}
EXPECTED = {
    "count": "a whole number, 0 or more",
    "flag": "true or false",
    "time": "a date like 29/2/2016 01:16",
}
Numbers = npt.NDArray[np.int64]
DATE = r"^(?P<day>\d{1,2})/\d{1,2}/\d{4} \d{1,2}:\d{2}$"


@dataclass(frozen=True)
class ParsedRows:
    """Typed rows of a log; `table` is None if some have faults.

    `rows` counts all rows, faulty ones too. `first_faults` has the first few of the `faults`, as
    (row from 1, message). `stopped` means that reading ended early, so there may be more.
    """

    rows: int
    table: pa.Table | None
    faults: int = 0
    first_faults: tuple[tuple[int, str], ...] = ()
    stopped: bool = False


@dataclass
class _Faults:
    """The count of all faults, and the first few of each column."""

    count: int = 0
    kept: list[tuple[int, str]] = field(default_factory=list)

    def add(self, rows: Sequence[int] | Numbers, messages: Iterable[str]) -> None:
        """`rows` from 1, ascending; `messages` for the first SHOWN_FAULTS of them."""
        self.count += len(rows)
        self.kept += zip(map(int, rows[:SHOWN_FAULTS]), messages, strict=False)

    def first(self) -> tuple[tuple[int, str], ...]:
        return tuple(sorted(self.kept)[:SHOWN_FAULTS])


def parse_csv(content: bytes, name: str) -> pa.Table:
    """The table of a whole log, with the columns of `parse_rows`.

    `name` is the file's name for errors. Raises DataError that counts all faults and shows the
    first few.
    """
    header, size = read_header(content, name)
    parsed = parse_rows(content[size:], name, header)
    check_rows(name, [parsed])
    return parsed.table


def read_header(content: bytes, name: str) -> tuple[list[str], int]:
    """The columns' names, and the size of the header in bytes.

    Raises DataError for a header that is not the log's.
    """
    size = content.find(b"\n") + 1 or len(content)
    line = content[:size].removeprefix(BYTE_ORDER_MARK).rstrip(b"\r\n")
    if not line.strip():
        found = "begins with an empty line" if content[size:].strip() else "is empty"
        raise DataError(f"{name}: {found}; expected a CSV with the log's 36 columns.")
    header = _fields(line, name)
    if is_damaged_copy(header):
        raise DataError(
            f"{name}: is the damaged copy of the UCI log that circulates: a search-and-replace"
            " took the prefixes away ('0000045' for 'INC0000045', '2' for '2 - Medium'), the"
            " header reads 'ident_state' and has 'category' twice. Fetch the original:"
            " TICKET_EVENT_LOG=uci."
        )
    faults = header_faults(header)
    if faults:
        shown = "; ".join(faults[:SHOWN_HEADER_FAULTS])
        hidden = len(faults) - SHOWN_HEADER_FAULTS
        more = f" and {hidden} more" if hidden > 0 else ""
        raise DataError(
            f"{name}, header: {_counted(len(faults))}: {shown}{more}. Expected the 36"
            " columns of the incident event log. Nothing was stored."
        )
    return header, size


def _fields(line: bytes, name: str) -> list[str]:
    """The header's fields. Raises DataError if it is no line of a CSV in UTF-8."""
    if b"\0" in line:
        raise DataError(
            f"{name}, header: found a NUL byte, expected the log's 36 columns as UTF-8 text. The"
            " file is binary, UTF-16, or damaged: fetch or save it again."
        )
    if b"\r" in line:
        raise DataError(
            f"{name}, header: found a carriage return without a line feed, expected lines that end"
            " with a line feed. Convert the file's line ends."
        )
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise DataError(_not_utf8(wrong, f"{name}, header")) from wrong
    if delimiter := other_delimiter(text):
        raise DataError(
            f"{name}, header: found columns divided by {delimiter!r}, expected commas. Save the"
            " file with commas; nothing was stored."
        )
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise DataError(
            f"{name}, header: found '{one_line(text)}', which cannot be read as CSV ({error});"
            " expected the log's 36 columns on the first line. Correct that line; nothing was"
            " stored."
        ) from error


def parse_rows(
    content: bytes,
    name: str,
    header: list[str],
    first_line: Callable[[], int] = lambda: 2,
) -> ParsedRows:
    """The rows below the header, in their order.

    Columns: `log_row` (int64, from 1), `day` (date32: the date of `closed_at`, null without one),
    the log's 36 columns, then any others as text. `?` is null. Raises DataError for bytes that
    cannot be read as rows; `first_line` gives the line at which they begin.
    """
    _check_text(content, name, first_line)
    raw, wrong = _read_rows(content, name, header)
    faults = _Faults()
    faults.add(
        [row for row, _ in wrong],
        (f"has {fields} fields, expected {len(header)}" for _, fields in wrong),
    )
    rows = raw.num_rows + len(wrong)
    if len(wrong) > MOST_WRONG_ROWS:
        return ParsedRows(rows, None, faults.count, faults.first(), stopped=True)
    numbers = np.delete(np.arange(1, rows + 1), [row - 1 for row, _ in wrong])
    # Only a quoted value can hold a line end.
    if b'"' in content:
        _add_swallowed_rows(raw, header, numbers, faults)
    columns = {column.name: _typed(raw[column.name], column, numbers, faults) for column in COLUMNS}
    if faults.count:
        return ParsedRows(rows, None, faults.count, faults.first())
    extras = [column for column in header if column not in NAMES]
    ordered = [name for name in header if name in NAMES] + extras
    days = columns["closed_at"].cast(pa.timestamp("s")).cast(pa.date32(), safe=False)
    table = pa.table(
        {
            "log_row": pa.array(numbers),
            "day": days,
            **{column: columns.get(column, raw[column]) for column in ordered},
        }
    )
    return ParsedRows(rows, table)


def check_rows(name: str, blocks: Iterable[ParsedRows]) -> None:
    """Raises DataError if the log, given as its consecutive blocks, has faults or no rows.

    The error counts all faults and shows the first few.
    """
    before = count = 0
    shown: list[str] = []
    for block in blocks:
        count += block.faults
        for row, message in block.first_faults[: SHOWN_FAULTS - len(shown)]:
            shown.append(f"row {before + row}, {message}")
        before += block.rows
        if block.stopped:
            counted = f"{_counted(count)} or more"
            break
    else:
        counted = _counted(count)
    if count:
        more = f" and {count - len(shown):,} more" if count > len(shown) else ""
        raise DataError(
            f"{name}: {counted}: {'; '.join(shown)}{more}. Correct the rows in the source;"
            " nothing was stored."
        )
    if before == 0:
        raise DataError(
            f"{name}: has a header and no rows, expected one row at least. Take a log with rows;"
            " nothing was stored."
        )


def _counted(faults: int) -> str:
    return f"{faults:,} fault{'' if faults == 1 else 's'}"


def _check_text(content: bytes, name: str, first_line: Callable[[], int]) -> None:
    """Raises DataError for bytes that are no UTF-8 text, naming their line.

    Arrow finds most of them too, but prints a traceback for one in a row with the wrong number of
    fields (seen with 26.0.1).
    """
    if (place := content.find(b"\0")) >= 0:
        line = content.count(b"\n", 0, place) + first_line()
        raise DataError(
            f"{name}, line {line}: found a NUL byte, expected text. The file is binary or was not"
            " written to its end: fetch it again; nothing was stored."
        )
    if content.isascii():
        return
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + first_line()
        raise DataError(_not_utf8(wrong, f"{name}, line {line}")) from wrong


def _read_rows(
    content: bytes, name: str, header: list[str]
) -> tuple[pa.Table, list[tuple[int, int]]]:
    """All columns as text, those to be typed dictionary-encoded, so that each distinct value is
    looked at once; and the rows that have another number of fields, with that number.

    Of such rows, reading ends after MOST_WRONG_ROWS and one.
    """
    kinds = {column.name: column.kind for column in COLUMNS}
    coded = pa.dictionary(pa.int32(), pa.string())
    types = {
        column: pa.string() if kinds.get(column, "text") == "text" else coded for column in header
    }
    none = pa.table({column: pa.array([], type) for column, type in types.items()})
    if not content.strip(b"\r\n"):
        return none, []
    convert = pyarrow.csv.ConvertOptions(
        column_types=types,
        null_values=[MISSING],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    quoted = b'"' in content
    # If one of Arrow's own blocks ends between the CR and the LF of a quoted line break, Arrow
    # loses the LF and may end the row there (seen with 26.0.1). So quoted rows are one block.
    block_size = max(ROW_BYTES, len(content)) if quoted else ROW_BYTES
    wrong: list[tuple[int, int]] = []

    def note(row: Any) -> str:
        wrong.append((row.number, row.actual_columns))
        return "skip" if len(wrong) <= MOST_WRONG_ROWS else "error"

    def read(use_threads: bool) -> pa.Table:
        wrong.clear()
        return pyarrow.csv.read_csv(
            pa.BufferReader(content),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=use_threads, column_names=header, block_size=block_size
            ),
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=quoted, invalid_row_handler=note
            ),
            convert_options=convert,
        )

    try:
        try:
            table = read(use_threads=True)
        # It may have failed only because `note` refused: then the rows are read once more.
        except pa.ArrowInvalid:
            if not wrong:
                raise
        if wrong:
            table = read(use_threads=False)  # Arrow numbers the rows only without threads
    except pa.ArrowException as error:
        if len(wrong) > MOST_WRONG_ROWS:
            return none, wrong
        raise DataError(
            f"{name}: cannot be read as CSV: {one_line(str(error))}. Nothing was stored."
        ) from error
    return table, wrong


def _not_utf8(error: UnicodeDecodeError, place: str) -> str:
    return (
        f"{place}: found the bytes {error.object[error.start : error.start + 4]!r}, expected UTF-8"
        " text. Convert the file to UTF-8; nothing was stored."
    )


def _add_swallowed_rows(
    raw: pa.Table, header: list[str], numbers: Numbers, faults: _Faults
) -> None:
    """Adds a fault for each value that contains whole rows.

    Two stray quotes in one column turn all rows between them into such a value. One row with the
    right number of fields is left: without this check, rows would be lost in silence.
    """
    line, ends = r"[^,\r\n]*", r"[\r\n]+"
    for place, column in enumerate(header):
        texts = raw[column]
        if pa.types.is_dictionary(texts.type):
            continue  # a value of several lines is a fault of its type already
        rows = pc.indices_nonzero(pc.match_substring_regex(texts, ends)).to_numpy()
        if not len(rows):
            continue
        after = len(header) - 1 - place
        pattern = (
            rf"^{line}(,{line}){{{after}}}{ends}"  # the rest of the first row
            rf"({line}(,{line}){{{len(header) - 1}}}{ends})*"
            rf"{line}(,{line}){{{place}}}$"  # the last row's begin
        )
        held = pc.match_substring_regex(texts.take(rows), pattern).to_numpy(zero_copy_only=False)
        message = (
            f"column {one_line(column)}: found a quoted value that holds whole rows, expected its"
            " closing quote in the row that it begins in"
        )
        faults.add(numbers[rows[held.astype(bool)]], repeat(message))


def _typed(raw: pa.ChunkedArray, column: Column, numbers: Numbers, faults: _Faults) -> pa.Array:
    """The column in its type; values that do not fit are added to `faults`.

    `numbers` are the rows' numbers in the log: `raw` may lack some rows.
    """
    if column.required and raw.null_count:
        rows = pc.indices_nonzero(pc.is_null(raw)).to_numpy()
        message = f"column {column.name}: found '{MISSING}', expected a value"
        faults.add(numbers[rows], repeat(message))
    if column.kind == "text":
        return raw
    # Arrow makes a dictionary for each block that it reads, with codes of its own.
    coded = raw.unify_dictionaries().combine_chunks()
    values, fits = _converted(coded.dictionary, column)
    # A missing value has no code, so its mask is null, and no fault.
    rows = pc.indices_nonzero(pc.invert(pc.take(fits, coded.indices))).to_numpy()
    texts = (one_line(text) for text in coded.take(rows[:SHOWN_FAULTS]).to_pylist())
    expected = EXPECTED[column.kind]
    faults.add(
        numbers[rows],
        (f"column {column.name}: found '{text}', expected {expected}" for text in texts),
    )
    return pc.take(values, coded.indices)


def _converted(texts: pa.Array, column: Column) -> tuple[pa.Array, pa.Array]:
    """The distinct values in the column's type (null if they do not fit), and a mask of fits."""
    if column.kind == "flag":
        fits = pc.is_in(texts, pa.array(["true", "false"]))
        return pc.equal(texts, "true"), fits
    if column.kind == "count":
        fits = pc.match_substring_regex(texts, r"^\d{1,18}$")
        return pc.if_else(fits, texts, None).cast(pa.int64()), fits
    shaped = pc.match_substring_regex(texts, DATE)
    texts = pc.if_else(shaped, texts, None)
    times = pc.strptime(texts, "%d/%m/%Y %H:%M", "s", error_is_null=True)
    # Arrow reads 31/2/2016 as 2/3/2016, so the day of the month must survive the round trip.
    written = pc.struct_field(pc.extract_regex(texts, DATE), "day").cast(pa.int64())
    fits = pc.fill_null(pc.equal(pc.day(times), written), False)
    # Arrow also reads a year 0000, which Python's calendar does not have.
    return times, pc.and_(fits, pc.fill_null(pc.greater(pc.year(times), 0), False))
