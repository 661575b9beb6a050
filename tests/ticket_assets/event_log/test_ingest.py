"""A log parsed in small blocks into small parts: as if it were far too large for memory."""

import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.logs import csv_bytes
from ticket_assets.errors import DataError
from ticket_assets.event_log import archive, ingest, open_log, parsing, parts
from ticket_assets.event_log.parsing import ParsedRows, parse_rows
from ticket_assets.event_log.schema import NAMES

SPREAD = [
    {"number": str(row), "closed_at": f"{(row * 7) % 5 + 1}/3/2016 12:00" if row % 11 else "?"}
    for row in range(300)
]
FIRST, LAST = date(2016, 3, 1), date(2016, 3, 5)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def shrink() -> None:
        monkeypatch.setattr(archive, "CHUNK", 256)
        monkeypatch.setattr(ingest, "BLOCK_BYTES", 2000)
        monkeypatch.setattr(ingest, "ROWS_PER_PART", 13)

    return shrink


@pytest.fixture(params=["csv", "zip"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bytes], str]:
    def write(content: bytes) -> str:
        path = tmp_path / f"log.{request.param}"
        if request.param == "csv":
            path.write_bytes(content)
        else:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr("log.csv", content)
        return str(path)

    return write


def test_many_blocks_and_parts_hold_the_same_rows_as_one(
    log: Callable[[bytes], str], tmp_path: Path, small_pieces: Callable[[], None]
) -> None:
    source = log(csv_bytes(SPREAD))
    whole = open_log(source, cache=tmp_path / "whole")
    small_pieces()
    cut_up = open_log(source, cache=tmp_path / "cut up")
    assert (len(whole.parts), len(cut_up.parts)) == (1, 28)
    assert cut_up.identity == whole.identity
    assert cut_up.rows_without_day == whole.rows_without_day == 28
    assert cut_up.read(FIRST, LAST).equals(whole.read(FIRST, LAST))
    for day in (FIRST, LAST):
        assert cut_up.read(day, day).equals(whole.read(day, day))


def test_no_part_is_too_large_and_none_mixes_a_cut_day_with_another(
    log: Callable[[bytes], str], tmp_path: Path, small_pieces: Callable[[], None]
) -> None:
    small_pieces()
    parsed = open_log(log(csv_bytes(SPREAD)), cache=tmp_path / "cache")
    rows = [pq.read_metadata(parsed.path / part.file).num_rows for part in parsed.parts]
    assert max(rows) <= 13
    assert sum(rows) == len(SPREAD)
    assert all(part.first_day == part.last_day for part in parsed.parts)


def test_faults_of_all_blocks_are_counted_and_named_by_their_row_in_the_log(
    log: Callable[[bytes], str], tmp_path: Path, small_pieces: Callable[[], None]
) -> None:
    small_pieces()
    rows = [*SPREAD]
    for row in (3, 150, 299):
        rows[row] = {**rows[row], "active": "maybe"}
    content = csv_bytes(rows).replace(b"\n100,New,true,", b"\n100,New,")
    with pytest.raises(DataError, match=r"4 faults: row 4, .*; row 101, has 35 fields.*; row 151"):
        open_log(log(content), cache=tmp_path / "cache")
    left = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert left == []


def test_text_that_is_not_utf_8_is_named_by_its_line_in_the_log(
    log: Callable[[bytes], str], tmp_path: Path, small_pieces: Callable[[], None]
) -> None:
    small_pieces()
    rows = [*SPREAD]
    rows[200] = {**rows[200], "location": "@@"}
    with pytest.raises(DataError, match=r"line 202: found the bytes b'\\xe9"):
        open_log(log(csv_bytes(rows).replace(b"@@", b"Caf\xe9")), cache=tmp_path / "cache")


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("in_pieces", [False, True])
def test_the_last_day_of_the_calendar_is_a_day_and_no_day_is_none(
    log: Callable[[bytes], str], tmp_path: Path, small_pieces: Callable[[], None], in_pieces: bool
) -> None:
    """Some systems write 31/12/9999 for "never"."""
    never = [{"closed_at": "31/12/9999 00:00", "number": f"never {row}"} for row in range(20)]
    unknown = [{"closed_at": "?", "number": f"unknown {row}"} for row in range(20)]
    mixed = [row for pair in zip(unknown, never, strict=True) for row in pair]
    if in_pieces:
        small_pieces()
    parsed = open_log(log(csv_bytes([*mixed, {}])), cache=tmp_path / "cache")
    assert (parsed.identity.rows, parsed.rows_without_day) == (41, 20)
    assert parsed.last_day == date.max
    numbers = parsed.read(date.max, date.max)["number"].to_pylist()
    assert numbers == [row["number"] for row in never]
    files = [pq.read_table(parsed.path / part.file) for part in parsed.parts]
    assert sum(table.num_rows for table in files) == 41
    for part, table in zip(parsed.parts, files, strict=True):
        days = [str(day) for day in table["day"].drop_null().to_pylist()] or [None]
        assert (part.first_day, part.last_day) == (days[0], days[-1])


def test_rows_missing_from_a_file_are_noticed_and_nothing_is_published(
    log: Callable[[bytes], str],
    tmp_path: Path,
    small_pieces: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small_pieces()
    plan = ingest.plan_parts
    monkeypatch.setattr(ingest, "plan_parts", lambda *args: list(plan(*args))[:-1])
    with pytest.raises(DataError, match="stored 298 rows, expected the CSV's 300"):
        open_log(log(csv_bytes(SPREAD)), cache=tmp_path / "cache")
    assert files_in(tmp_path / "cache") == []


def test_rows_that_the_parser_misses_are_noticed(
    log: Callable[[bytes], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_the_last(*args: Any) -> ParsedRows:
        parsed = parse_rows(*args)
        assert parsed.table
        return ParsedRows(parsed.rows - 1, parsed.table.slice(0, parsed.rows - 1))

    monkeypatch.setattr(parts, "parse_rows", without_the_last)
    with pytest.raises(DataError, match="rows from line 2: read 299, expected 300"):
        open_log(log(csv_bytes(SPREAD)), cache=tmp_path / "cache")
    assert files_in(tmp_path / "cache") == []


QUOTES = {
    '5" screen': '5" screen',
    '17"': '17"',
    'a "b" c': 'a "b" c',
    '"a ""b"" c"': 'a "b" c',
    '"5"" screen"': '5" screen',
    '"a, b"': "a, b",
    '"two\nlines"': "two\nlines",
    '"two\r\nlines, and ""more"""': 'two\r\nlines, and "more"',
    '"closed" and on"': 'closed and on"',
    '""': "",
    '"' + "," * 40 + "\n" + "," * 40 + '"': "," * 40 + "\n" + "," * 40,
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("in_pieces", [False, True])
def test_quotes_mean_the_same_in_pieces_and_as_a_whole(
    log: Callable[[bytes], str],
    tmp_path: Path,
    small_pieces: Callable[[], None],
    in_pieces: bool,
    newline: str,
) -> None:
    values = [*QUOTES.items()] * 20
    rows = [{"location": text, "number": str(row)} for row, (text, _) in enumerate(values)]
    if in_pieces:
        small_pieces()
    parsed = open_log(log(csv_bytes(rows, newline=newline)), cache=tmp_path / "cache")
    table = parsed.read(FIRST, LAST)
    assert table["location"].to_pylist() == [value for _, value in values]
    assert table["number"].to_pylist() == [row["number"] for row in rows]


def test_a_day_that_is_too_large_for_memory_goes_into_several_parts(
    log: Callable[[bytes], str],
    tmp_path: Path,
    small_pieces: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Few rows, but long ones: no part has more bytes than it may, but for a single block's."""
    small_pieces()
    monkeypatch.setattr(ingest, "ROWS_PER_PART", 1000)
    monkeypatch.setattr(parts, "PART_BYTES", 20_000)
    rows = [{**row, "location": "x" * (place % 7 * 300)} for place, row in enumerate(SPREAD)]
    parsed = open_log(log(csv_bytes(rows)), cache=tmp_path / "cache")
    tables = [pq.read_table(parsed.path / part.file) for part in parsed.parts]
    assert sum(table.num_rows for table in tables) == len(rows)
    assert max(table.nbytes for table in tables) < 30_000
    assert parsed.read(FIRST, LAST).num_rows + parsed.rows_without_day == len(rows)


def test_more_days_than_a_log_has_are_refused(
    log: Callable[[bytes], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "MOST_DAYS", 4)
    with pytest.raises(DataError, match="5 different days from 2016-03-01 to 2016-03-05, expected"):
        open_log(log(csv_bytes(SPREAD)), cache=tmp_path / "cache")
    assert files_in(tmp_path / "cache") == []


def test_reading_ends_at_the_block_in_which_nothing_fits(
    log: Callable[[bytes], str],
    tmp_path: Path,
    small_pieces: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small_pieces()
    monkeypatch.setattr(parsing, "MOST_WRONG_ROWS", 30)
    blocks = 0

    def counted(*args: Any) -> ParsedRows:
        nonlocal blocks
        blocks += 1
        return parse_rows(*args)

    monkeypatch.setattr(parts, "parse_rows", counted)
    content = csv_bytes() + b"short\n" * 10_000
    with pytest.raises(DataError, match=r"31 faults or more: row 2, has 1 fields.* and 26 more"):
        open_log(log(content), cache=tmp_path / "cache")
    assert blocks == 1


def test_faults_of_fields_and_of_values_in_one_block_are_counted_together() -> None:
    good, bad = csv_bytes([{}, {"active": "maybe"}]).splitlines(keepends=True)[1:]
    parsed = parse_rows(b"x\n" + bad + b"y,z\n" + good + bad, "log", list(NAMES))
    assert (parsed.rows, parsed.faults) == (5, 4)
    assert [row for row, _ in parsed.first_faults] == [1, 2, 3, 5]
