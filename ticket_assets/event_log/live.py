"""A live log: a folder, or a prefix in a bucket, to which a file is added each day.

A file's name begins with its day: `2016-03-08.csv`, `2016-03-08-late.csv`, `2016-03-09.zip`. It
holds rows of incidents closed on that day, and perhaps late rows: of incidents closed earlier.
Files are read in the order of their names without the ending. docs/live-log.md explains the rules.
"""

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ticket_assets.addresses import printable
from ticket_assets.errors import DataError, SourceError
from ticket_assets.event_log.archive import csv_chunks
from ticket_assets.event_log.download import DownloadLimits, fetch, list_s3
from ticket_assets.event_log.parsed import KEYS, LogIdentity, ParsedLog
from ticket_assets.event_log.parsing import read_header
from ticket_assets.event_log.parts import IN_ORDER
from ticket_assets.event_log.schema import NAMES, one_line
from ticket_assets.event_log.sources import LocalFile
from ticket_assets.store.tables import ROWS_PER_PART, LargeTable, to_frame

NAMED_SOURCES = ("sample", "uci")
NAME = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})(\D.*)?\.(csv|zip)", re.IGNORECASE)
UNFINISHED = (".part", ".tmp")
SHOWN_FAULTS = 5


def is_live(source: str) -> bool:
    """True for a folder, and for a path or an s3:// address that ends in `/`."""
    if "://" in source:
        return source.startswith("s3://") and source.endswith("/")
    if source in NAMED_SOURCES:
        return False
    return source.endswith("/") or Path(source).expanduser().is_dir()


@dataclass(frozen=True)
class LiveFile:
    """A file of a live log: its address or path, its name, its name's day.

    `version` changes when the file is replaced. Nothing is read to find it.
    """

    address: str
    name: str
    day: date
    version: str


def list_files(source: str, limits: DownloadLimits) -> tuple[LiveFile, ...]:
    """The log's files in the order of their names, without those that are still being written.

    Raises SourceError for a folder that cannot be listed, and for names that begin with no day.
    """
    found = list_s3(source, limits) if source.startswith("s3://") else _list_folder(source)
    shown, files, faults = printable(source), [], []
    # By the name without its ending: `2016-03-08.csv` comes before `2016-03-08-late.csv`.
    for name, version in sorted(found.items(), key=lambda item: (Path(item[0]).stem, item[0])):
        if name.startswith(".") or name.lower().endswith(UNFINISHED):
            continue
        day = _day_of(name)
        if day:
            address = f"{source}{name}" if "://" in source else str(_path(source) / name)
            files.append(LiveFile(address, name, day, version))
        # Others, such as a README, are no files of the log: but these look as if they were.
        elif re.match(r"\d{4}-\d{2}-\d{2}", name) or name.lower().endswith((".csv", ".zip")):
            faults.append(one_line(name))
    if faults:
        more = f" and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
        raise SourceError(
            f"{shown}: found {', '.join(faults[:SHOWN_FAULTS])}{more}; expected names that begin"
            " with the day of the file and end in .csv or .zip, such as 2016-03-08.csv or"
            " 2016-03-08-late.csv. Rename or remove them."
        )
    return tuple(files)


def _day_of(name: str) -> date | None:
    match = NAME.fullmatch(name)
    try:
        return date.fromisoformat(match["day"]) if match else None
    except ValueError:
        return None


def _path(source: str) -> Path:
    return Path(source).expanduser().absolute()


def _list_folder(source: str) -> dict[str, str]:
    folder = _path(source)
    try:
        with os.scandir(folder) as entries:
            files = {entry.name: entry.stat() for entry in entries if entry.is_file()}
    except OSError as error:
        raise SourceError(
            f"TICKET_EVENT_LOG is '{printable(source)}', but the folder cannot be listed:"
            f" {error.strerror} ({folder}). Correct the path, or make the folder."
        ) from error
    return {name: f"{s.st_ino} {s.st_size} {s.st_mtime_ns}" for name, s in files.items()}


def fetch_file(
    file: LiveFile, downloads: Path, limits: DownloadLimits, log: Callable[[str], None]
) -> LocalFile | None:
    """The file, fetched if it is in a bucket; None if it has a header and no rows."""
    path, shown = Path(file.address), printable(file.address)
    if "://" in file.address:
        path = fetch(file.address, downloads, limits, log, file.version)
    if _has_only_a_header(path, shown, limits.limit_mb):
        return None
    return LocalFile(path, file.name, shown)


def _has_only_a_header(path: Path, shown: str, limit_mb: int) -> bool:
    chunks = csv_chunks(path, limit_mb)
    try:
        start = next(chunks, b"")
    except OSError as error:  # it may have been removed since it was listed
        raise SourceError(
            f"{shown}: cannot be read: {error.strerror}. Check the file, then run again."
        ) from error
    lines = start.strip().count(b"\n") + 1
    return lines == 1 and bool(start.strip()) and bool(read_header(start, shown))


def last_complete_day(files: Sequence[LiveFile], today: date) -> date:
    """The last day that is over and has a file, its own or a later one."""
    return min(files[-1].day, today - timedelta(days=1))


@dataclass(frozen=True)
class LiveLog:
    """The files of a live log as one log. Days are calendar dates of `closed_at`.

    `first_day` and `last_day` are the first and the last complete day. `log_row` counts the rows
    of the day's files, one after the other: other days' files do not change it.
    """

    identity: LogIdentity
    files: tuple[ParsedLog, ...]
    first_day: date
    last_day: date

    @classmethod
    def of(
        cls,
        source: str,
        files: Sequence[tuple[LiveFile, ParsedLog | None]],
        today: date,
    ) -> "LiveLog":
        """The log of these files, in the order of their names; None stands for one without rows.

        Raises SourceError if there are none, DataError unless they fit together.
        """
        shown = printable(source)
        if not files:
            raise SourceError(
                f"{shown}: has no file yet; expected one at least, such as 2016-03-08.csv. Wait for"
                " the first, or correct TICKET_EVENT_LOG."
            )
        parsed = tuple(log for _, log in files if log)
        if not parsed:
            raise DataError(
                f"{shown}: none of its {len(files)} files has rows, expected one at least. Wait for"
                " the first rows."
            )
        _check_days(files)
        _check_columns(parsed)
        _check_distinct(parsed)
        listed = [file for file, _ in files]
        return cls(
            LogIdentity(
                source,
                shown,
                _digest(log.identity.sha256 for log in parsed),
                sum(log.identity.rows for log in parsed),
            ),
            parsed,
            min(listed[0].day, *(log.first_day for log in parsed)),
            last_complete_day(listed, today),
        )

    @property
    def span(self) -> str:
        """The days it has, for messages."""
        return (
            f"its complete days run from {self.first_day} to {self.last_day} (a day is complete"
            " when it is over, and its file or a later one is there)"
        )

    @cached_property
    def rows_by_day(self) -> Counter[str]:
        """The number of rows of each day that has any, also of days that are not complete."""
        rows = Counter[str]()
        for log in self.files:
            rows.update(log.rows_by_day)
        return rows

    def sha256_of_day(self, day: str) -> str:
        """The identity of the files that have rows of this day; other files do not change it.

        Re-running an old day gives the same bytes as long as it stays the same.
        """
        return _digest(self._sha256s_by_day[day])

    @cached_property
    def _sha256s_by_day(self) -> defaultdict[str, list[str]]:
        sha256s = defaultdict[str, list[str]](list)
        for log in self.files:
            for day in log.rows_by_day:
                sha256s[day].append(log.identity.sha256)
        return sha256s

    def read(
        self, first_day: date, last_day: date, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of these days, both included, ordered by day and `log_row`.

        Columns: `day` (date32), `log_row` (int64), then the log's, or only those of `columns`.
        """
        if columns is None:
            columns = [*NAMES, *self.files[0].extra_columns]
        tables, rows_before = [], Counter[str]()
        for log in self.files:
            days = [d for d in log.rows_by_day if str(first_day) <= d <= str(last_day)]
            if days:
                table = log.read(date.fromisoformat(days[0]), date.fromisoformat(days[-1]), columns)
                tables.append(_renumbered(table, rows_before))
                rows_before.update(dict.fromkeys(days, log.identity.rows))
        if not tables:  # an empty table needs its columns and types
            tables.append(self.files[0].read(first_day, last_day, columns))
        return pa.concat_tables(tables).sort_by(IN_ORDER)

    def read_large(self, first_day: date, last_day: date, dask: str) -> LargeTable:
        """The same rows as a Dask DataFrame, one partition for a day or a few."""
        empty = to_frame(self.read(first_day, last_day).slice(0, 0))
        portions = list(self._portions(first_day, last_day)) or [(first_day, last_day)]
        return LargeTable.of(partial(_read_frame, self), portions, empty, dask)

    def _portions(self, first_day: date, last_day: date) -> Iterator[tuple[date, date]]:
        """First and last days of ROWS_PER_PART rows or fewer, or of one larger day."""
        waiting: list[str] = []
        held = 0
        for day in sorted(d for d in self.rows_by_day if str(first_day) <= d <= str(last_day)):
            if waiting and held + self.rows_by_day[day] > ROWS_PER_PART:
                yield date.fromisoformat(waiting[0]), date.fromisoformat(waiting[-1])
                waiting, held = [], 0
            waiting.append(day)
            held += self.rows_by_day[day]
        if waiting:
            yield date.fromisoformat(waiting[0]), date.fromisoformat(waiting[-1])


def _renumbered(table: pa.Table, rows_before: Counter[str]) -> pa.Table:
    """The table with `log_row` raised by the rows that each day's earlier files have."""
    days, index = np.unique(table["day"].to_numpy().astype("datetime64[D]"), return_inverse=True)
    before = np.array([rows_before[str(day)] for day in days], np.int64)[index]
    rows = pa.array(table["log_row"].to_numpy() + before)
    return table.set_column(table.schema.get_field_index("log_row"), "log_row", rows)


def _read_frame(log: LiveLog, days: tuple[date, date], columns: Sequence[str]) -> Any:
    own = [column for column in columns if column not in KEYS]
    return to_frame(log.read(*days, own).select(list(columns)))


def _digest(sha256s: Iterable[str]) -> str:
    """The same as `printf '%s\\n' SHA256 ... | sha256sum`."""
    return hashlib.sha256("".join(f"{each}\n" for each in sha256s).encode()).hexdigest()


def _check_days(files: Sequence[tuple[LiveFile, ParsedLog | None]]) -> None:
    for file, log in files:
        if log and log.last_day > file.day:
            raise DataError(
                f"{printable(file.address)}: has rows closed on {log.last_day}; expected rows"
                f" closed on {file.day}, the day of its name, or before. Rename the file, or move"
                " the rows to a file of their day."
            )


def _check_columns(logs: Sequence[ParsedLog]) -> None:
    first = logs[0]
    for log in logs:
        if set(log.extra_columns) != set(first.extra_columns):
            raise DataError(
                f"{log.identity.location}: its columns beyond the log's 36 are"
                f" {list(log.extra_columns)}; expected {list(first.extra_columns)}, as in"
                f" {first.identity.location}: all files of a live log have one header, or days"
                " evaluated earlier would change. Correct the file, or start a new folder."
            )


def _check_distinct(logs: Sequence[ParsedLog]) -> None:
    names: dict[str, str] = {}
    for log in logs:
        known = names.setdefault(log.identity.sha256, log.identity.location)
        if known != log.identity.location:
            raise DataError(
                f"{log.identity.location}: has the same content as {known}; expected each row"
                " once. Remove one of them."
            )
