from hypothesis import given
from hypothesis import strategies as st

from tests.logs import csv_bytes
from ticket_assets.event_log.blocks import cut
from ticket_assets.event_log.parsing import parse_csv

PLACES = st.sampled_from(["?", "Room 1", '"Room 1,\nfloor 2"', '"a ""b"" c"', '"\n\n"', ""])


def chunks(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@given(st.lists(PLACES, min_size=1, max_size=8), st.integers(1, 400), st.integers(1, 900))
def test_a_csv_cut_anyhow_has_the_same_rows(places: list[str], chunk: int, size: int) -> None:
    content = csv_bytes([{"location": place} for place in places])
    blocks = list(cut(chunks(content, chunk), size))
    assert sum(block.size for block in blocks) == len(content)
    header_size = content.index(b"\n") + 1
    header, found = content[:header_size], []
    for block in blocks:
        start = max(block.offset, header_size)
        if rows := content[start : block.offset + block.size]:
            found += parse_csv(header + rows, "block")["location"].to_pylist()
    assert found == parse_csv(content, "log")["location"].to_pylist()


def test_a_block_is_about_as_large_as_asked_for() -> None:
    content = csv_bytes([{}] * 1000)
    sizes = [block.size for block in cut(chunks(content, 1000), 10_000)]
    assert all(9_000 <= size <= 12_000 for size in sizes[:-1])


def test_after_a_stray_quote_there_is_one_large_block() -> None:
    content = csv_bytes([{"location": '"'}, *[{}] * 50])
    header, rest = cut(chunks(content, 100), 500)
    assert rest.offset == header.size == content.index(b"\n") + 1


def test_nothing_has_no_blocks() -> None:
    assert list(cut([], 10)) == []
