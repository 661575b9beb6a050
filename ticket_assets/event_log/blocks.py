"""Blocks of whole rows of a CSV, so that only one block at a time is in memory."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ticket_assets.errors import DataError

BLOCK_BYTES = 16 << 20
# The real log's longest row has 406 bytes. A missing line end or an unclosed quote joins all the
# following rows into one. Without a limit that row would be held in memory, however large.
ROW_BYTES = 1 << 20

# A row as Arrow's CSV reader sees it. A quote opens a quoted value only as a field's first
# character; after the closing quote, text goes on to the next comma. The possessive repeats (`*+`)
# keep the pattern linear: without them it would backtrack through each incomplete row.
_FIELD = rb'(?:"[^"]*+(?:""[^"]*+)*+"[^,\r\n]*+|[^",\r\n][^,\r\n]*+|)'
_FIELDS = re.compile(rb"[\r\n]*+(" + _FIELD + rb"(?:," + _FIELD + rb")*+)")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Block:
    """Whole rows of a CSV: their offset in bytes, their size in bytes, and their number.

    Empty lines do not count as rows; the header does. `line`, from 1, is where they begin.
    """

    offset: int
    size: int
    rows: int
    line: int


def cut(chunks: Iterable[bytes], size: int, name: str) -> Iterator[Block]:
    """The CSV's blocks of about `size` bytes, each of whole rows.

    Takes time linear in the CSV, and holds at most a block, a row and a chunk. `name` is the
    file's name for errors. Raises DataError for a row longer than ROW_BYTES and for a quoted value
    that is still open at the end of the file.
    """
    return (block for block, _ in _cut(chunks, size, name))


def cut_with_content(
    chunks: Iterable[bytes], size: int, name: str
) -> Iterator[tuple[Block, bytes]]:
    """The same blocks, each with its bytes."""
    for block, waiting in _cut(chunks, size, name):
        with memoryview(waiting) as view:
            content = bytes(view[: block.size])
        yield block, content


def _cut(chunks: Iterable[bytes], size: int, name: str) -> Iterator[tuple[Block, bytearray]]:
    """Each block, and an array that begins with its bytes until the next block is asked for."""
    cutter = _Cutter(name)
    waiting, goal = bytearray(), size
    for chunk in chunks:
        waiting += chunk
        if len(waiting) < goal:
            continue
        if block := cutter.whole_rows(waiting, is_last=False):
            yield block, waiting
            # A new array: one that shrinks and grows gives its pages back to the system each time,
            # which took four times as long as the cutting.
            with memoryview(waiting) as view:
                waiting = bytearray(view[block.size :])
        # A row larger than a block is scanned again only when it has doubled, to stay linear.
        goal = max(size, min(2 * len(waiting), ROW_BYTES + 1))
    if waiting and (block := cutter.whole_rows(waiting, is_last=True)):
        yield block, waiting


class _Cutter:
    """Cuts blocks, and counts the bytes, rows and lines of all blocks so far."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._offset = self._rows = self._lines = 0

    def whole_rows(self, content: bytearray, is_last: bool) -> Block | None:
        """The rows that end within the content; all its rows if it is the last."""
        marked = self._offset == 0 and content.startswith(BYTE_ORDER_MARK)
        end, rows, length = (len(BYTE_ORDER_MARK) if marked else 0), 0, len(content)
        plain, plain_rows = _plain_rows(content, end)
        # The log may end without a line end. Then the pattern looks at all rows of its last block.
        if plain == length or (plain and not is_last):
            return self._block(plain, plain_rows, lines=plain_rows)
        while end < length:
            match = _FIELDS.match(content, end)
            assert match, "the pattern also matches an empty field"
            start, stop = match.span(1)
            if stop == length or content[stop] not in b"\r\n":
                break  # the row is incomplete
            if stop - start > ROW_BYTES:
                self._refuse_length(content, start, rows)
            end, rows = stop + 1, rows + 1
        else:
            return self._block(end, rows, content.count(b"\n", 0, end))
        if stop < length:
            self._refuse_open_quote(content, start, stop, rows, is_last)
        elif stop - start > ROW_BYTES:
            self._refuse_length(content, start, rows)
        if is_last:
            return self._block(length, rows + (stop > start), content.count(b"\n"))
        # Line ends before an incomplete row belong to the block before it.
        return self._block(start, rows, content.count(b"\n", 0, start)) if start else None

    def _block(self, end: int, rows: int, lines: int) -> Block:
        block = Block(self._offset, end, rows, self._lines + 1)
        self._offset += end
        self._rows += rows
        self._lines += lines
        return block

    def _place(self, content: bytearray, start: int, rows: int) -> str:
        row, line = self._rows + rows, self._lines + content.count(b"\n", 0, start) + 1
        return f"{self._name}, row {row} (line {line})" if row else f"{self._name}, header"

    def _refuse_length(self, content: bytearray, start: int, rows: int) -> None:
        raise DataError(
            f"{self._place(content, start, rows)}: is longer than {ROW_BYTES >> 20} MiB, expected a"
            " row of the log. Look for missing line ends, or for a file that is no CSV; nothing was"
            " stored."
        )

    def _refuse_open_quote(
        self, content: bytearray, start: int, quote: int, rows: int, is_last: bool
    ) -> None:
        if not is_last and len(content) - start <= ROW_BYTES:
            return  # the next chunk may close it
        within = "the end of the file" if is_last else f"{ROW_BYTES >> 20} MiB"
        found = bytes(content[quote : quote + 20]).decode("utf-8", "replace")
        raise DataError(
            f"{self._place(content, start, rows)}: the quote at {found!r} opens a value that"
            f" nothing closes up to {within}, expected a closing quote. Close the quote, or remove"
            " it; nothing was stored."
        )


def _plain_rows(content: bytearray, start: int) -> tuple[int, int]:
    """The end of the last row and the number of rows, if all are short and have no quote.

    0 and 0 otherwise. Most logs are like this, and then their rows need no look one by one.
    """
    if content.startswith((b"\r", b"\n"), start) or b'"' in content:
        return 0, 0
    if b"\r" in content and (b"\n\r" in content or content.count(b"\r") != content.count(b"\r\n")):
        return 0, 0
    # By NumPy: `bytearray` takes five times as long to count, and to look for empty lines.
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) == ord("\n"))
    sizes = np.diff(ends, prepend=start - 1, append=len(content))
    if len(ends) == 0 or sizes[:-1].min() == 1 or sizes.max() > ROW_BYTES:
        return 0, 0
    return int(ends[-1]) + 1, len(ends)
