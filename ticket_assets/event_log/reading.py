"""A whole log as one table in memory, parsed while it is read or unpacked."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa

from ticket_assets.event_log.blocks import cut_with_content
from ticket_assets.event_log.parsing import (
    PIECE_BYTES,
    ParsedRows,
    check_count,
    check_rows,
    join_rows,
    parse_rows,
    read_header,
)


def read_table(chunks: Iterable[bytes], name: str) -> pa.Table:
    """The table of a log's CSV, with the columns of `parse_rows`.

    `name` is the file's name for errors. Raises DataError that counts all faults and shows the
    first few.
    """
    parts: list[ParsedRows] = []
    for part in _parsed(chunks, name):
        parts.append(part)
        if part.stopped:
            break
    check_rows(name, parts)
    return join_rows(parts).table


def _parsed(chunks: Iterable[bytes], name: str) -> Iterator[ParsedRows]:
    """The blocks' rows in order. Threads parse while this one reads, unpacks and cuts."""
    workers = pa.cpu_count()
    waiting: deque[Future[ParsedRows]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for rows, content, first_line, header in _blocks(chunks, name):
            waiting.append(pool.submit(_parse, rows, content, name, header, first_line))
            # A reader that is faster than the parsers must not take the CSV into memory.
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _blocks(chunks: Iterable[bytes], name: str) -> Iterator[tuple[int, bytes, int, list[str]]]:
    """The number of rows of each block, its bytes, its first line, and the log's header."""
    header: list[str] = []
    for block, content in cut_with_content(chunks, PIECE_BYTES, name):
        rows, line = block.rows, block.line
        if not header:
            header, size = read_header(content, name)
            content, rows, line = content[size:], rows - 1, 2
        yield rows, content, line, header
    if not header:
        read_header(b"", name)  # raises the error of an empty file


def _parse(rows: int, content: bytes, name: str, header: list[str], first_line: int) -> ParsedRows:
    parsed = parse_rows(content, name, header, lambda: first_line)
    check_count(parsed, rows, name, lambda: first_line)
    return parsed
