"""The parsed log as Parquet files of bounded size, ordered by day, made in bounded memory.

A log's rows are in the order of its incidents, but a run reads days. Each block of the CSV is
parsed, ordered by day and stored in a temporary file. Then each part collects its days from the
blocks. This is an external merge sort (Knuth, TAOCP volume 3, 5.4).
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ticket_assets.event_log.parsing import ParsedRows, check_count, parse_rows

ROWS_PER_GROUP = 1 << 13
IN_ORDER = [("day", "ascending"), ("log_row", "ascending")]
# A part is assembled in memory. ROWS_PER_PART rows of the real log take 20 MB; this limit matters
# for logs with longer rows.
PART_BYTES = 256 << 20
# More than a century. Each day costs a little memory in every block that has it.
MOST_DAYS = 40_000

# A day as YYYY-MM-DD; None for rows without `closed_at`, which come last.
Day = str | None


@dataclass(frozen=True)
class LogPart:
    """One of the log's Parquet files: its first and last day, and its size in bytes.

    The days are None if none of its rows has a day.
    """

    file: str
    first_day: Day
    last_day: Day
    bytes: int

    def has_days_between(self, first: str, last: str) -> bool:
        """True if it may have rows of these days, both included."""
        if self.first_day is None or self.last_day is None:
            return False
        return self.first_day <= last and self.last_day >= first


@dataclass(frozen=True)
class CsvRange:
    """Rows of a CSV file: the position of their bytes, and their number when the file was cut."""

    path: Path
    offset: int
    size: int
    rows: int

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)

    def first_line(self) -> int:
        """The line of the file, from 1, at which they begin."""
        line, left = 1, self.offset
        with self.path.open("rb") as file:
            while chunk := file.read(min(left, 1 << 20)):
                line, left = line + chunk.count(b"\n"), left - len(chunk)
        return line


@dataclass(frozen=True)
class Amount:
    """A number of rows, and their approximate bytes in memory."""

    rows: int = 0
    bytes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.rows + other.rows, self.bytes + other.bytes)

    def fits(self, rows: int) -> bool:
        """True if a part of at most `rows` rows has room for it."""
        return self.rows <= rows and self.bytes <= PART_BYTES


NOTHING = Amount()


@dataclass(frozen=True)
class ParsedBlock:
    """A parsed block: its file, ordered by day, and the amount of each day; or its faults."""

    path: Path
    parsed: ParsedRows
    days: dict[Day, Amount]


@dataclass(frozen=True)
class Slice:
    """Consecutive rows of a block's file; the log has `rows_before` rows before the block."""

    path: Path
    start: int
    stop: int
    rows_before: int
    bytes: int


@dataclass(frozen=True)
class PartPlan:
    """The rows that a part collects: all rows of some days, or some rows of one large day.

    The days are None if none of the rows has one.
    """

    first_day: Day
    last_day: Day
    slices: tuple[Slice, ...]

    @property
    def rows(self) -> int:
        return sum(slice.stop - slice.start for slice in self.slices)


def parse_block(place: CsvRange, name: str, header: list[str], path: Path) -> ParsedBlock:
    """Parses the rows and stores them, ordered by day, in an Arrow file at `path`.

    Raises DataError if their number differs from the count when the CSV was cut.
    """
    parsed = parse_rows(place.read(), name, header, place.first_line)
    check_count(parsed, place.rows, name, place.first_line)
    if parsed.table is None:
        return ParsedBlock(path, parsed, {})
    # One chunk: otherwise batches end at chunk borders, and `_rows_of` reads the wrong rows.
    table = parsed.table.sort_by(IN_ORDER).combine_chunks()
    with pa.ipc.new_file(
        path, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
    ) as writer:
        writer.write_table(table, max_chunksize=ROWS_PER_GROUP)
    return ParsedBlock(path, ParsedRows(parsed.rows, None), _amounts(table))


def _amounts(table: pa.Table) -> dict[Day, Amount]:
    """The amount of each day of a parsed block, in the order of the days."""
    # No value of a fixed width takes more than 8 bytes; texts add theirs.
    sizes = pa.array(np.full(table.num_rows, 8 * table.num_columns, np.int64))
    for column in table.columns:
        if pa.types.is_string(column.type):
            sizes = pc.add(sizes, pc.fill_null(pc.binary_length(column), 0))
    by_day = pa.table({"day": table["day"], "bytes": sizes}).group_by("day")
    days = by_day.aggregate([("bytes", "sum"), ([], "count_all")]).sort_by("day").to_pylist()
    return {
        entry["day"] and entry["day"].isoformat(): Amount(entry["count_all"], entry["bytes_sum"])
        for entry in days
    }


def days_of(blocks: Sequence[ParsedBlock]) -> list[Day]:
    """All days in order, with None last if there are rows without a day."""
    days = {day for block in blocks for day in block.days}
    return sorted(days, key=lambda day: (day is None, day or ""))


def plan_parts(blocks: Sequence[ParsedBlock], rows: int) -> Iterator[PartPlan]:
    """Plans of parts in the order of their days, each of at most `rows` rows and PART_BYTES.

    A single row, or one block's rows of a day, may be larger than PART_BYTES.
    """
    starts = [0] * len(blocks)
    rows_before = list(accumulate((block.parsed.rows for block in blocks), initial=0))

    def taken(days: Sequence[Day]) -> tuple[Slice, ...]:
        slices = []
        for index, block in enumerate(blocks):
            size = sum((block.days.get(day, NOTHING) for day in days), NOTHING)
            # A block's file is in the order of the days, so its slices follow one another. That
            # holds only while the days are taken in their order, each once.
            start, starts[index] = starts[index], starts[index] + size.rows
            if size.rows:
                slices.append(
                    Slice(block.path, start, start + size.rows, rows_before[index], size.bytes)
                )
        return tuple(slices)

    waiting: list[Day] = []
    held = NOTHING
    for day in days_of(blocks):
        size = sum((block.days.get(day, NOTHING) for block in blocks), NOTHING)
        if waiting and not (held + size).fits(rows):
            yield _plan(waiting, taken(waiting))
            waiting, held = [], NOTHING
        if not size.fits(rows):
            for slices in _portions(taken([day]), rows):
                yield _plan([day], slices)
        else:
            waiting.append(day)
            held += size
    if waiting:
        yield _plan(waiting, taken(waiting))


def _plan(days: Sequence[Day], slices: tuple[Slice, ...]) -> PartPlan:
    known = [day for day in days if day is not None]
    return PartPlan(known[0], known[-1], slices) if known else PartPlan(None, None, slices)


def _portions(slices: Sequence[Slice], rows: int) -> Iterator[tuple[Slice, ...]]:
    """The slices in order, cut into portions of at most `rows` rows and PART_BYTES."""
    portion: list[Slice] = []
    left, held = rows, 0
    for whole in slices:
        if portion and held + whole.bytes > PART_BYTES:
            yield tuple(portion)
            portion, left, held = [], rows, 0
        held += whole.bytes
        start = whole.start
        while start < whole.stop:
            stop = min(whole.stop, start + left)
            portion.append(replace(whole, start=start, stop=stop))
            left -= stop - start
            start = stop
            if left == 0:
                yield tuple(portion)
                # The rest counts as the whole slice: only the slice's size is known.
                portion, left, held = [], rows, whole.bytes
    if portion:
        yield tuple(portion)


def write_part(plan: PartPlan, path: Path) -> int:
    """Writes the part as Parquet, ordered by day and `log_row`; returns its size in bytes."""
    table = pa.concat_tables([_rows_of(slice) for slice in plan.slices]).sort_by(IN_ORDER)
    with path.open("wb") as file:
        pq.write_table(table, file, compression="zstd", row_group_size=ROWS_PER_GROUP)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def _rows_of(wanted: Slice) -> pa.Table:
    first, last = wanted.start // ROWS_PER_GROUP, (wanted.stop - 1) // ROWS_PER_GROUP
    with pa.ipc.open_file(pa.OSFile(str(wanted.path))) as reader:
        batches = [reader.get_batch(index) for index in range(first, last + 1)]
    table = pa.Table.from_batches(batches).slice(
        wanted.start - first * ROWS_PER_GROUP, wanted.stop - wanted.start
    )
    rows = pc.add(table["log_row"], wanted.rows_before)
    return table.set_column(table.schema.get_field_index("log_row"), "log_row", rows)
