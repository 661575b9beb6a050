"""A CSV cut into blocks of whole rows, so that no more than a block need be in memory."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ticket_assets.errors import DataError

BLOCK_BYTES = 16 << 20
# The real log's longest row has 406 bytes. A missing line end or a quote that nothing closes makes
# one row of all that follows: without a limit it would be held in memory, however large.
ROW_BYTES = 1 << 20

# A row as Arrow's CSV reader sees it: a quote opens a quoted value only as a field's first
# character, and what follows its closing quote is text up to the next comma. The possessive
# repeats (`*+`) keep a row that is not whole yet from being tried in other ways.
_FIELD = rb'(?:"[^"]*+(?:""[^"]*+)*+"[^,\r\n]*+|[^",\r\n][^,\r\n]*+|)'
_FIELDS = re.compile(rb"[\r\n]*+(" + _FIELD + rb"(?:," + _FIELD + rb")*+)")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Block:
    """Whole rows of a CSV: how many bytes are before them, their bytes, how many they are.

    Empty lines are no rows; the header is one.
    """

    offset: int
    size: int
    rows: int


def cut(chunks: Iterable[bytes], size: int, name: str) -> Iterator[Block]:
    """The CSV's blocks of about `size` bytes, each ending where a row ends.

    Takes time linear in the CSV, and holds a block, a row and a chunk at most. `name` is the
    file's, for the errors. Raises DataError for a row longer than ROW_BYTES and for a quoted value
    that the end of the file leaves open.
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
        # A row that is larger than a block is looked at anew each time that it has doubled.
        goal = max(size, min(2 * len(waiting), ROW_BYTES + 1))
    if waiting and (block := cutter.whole_rows(waiting, is_last=True)):
        yield block


class _Cutter:
    """What the blocks so far had: bytes, rows, lines."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._offset = self._rows = self._lines = 0

    def whole_rows(self, content: bytearray, is_last: bool) -> Block | None:
        """The rows that end within the content, all of them where nothing follows it."""
        marked = self._offset == 0 and content.startswith(BYTE_ORDER_MARK)
        end, rows, length = (len(BYTE_ORDER_MARK) if marked else 0), 0, len(content)
        plain = _end_of_plain_rows(content, end)
        if plain == length or (plain and not is_last):
            return self._block(content, plain, content.count(b"\n", 0, plain))
        while end < length:
            match = _FIELDS.match(content, end)
            assert match, "it matches an empty field, too"
            start, stop = match.span(1)
            if stop == length or content[stop] not in b"\r\n":
                break  # not whole yet
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
        # Line ends before a row that is not whole go with the rows before it.
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
            " kept of it."
        )

    def _refuse_open_quote(
        self, content: bytearray, start: int, quote: int, rows: int, is_last: bool
    ) -> None:
        if not is_last and len(content) - start <= ROW_BYTES:
            return  # what follows may close it
        within = "the end of the file" if is_last else f"{ROW_BYTES >> 20} MiB"
        found = bytes(content[quote : quote + 20]).decode("utf-8", "replace")
        raise DataError(
            f"{self._place(content, start, rows)}: the quote at {found!r} opens a value that"
            f" nothing closes up to {within}, expected a closing quote. Close the quote, or remove"
            " it; nothing was kept of it."
        )


def _end_of_plain_rows(content: bytearray, start: int) -> int:
    """Where the last row ends, if each ends with a line feed, none is long, and none has a quote.

    0 otherwise. As most logs are written so, their rows need not be looked at one by one.
    """
    if content.startswith((b"\r", b"\n"), start) or b'"' in content or b"\n\n" in content:
        return 0
    returns = content.count(b"\r")
    if returns and (b"\n\r" in content or returns != content.count(b"\r\n")):
        return 0
    end = 0
    while end + ROW_BYTES < len(content):
        last = content.rfind(b"\n", end, end + ROW_BYTES)
        if last < 0:
            return 0
        end = last + 1
    return content.rfind(b"\n") + 1
