"""Blocks of whole rows of a CSV, so that only one block at a time is in memory."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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

    Empty lines do not count as rows; the header does.
    """

    offset: int
    size: int
    rows: int


def cut(chunks: Iterable[bytes], size: int, name: str) -> Iterator[Block]:
    """The CSV's blocks of about `size` bytes, each of whole rows.

    Takes time linear in the CSV, and holds at most a block, a row and a chunk. `name` is the
    file's name for errors. Raises DataError for a row longer than ROW_BYTES and for a quoted value
    that is still open at the end of the file.
    """
    cutter = _Cutter(name)
    waiting, goal = bytearray(), size
    for chunk in chunks:
        waiting += chunk
        if len(waiting) < goal:
            continue
        if block := cutter.whole_rows(waiting, is_last=False):
            yield block
            del waiting[: block.size]
        # A row larger than a block is scanned again only when it has doubled, to stay linear.
        goal = max(size, min(2 * len(waiting), ROW_BYTES + 1))
    if waiting and (block := cutter.whole_rows(waiting, is_last=True)):
        yield block


class _Cutter:
    """Cuts blocks, and counts the bytes, rows and lines of all blocks so far."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._offset = self._rows = self._lines = 0

    def whole_rows(self, content: bytearray, is_last: bool) -> Block | None:
        """The rows that end within the content; all its rows if it is the last."""
        marked = self._offset == 0 and content.startswith(BYTE_ORDER_MARK)
        end, rows, length = (len(BYTE_ORDER_MARK) if marked else 0), 0, len(content)
        plain = _end_of_plain_rows(content, end)
        # The log may end without a line end. Then the pattern looks at all rows of its last block.
        if plain == length or (plain and not is_last):
            return self._block(content, plain, content.count(b"\n", 0, plain))
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
            return self._block(content, end, rows)
        if stop < length:
            self._refuse_open_quote(content, start, stop, rows, is_last)
        elif stop - start > ROW_BYTES:
            self._refuse_length(content, start, rows)
        if is_last:
            return self._block(content, length, rows + (stop > start))
        # Line ends before an incomplete row belong to the block before it.
        return self._block(content, start, rows) if start else None

    def _block(self, content: bytearray, end: int, rows: int) -> Block:
        block = Block(self._offset, end, rows)
        self._offset += end
        self._rows += rows
        self._lines += content.count(b"\n", 0, end)
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


def _end_of_plain_rows(content: bytearray, start: int) -> int:
    """The end of the last row, if all rows end with a line feed, are short and have no quote.

    0 otherwise. Most logs are like this, and then their rows need no look one by one.
    """
    if content.startswith((b"\r", b"\n"), start) or b'"' in content or b"\n\n" in content:
        return 0
    returns = content.count(b"\r")
    if returns and (b"\n\r" in content or returns != content.count(b"\r\n")):
        return 0
    end = 0
    # A stretch of ROW_BYTES in which no row ends may be in a row that is too long.
    while end + ROW_BYTES < len(content):
        last = content.rfind(b"\n", end, end + ROW_BYTES)
        if last < 0:
            return 0
        end = last + 1
    return content.rfind(b"\n") + 1
