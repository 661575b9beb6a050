"""A log parsed in small blocks into small parts: as if it were far too large for memory."""

import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.logs import csv_bytes
from ticket_assets.errors import DataError
from ticket_assets.event_log import archive, ingest, open_log

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


def test_no_part_is_larger_than_asked_for_and_none_mixes_a_cut_day_with_another(
    log: Callable[[bytes], str], tmp_path: Path, small_pieces: Callable[[], None]
) -> None:
    small_pieces()
    found = open_log(log(csv_bytes(SPREAD)), cache=tmp_path / "cache")
    rows = [pq.read_metadata(found.path / part.file).num_rows for part in found.parts]
    assert max(rows) <= 13
    assert sum(rows) == len(SPREAD)
    assert all(part.first_day == part.last_day for part in found.parts)


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
