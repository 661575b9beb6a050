"""A CSV cut into blocks of whole rows, so that no more than a block need be in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class Block:
    """Whole rows of a CSV: how many bytes are before them, and how many they have."""

    offset: int
    size: int


def cut(chunks: Iterable[bytes], size: int) -> Iterator[Block]:
    """Where the CSV's blocks of about `size` bytes lie, each ending where a row ends.

    A line break between quotes is no end of a row. Where a stray quote hides all ends, a block
    grows until it finds one: the rows stay whole, and the parser names the quote's row.
    """
    offset, waiting = 0, bytearray()
    for chunk in chunks:
        waiting += chunk
        if len(waiting) >= size and (end := _end_of_last_row(waiting)):
            yield Block(offset, end)
            offset += end
            del waiting[:end]
    if waiting:
        yield Block(offset, len(waiting))


def _end_of_last_row(content: bytearray) -> int:
    """How many bytes the whole rows at the content's beginning have; 0 for none."""
    end = len(content)
    if b'"' not in content:  # as in most logs, and told at once
        return content.rfind(b"\n") + 1
    quotes = content.count(b'"')
    while (newline := content.rfind(b"\n", 0, end)) >= 0:
        quotes -= content.count(b'"', newline, end)
        if quotes % 2 == 0:
            return newline + 1
        end = newline
    return 0
