"""A live log: files that are added day by day, read as one log."""

import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.logs import csv_bytes
from ticket_assets.errors import DataError, SourceError
from ticket_assets.event_log import DownloadLimits, LiveLog, is_live, open_log
from ticket_assets.event_log.live import list_files
from ticket_assets.event_log.schema import NAMES

TODAY = date(2026, 3, 9)


def rows(day: int, count: int = 1, first: int = 1) -> list[dict[str, str]]:
    """Rows of incidents closed on this day of March 2016, each with its own number."""
    return [
        {"number": f"INC{first + n:07}", "closed_at": f"{day}/3/2016 12:00"} for n in range(count)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "log"
    made.mkdir()
    return made


@pytest.fixture
def opened(folder: Path, tmp_path: Path) -> Callable[..., LiveLog]:
    def open_folder(today: date = TODAY, **options: object) -> LiveLog:
        log = open_log(str(folder), cache=tmp_path / "cache", today=today, **options)  # type: ignore[arg-type]
        assert isinstance(log, LiveLog)
        return log

    return open_folder


def add(folder: Path, name: str, content: Sequence[dict[str, str]]) -> Path:
    path = folder / name
    path.write_bytes(csv_bytes(content))
    return path


def numbers(log: LiveLog, day: int) -> list[tuple[int, str]]:
    """(log_row, number) of the day's rows."""
    table = log.read(date(2016, 3, day), date(2016, 3, day), ["number"])
    return list(zip(table["log_row"].to_pylist(), table["number"].to_pylist(), strict=True))


def test_a_folder_and_a_prefix_are_live_and_other_sources_are_not(tmp_path: Path) -> None:
    assert is_live(str(tmp_path))
    assert is_live("not/there/yet/")
    assert is_live("s3://bucket/prefix/")
    for other in ("sample", "uci", "log.csv", "s3://bucket/log.csv", "https://host/log/"):
        assert not is_live(other), other


def test_files_are_read_as_one_log_in_the_order_of_their_names(
    folder: Path, opened: Callable[..., LiveLog]
) -> None:
    add(folder, "2016-03-02.csv", rows(2, 2))
    add(folder, "2016-03-01.csv", rows(1, 3))
    with zipfile.ZipFile(folder / "2016-03-03.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log.csv", csv_bytes(rows(3)))
    log = opened()
    table = log.read(date(2016, 3, 1), date(2016, 3, 3))
    assert table["day"].to_pylist() == [date(2016, 3, day) for day in (1, 1, 1, 2, 2, 3)]
    assert table.column_names == ["day", "log_row", *NAMES]
    assert (log.first_day, log.last_day, log.identity.rows) == (*table_days(1, 3), 6)


def table_days(*days: int) -> tuple[date, ...]:
    return tuple(date(2016, 3, day) for day in days)


def test_a_later_day_changes_neither_the_rows_nor_the_identity_of_an_earlier_one(
    folder: Path, opened: Callable[..., LiveLog]
) -> None:
    add(folder, "2016-03-01.csv", rows(1, 3))
    before = opened()
    add(folder, "2016-03-02.csv", rows(2, 2))
    after = opened()
    assert after.sha256_of_day("2016-03-01") == before.sha256_of_day("2016-03-01")
    assert numbers(after, 1) == numbers(before, 1) == [(n, f"INC{n:07}") for n in (1, 2, 3)]
    assert after.identity.sha256 != before.identity.sha256


def test_late_rows_come_after_the_day_s_others_which_keep_their_numbers(
    folder: Path, opened: Callable[..., LiveLog]
) -> None:
    add(folder, "2016-03-01.csv", rows(1, 3))
    before = opened()
    add(folder, "2016-03-01-late.csv", rows(1, 2, first=7))
    assert numbers(opened(), 1) == [*numbers(before, 1), (4, "INC0000007"), (5, "INC0000008")]
    (folder / "2016-03-01-late.csv").unlink()
    add(folder, "2016-03-02.csv", [*rows(2, 2), *rows(1, 1, first=9)])
    after = opened()
    # Numbered as if the day's two files were one: the late row is the third row of the second.
    assert numbers(after, 1) == [*numbers(before, 1), (6, "INC0000009")]
    assert numbers(after, 2) == [(1, "INC0000001"), (2, "INC0000002")]
    assert after.sha256_of_day("2016-03-01") != before.sha256_of_day("2016-03-01")
    assert after.rows_by_day == {"2016-03-01": 4, "2016-03-02": 2}


def test_each_row_of_a_day_has_its_own_number_in_a_range_too(
    folder: Path, opened: Callable[..., LiveLog]
) -> None:
    for day in range(1, 6):
        late = [row for earlier in range(1, day) for row in rows(earlier, 2, first=10 * day)]
        add(folder, f"2016-03-{day:02}.csv", [*late, *rows(day, 3)])
    log = opened()
    whole = log.read(date(2016, 3, 1), date(2016, 3, 5)).to_pandas()
    assert not whole.duplicated(["day", "log_row"]).any()
    for day in range(1, 6):
        of_range = whole[whole["day"] == date(2016, 3, day)]
        assert list(zip(of_range["log_row"], of_range["number"], strict=True)) == numbers(log, day)


def test_a_file_that_is_removed_or_replaced_changes_the_identity_of_its_days_alone(
    folder: Path, opened: Callable[..., LiveLog]
) -> None:
    add(folder, "2016-03-01.csv", rows(1))
    late = add(folder, "2016-03-01-late.csv", rows(1, first=2))
    add(folder, "2016-03-02.csv", rows(2))
    whole = opened()
    add(folder, "2016-03-01-late.csv", rows(1, first=3))
    replaced = opened()
    late.unlink()
    removed = opened()
    ids = {log.sha256_of_day("2016-03-01") for log in (whole, replaced, removed)}
    assert len(ids) == 3
    assert len({log.sha256_of_day("2016-03-02") for log in (whole, replaced, removed)}) == 1
    assert [len(numbers(log, 1)) for log in (whole, replaced, removed)] == [2, 2, 1]


def test_each_file_is_parsed_once(folder: Path, opened: Callable[..., LiveLog]) -> None:
    lines: list[str] = []
    add(folder, "2016-03-01.csv", rows(1))
    opened(log=lines.append)
    add(folder, "2016-03-02.csv", rows(2))
    opened(log=lines.append)
    opened(log=lines.append)
    assert [line.split(" into ")[0].rpartition("/")[2] for line in lines] == [
        "2016-03-01.csv",
        "2016-03-02.csv",
    ]


@pytest.mark.parametrize(
    ("today", "last"),
    [(date(2026, 1, 1), 4), (date(2016, 3, 5), 4), (date(2016, 3, 4), 3), (date(2016, 3, 3), 2)],
)
def test_a_day_is_complete_when_it_is_over_and_its_file_or_a_later_one_is_there(
    folder: Path, opened: Callable[..., LiveLog], today: date, last: int
) -> None:
    add(folder, "2016-03-01.csv", rows(1))
    add(folder, "2016-03-04.csv", rows(4))
    assert opened(today).last_day == date(2016, 3, last)


def test_a_day_without_closed_incidents_has_a_file_with_a_header_or_none(
    folder: Path, opened: Callable[..., LiveLog]
) -> None:
    add(folder, "2016-03-01.csv", rows(1))
    add(folder, "2016-03-03.csv", [])
    log = opened()
    assert log.last_day == date(2016, 3, 3)
    assert log.read(date(2016, 3, 2), date(2016, 3, 3)).num_rows == 0
    # printf '' | sha256sum
    assert log.sha256_of_day("2016-03-02").startswith("e3b0c44298fc")


def test_what_is_still_being_written_and_other_files_are_left_out(
    folder: Path, opened: Callable[..., LiveLog]
) -> None:
    add(folder, "2016-03-01.csv", rows(1))
    for name in ("2016-03-02.csv.part", "2016-03-02.csv.tmp", ".2016-03-02.csv", "README.md"):
        (folder / name).write_text("no log")
    (folder / "2016-03-09.csv").mkdir()
    assert opened().last_day == date(2016, 3, 1)


@pytest.mark.parametrize("name", ["log.csv", "2016-02-30.csv", "2016-03-02.csv.gz", "20160302.zip"])
def test_a_name_without_its_day_is_refused(
    name: str, folder: Path, opened: Callable[..., LiveLog]
) -> None:
    add(folder, "2016-03-01.csv", rows(1))
    add(folder, name, rows(2))
    with pytest.raises(SourceError, match=rf"found {name}; expected names that begin with the day"):
        opened()


def test_a_folder_that_is_missing_or_empty_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"log: has no file yet; .* Wait for the first"):
        open_log(str(folder), cache=tmp_path / "cache")
    with pytest.raises(SourceError, match="none/', but the folder cannot be listed"):
        open_log(f"{tmp_path}/none/", cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "02.csv: is empty; expected a CSV"),
        (csv_bytes(rows(2))[:-60], "02.csv: 1 fault: row 1, has .* fields, expected 36"),
        (csv_bytes(rows(3)), "02.csv: has rows closed on 2016-03-03; expected rows closed on 20"),
        (csv_bytes(rows(1)), "02.csv: has the same content as .*01.csv; expected each row once"),
        (
            csv_bytes(rows(2), [*NAMES, "extra"]),
            r"02.csv: its columns beyond the log's 36 are \['extra'\]; expected \[\], as in .*01",
        ),
        (b"PK\x03\x04 no archive", "02.csv: is a damaged or truncated zip archive"),
    ],
)
def test_a_file_that_does_not_fit_is_one_error_that_names_it(
    content: bytes, message: str, folder: Path, opened: Callable[..., LiveLog]
) -> None:
    add(folder, "2016-03-01.csv", rows(1))
    (folder / "2016-03-02.csv").write_bytes(content)
    with pytest.raises((DataError, SourceError), match=message):
        opened()


def test_on_dask_it_is_the_same_table(folder: Path, opened: Callable[..., LiveLog]) -> None:
    for day in (1, 2, 4):
        late = rows(1, 2, first=10 * day)
        add(folder, f"2016-03-{day:02}.csv", [*late, *rows(day, 3)])
    log = opened()
    days = date(2016, 3, 1), date(2016, 3, 4)
    large = log.read_large(*days, "local:1").frame.compute(scheduler="synchronous")
    whole = log.read(*days).to_pandas(date_as_object=False)
    assert list(large.columns) == list(whole.columns)
    assert np.array_equal(large["log_row"], whole["log_row"])
    assert list(large["number"]) == list(whole["number"])


def test_a_prefix_in_a_bucket(bucket: str, tmp_path: Path) -> None:
    import fsspec

    # Not a cached one, which another test may have opened on a server that has stopped.
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.pipe(f"{bucket}/live/2016-03-01.csv", csv_bytes(rows(1, 3)))
    files.pipe(f"{bucket}/live/2016-03-02.csv.part", b"unfinished")
    files.pipe(f"{bucket}/live/old/2016-03-09.csv", csv_bytes(rows(9)))
    files.pipe(f"{bucket}/2016-03-09.csv", csv_bytes(rows(9)))
    source = f"{bucket}/live/"
    first = open_log(source, cache=tmp_path, today=TODAY)
    assert isinstance(first, LiveLog)
    assert (first.identity.location, first.last_day) == (source, date(2016, 3, 1))
    files.pipe(f"{bucket}/live/2016-03-01.csv", csv_bytes(rows(1, 4)))
    files.pipe(f"{bucket}/live/2016-03-02.csv", csv_bytes(rows(2)))
    second = open_log(source, cache=tmp_path, today=TODAY)
    assert isinstance(second, LiveLog)
    assert second.rows_by_day == {"2016-03-01": 4, "2016-03-02": 1}
    assert second.sha256_of_day("2016-03-01") != first.sha256_of_day("2016-03-01")
    with pytest.raises(SourceError, match=r"nothing/: (cannot be fetched|has no file yet)"):
        list_files(f"{bucket}/nothing/", DownloadLimits(attempts=1))
