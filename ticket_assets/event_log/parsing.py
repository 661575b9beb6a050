"""Parses the log's CSV into typed Arrow tables, or raises one error that lists its faults."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ticket_assets.errors import DataError
from ticket_assets.event_log.blocks import BYTE_ORDER_MARK
from ticket_assets.event_log.columns import BY_NAME, SHOWN_FAULTS, Faults, Numbers, typed_columns
from ticket_assets.event_log.schema import (
    MISSING,
    NAMES,
    header_faults,
    is_damaged_copy,
    one_line,
    other_delimiter,
)

SHOWN_HEADER_FAULTS = 10
# Arrow calls back for each row of the wrong length, and a block has room for 8 million of them.
MOST_WRONG_ROWS = 1000
PIECE_BYTES = 2 << 20
ROW_START = re.compile(rb"[^\r\n]")
CODED = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Piece:
    """Whole rows that one reader reads; `is_quoted` if a quoted value may hold a line end."""

    content: memoryview
    is_quoted: bool

    @property
    def has_rows(self) -> bool:
        """True unless there are only line ends."""
        return ROW_START.search(self.content) is not None


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
    parse = partial(_parse_piece, name=name, header=header)
    pieces = list(_pieces(content))
    if len(pieces) == 1:
        return join_rows([parse(pieces[0])])
    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        return join_rows(pool.map(parse, pieces))


def _pieces(content: bytes) -> Iterator[Piece]:
    """The content in pieces of whole rows; in one piece if a quoted value may hold a line end.

    Arrow's own threads take a third more CPU time than a reader for each piece, whose texts and
    dictionaries stay in a core's cache.
    """
    if b'"' in content:
        yield Piece(memoryview(content), is_quoted=True)
        return
    start, view = 0, memoryview(content)
    # The last piece has up to twice as much: a tiny one would cost as much as any.
    while len(content) - start >= 2 * PIECE_BYTES:
        end = content.rfind(b"\n", start, start + PIECE_BYTES) + 1
        # A row longer than a piece ends in a later one.
        end = end or content.find(b"\n", start) + 1 or len(content)
        yield Piece(view[start:end], is_quoted=False)
        start = end
    yield Piece(view[start:], is_quoted=False)


def _parse_piece(piece: Piece, name: str, header: list[str]) -> ParsedRows:
    """The rows of a piece, without `log_row`."""
    raw, wrong = _read_rows(piece, name, header)
    faults = Faults()
    faults.add(
        [row for row, _ in wrong],
        (f"has {fields} fields, expected {len(header)}" for _, fields in wrong),
    )
    rows = raw.num_rows + len(wrong)
    if len(wrong) > MOST_WRONG_ROWS:
        return ParsedRows(rows, None, faults.count, faults.first(), stopped=True)
    numbers = np.arange(1, rows + 1)
    if wrong:
        numbers = np.delete(numbers, [row - 1 for row, _ in wrong])
    # Only a quoted value can hold a line end.
    if piece.is_quoted:
        _add_swallowed_rows(raw, header, numbers, faults)
    arrays = {name: raw[name].chunk(0) for name in header}
    columns = typed_columns({name: arrays[name] for name in NAMES}, numbers, faults)
    if faults.count:
        return ParsedRows(rows, None, faults.count, faults.first())
    extras = [column for column in header if column not in NAMES]
    ordered = [name for name in header if name in NAMES] + extras
    days = columns["closed_at"].cast(pa.date32(), safe=False)
    table = pa.table({"day": days, **{each: columns.get(each, arrays[each]) for each in ordered}})
    return ParsedRows(rows, table)


def join_rows(parts: Iterable[ParsedRows]) -> ParsedRows:
    """Consecutive rows as one, numbered from 1. Reading ends at the first that `stopped`."""
    rows = faults = 0
    first: list[tuple[int, str]] = []
    tables: list[pa.Table] = []
    for part in parts:
        first += [(rows + row, message) for row, message in part.first_faults]
        rows, faults = rows + part.rows, faults + part.faults
        if part.stopped:
            return ParsedRows(rows, None, faults, tuple(first[:SHOWN_FAULTS]), stopped=True)
        if part.table is not None:
            tables.append(part.table)
    if faults:
        return ParsedRows(rows, None, faults, tuple(first[:SHOWN_FAULTS]))
    table = pa.concat_tables(tables)
    if "log_row" in table.column_names:
        table = table.drop_columns(["log_row"])
    return ParsedRows(rows, table.add_column(0, "log_row", pa.array(np.arange(1, rows + 1))))


def check_count(parsed: ParsedRows, rows: int, name: str, first_line: Callable[[], int]) -> None:
    """Raises DataError if the number of rows differs from the count when the CSV was cut."""
    if parsed.rows != rows and not parsed.stopped:
        raise DataError(
            f"{name}, rows from line {first_line()}: read {parsed.rows:,}, expected {rows:,}. The"
            " file changed meanwhile, or two readers of CSV see different rows in it: look for"
            " stray quotes. Nothing was stored."
        )


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
    piece: Piece, name: str, header: list[str]
) -> tuple[pa.Table, list[tuple[int, int]]]:
    """The columns as `typed_columns` wants them; and the rows that have another number of fields,
    with that number.

    Of such rows, reading ends after MOST_WRONG_ROWS and one.
    """
    if not piece.has_rows:
        types = _types(header, pa.bool_())
        return pa.table({each: pa.chunked_array([[]], type) for each, type in types.items()}), []
    wrong: list[tuple[int, int]] = []

    def note(row: Any) -> str:
        wrong.append((row.number, row.actual_columns))
        return "skip" if len(wrong) <= MOST_WRONG_ROWS else "error"

    try:
        try:
            table = _arrow_table(piece, header, _types(header, pa.bool_()), note)
        except pa.ArrowInvalid:
            if len(wrong) > MOST_WRONG_ROWS:
                raise
            # It may be a flag that is none: read again, as text that the fault can show.
            wrong.clear()
            table = _arrow_table(piece, header, _types(header, CODED), note)
    except pa.ArrowException as error:
        # It may have failed only because `note` refused.
        if len(wrong) > MOST_WRONG_ROWS:
            return pa.table({}), wrong
        raise DataError(
            f"{name}: cannot be read as CSV: {one_line(str(error))}. Nothing was stored."
        ) from error
    return table, wrong


def _types(header: Sequence[str], flag: pa.DataType) -> dict[str, pa.DataType]:
    types = {"text": pa.string(), "flag": flag, "count": CODED, "time": CODED}
    return {name: types[BY_NAME[name].kind] if name in BY_NAME else pa.string() for name in header}


def _arrow_table(
    piece: Piece,
    header: list[str],
    types: Mapping[str, pa.DataType],
    note: Callable[[Any], str],
) -> pa.Table:
    return pyarrow.csv.read_csv(
        pa.BufferReader(piece.content),
        # One block of Arrow's: each block has dictionaries of its own. Also, if a block ends
        # between the CR and the LF of a quoted line break, Arrow loses the LF and may end the row
        # there (seen with 26.0.1). Arrow numbers the rows only without threads.
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, column_names=header, block_size=len(piece.content) + 1
        ),
        parse_options=pyarrow.csv.ParseOptions(
            newlines_in_values=piece.is_quoted, invalid_row_handler=note
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types,
            null_values=[MISSING],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["true"],
            false_values=["false"],
            check_utf8=False,  # `_check_text` has
        ),
    )


def _not_utf8(error: UnicodeDecodeError, place: str) -> str:
    return (
        f"{place}: found the bytes {error.object[error.start : error.start + 4]!r}, expected UTF-8"
        " text. Convert the file to UTF-8; nothing was stored."
    )


def _add_swallowed_rows(raw: pa.Table, header: list[str], numbers: Numbers, faults: Faults) -> None:
    """Adds a fault for each value that contains whole rows.

    Two stray quotes in one column turn all rows between them into such a value. One row with the
    right number of fields is left: without this check, rows would be lost in silence.
    """
    line, ends = r"[^,\r\n]*", r"[\r\n]+"
    for place, column in enumerate(header):
        texts = raw[column]
        if not pa.types.is_string(texts.type):
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
