"""The parsed log as Parquet files of bounded size, ordered by day, made in bounded memory.

A log's rows are in the order of its incidents; a run wants days. Each block of the CSV is parsed
and ordered by day (a run of an external merge sort, Knuth, TAOCP volume 3, 5.4), kept in a
temporary file, and each part then collects its days from the blocks.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ticket_assets.event_log.parsing import ParsedRows, parse_rows

ROWS_PER_GROUP = 1 << 13
IN_ORDER = [("day", "ascending"), ("log_row", "ascending")]
NO_DAY = date.max.isoformat()  # rows without `closed_at` come last


@dataclass(frozen=True)
class LogPart:
    """One of the log's Parquet files: the days that it has rows of, its size in bytes."""

    file: str
    first_day: str
    last_day: str
    bytes: int


@dataclass(frozen=True)
class CsvRange:
    """Rows of a CSV file, by where their bytes lie."""

    path: Path
    offset: int
    size: int

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)

    def first_line(self) -> int:
        """At which line of the file, from 1, they begin."""
        line, left = 1, self.offset
        with self.path.open("rb") as file:
            while chunk := file.read(min(left, 1 << 20)):
                line, left = line + chunk.count(b"\n"), left - len(chunk)
        return line


@dataclass(frozen=True)
class ParsedBlock:
    """A parsed block: its file, ordered by day, with how many rows of each day; or its faults."""

    path: Path
    parsed: ParsedRows
    rows_by_day: dict[str, int]


@dataclass(frozen=True)
class Slice:
    """Consecutive rows of a block's file; the log has `rows_before` rows before the block."""

    path: Path
    start: int
    stop: int
    rows_before: int


@dataclass(frozen=True)
class PartPlan:
    """Which rows a part collects: all of some days, or some of one day that is larger than a part.

    The days of rows without one are `NO_DAY`.
    """

    first_day: str
    last_day: str
    slices: tuple[Slice, ...]

    @property
    def rows(self) -> int:
        return sum(slice.stop - slice.start for slice in self.slices)


def parse_block(place: CsvRange, name: str, header: list[str], path: Path) -> ParsedBlock:
    """Parses the rows and leaves them ordered by day in an Arrow file at `path`."""
    parsed = parse_rows(place.read(), name, header, place.first_line)
    if parsed.table is None:
        return ParsedBlock(path, parsed, {})
    # In one chunk, so that each batch but the last has ROWS_PER_GROUP rows.
    table = parsed.table.sort_by(IN_ORDER).combine_chunks()
    with pa.ipc.new_file(
        path, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
    ) as writer:
        writer.write_table(table, max_chunksize=ROWS_PER_GROUP)
    counted = pc.value_counts(table["day"]).to_pylist()
    rows_by_day = {
        entry["values"].isoformat() if entry["values"] else NO_DAY: entry["counts"]
        for entry in counted
    }
    return ParsedBlock(path, ParsedRows(parsed.rows, None), rows_by_day)


def plan_parts(blocks: Sequence[ParsedBlock], rows: int) -> Iterator[PartPlan]:
    """The parts in the order of their days, none of more than `rows` rows."""
    starts = [0] * len(blocks)
    rows_before = list(accumulate((block.parsed.rows for block in blocks), initial=0))

    def taken(days: Sequence[str]) -> tuple[Slice, ...]:
        slices = []
        for index, block in enumerate(blocks):
            size = sum(block.rows_by_day.get(day, 0) for day in days)
            start, starts[index] = starts[index], starts[index] + size
            if size:
                slices.append(Slice(block.path, start, start + size, rows_before[index]))
        return tuple(slices)

    waiting: list[str] = []
    rows_waiting = 0
    for day in sorted({day for block in blocks for day in block.rows_by_day}):
        size = sum(block.rows_by_day.get(day, 0) for block in blocks)
        if waiting and rows_waiting + size > rows:
            yield PartPlan(waiting[0], waiting[-1], taken(waiting))
            waiting, rows_waiting = [], 0
        if size > rows:
            for slices in _portions(taken([day]), rows):
                yield PartPlan(day, day, slices)
        else:
            waiting.append(day)
            rows_waiting += size
    if waiting:
        yield PartPlan(waiting[0], waiting[-1], taken(waiting))


def _portions(slices: Sequence[Slice], rows: int) -> Iterator[tuple[Slice, ...]]:
    """The slices in their order, cut up into portions of `rows` rows."""
    portion: list[Slice] = []
    left = rows
    for whole in slices:
        start = whole.start
        while start < whole.stop:
            stop = min(whole.stop, start + left)
            portion.append(Slice(whole.path, start, stop, whole.rows_before))
            left -= stop - start
            start = stop
            if left == 0:
                yield tuple(portion)
                portion, left = [], rows
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
