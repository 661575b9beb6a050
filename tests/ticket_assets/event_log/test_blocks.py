from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logs import csv_bytes
from ticket_assets.errors import DataError
from ticket_assets.event_log import blocks
from ticket_assets.event_log.blocks import BLOCK_BYTES, ROW_BYTES, Block, _Cutter, cut
from ticket_assets.event_log.reading import read_table

PLACES = st.sampled_from(["?", "Room 1", '"Room 1,\nfloor 2"', '"a ""b"" c"', '"\n\n"', ""])


def chunks(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@given(st.lists(PLACES, min_size=1, max_size=8), st.integers(1, 400), st.integers(1, 900))
def test_a_csv_has_the_same_rows_wherever_it_is_cut(
    places: list[str], chunk: int, size: int
) -> None:
    content = csv_bytes([{"location": place} for place in places])
    blocks = list(cut(chunks(content, chunk), size, "log"))
    assert sum(block.size for block in blocks) == len(content)
    header_size = content.index(b"\n") + 1
    header, values = content[:header_size], []
    for block in blocks:
        start = max(block.offset, header_size)
        if rows := content[start : block.offset + block.size]:
            values += read_table([header + rows], "block")["location"].to_pylist()
    assert values == read_table([content], "log")["location"].to_pylist()


def test_a_block_has_about_the_requested_size() -> None:
    content = csv_bytes([{}] * 1000)
    sizes = [block.size for block in cut(chunks(content, 1000), 10_000, "log")]
    assert all(9_000 <= size <= 12_000 for size in sizes[:-1])


def test_rows_are_counted_without_empty_lines() -> None:
    content = csv_bytes([{"location": '"a\n\nb"'}, {}], newline="\r\n") + b"\r\n\n"
    for size in (10, 10_000):
        assert sum(block.rows for block in cut(chunks(content, 7), size, "log")) == 3


# Few letters, so that quotes, commas and line ends meet in every way.
ANY_CSV = st.text('a,"\n\r ', min_size=1, max_size=60).map(str.encode)


@given(ANY_CSV, st.integers(1, 20), st.integers(1, 40))
def test_rows_end_where_arrow_says_that_they_end(content: bytes, chunk: int, size: int) -> None:
    """Whatever the quotes; and a block alone has the rows that it has among the others."""
    rows = arrow_rows(content)
    if arrow_rows(content + b"\nz")[-1] != "z":
        with pytest.raises(DataError, match="nothing closes"):
            list(cut(chunks(content, chunk), size, "log"))
        return
    blocks = list(cut(chunks(content, chunk), size, "log"))
    assert sum(block.size for block in blocks) == len(content)
    parts = [arrow_rows(content[block.offset :][: block.size]) for block in blocks]
    assert [len(part) for part in parts] == [block.rows for block in blocks]
    assert [row for part in parts for row in part] == rows


def arrow_rows(content: bytes) -> list[str]:
    """The rows' text as Arrow's reader divides it: with 9 columns expected, it refuses each."""
    rows: list[str] = []

    def note(row: Any) -> str:
        rows.append(row.text)
        return "skip"

    if content.strip(b"\r\n"):
        pyarrow.csv.read_csv(
            pa.BufferReader(content),
            pyarrow.csv.ReadOptions(use_threads=False, column_names=list("123456789")),
            pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
        )
    return rows


class Fed:
    """Chunks without end, and how many bytes of them were asked for."""

    def __init__(self, start: bytes, chunk: bytes) -> None:
        self.bytes = 0
        self._start, self._chunk = start, chunk

    def __iter__(self) -> Iterator[bytes]:
        yield self._start
        while True:
            self.bytes += len(self._chunk)
            yield self._chunk


LINE = csv_bytes().splitlines(keepends=True)[1]
CHUNK = 1 << 20


@pytest.mark.parametrize(
    ("start", "chunk", "words"),
    [
        (b"", bytes(CHUNK), "log, header: is longer than 1 MiB"),
        (csv_bytes(), b"x" * CHUNK, r"log, row 2 \(line 3\): is longer than 1 MiB"),
        (csv_bytes(), b"x," * (CHUNK // 2), r"log, row 2 \(line 3\): is longer than 1 MiB"),
        (csv_bytes() + b'"', LINE * 3000, r"log, row 2 \(line 3\): the quote at .* nothing closes"),
        (csv_bytes() + b'"', b'""' * (CHUNK // 2), r"row 2 \(line 3\): the quote at .* closes"),
        (csv_bytes(), LINE * 5 + b"x" * CHUNK + b",\n", r"log, row 7 \(line 8\): is longer"),
    ],
    ids=["zeros", "text", "commas", "stray quote", "quotes", "one long row"],
)
def test_a_row_without_an_end_is_refused_after_a_block(
    start: bytes, chunk: bytes, words: str
) -> None:
    fed = Fed(start, chunk)
    with pytest.raises(DataError, match=words):
        list(cut(fed, BLOCK_BYTES, "log"))
    assert fed.bytes <= BLOCK_BYTES + 2 * len(chunk)


def test_a_row_of_just_the_limit_is_read() -> None:
    content = csv_bytes([{}, {"location": "@"}, {}])
    content = content.replace(b"@", b"@" * (ROW_BYTES + 1 - len(content.splitlines()[2])))
    assert max(map(len, content.splitlines())) == ROW_BYTES
    (block,) = cut([content], 10, "log")
    assert block.rows == 4
    assert read_table([content], "log").num_rows == 3
    with pytest.raises(DataError, match=r"row 2 \(line 3\): is longer than 1 MiB"):
        list(cut([content.replace(b"@", b"@@", 1)], 10, "log"))


def test_rows_larger_than_a_block_are_scanned_only_a_few_times() -> None:
    """Else the time for a long row would grow with its square."""
    content = csv_bytes([{"location": '"' + "a\n" * 20_000 + '"'}])
    looked_at = 0

    class Counting(_Cutter):
        def whole_rows(self, content: bytearray, is_last: bool) -> Block | None:
            nonlocal looked_at
            looked_at += len(content)
            return super().whole_rows(content, is_last)

    with patch.object(blocks, "_Cutter", Counting):
        assert sum(block.rows for block in cut(chunks(content, 10), 10, "log")) == 2
    assert looked_at < 4 * len(content)


def test_nothing_has_no_blocks() -> None:
    assert list(cut([], 10, "log")) == []
