"""A file's parsed log: a folder of Parquet files named by the CSV's sha256, read by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ticket_assets.event_log.parts import LogPart
from ticket_assets.event_log.schema import NAMES
from ticket_assets.store.tables import LargeTable, to_frame

KEYS = ("day", "log_row")


@dataclass(frozen=True)
class LogIdentity:
    """The identity of a log: the requested source, its location, the CSV's sha256, its rows.

    Neither `source` nor `location` contains a secret of an address.
    """

    source: str
    location: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class ParsedLog:
    """The parsed log in the cache. Days are calendar dates of `closed_at`.

    `rows_without_day` counts rows without `closed_at`: they are stored, but belong to no day.
    `rows_by_day` counts the others.
    """

    identity: LogIdentity
    path: Path
    first_day: date
    last_day: date
    rows_without_day: int
    extra_columns: tuple[str, ...]
    parts: tuple[LogPart, ...]
    rows_by_day: Mapping[str, int]

    @property
    def span(self) -> str:
        """The days it has, for messages."""
        return f"closed_at runs from {self.first_day} to {self.last_day}"

    def sha256_of_day(self, day: str) -> str:
        """The identity of what the day's rows are read from: here that of the whole log."""
        return self.identity.sha256

    def read(
        self, first_day: date, last_day: date, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of these days, both included, ordered by day and `log_row`.

        Columns: `day` (date32), `log_row` (int64), then the log's, or only those of `columns`.
        Reads only parts and row groups that have such days.
        """
        wanted = [*KEYS, *(NAMES + self.extra_columns if columns is None else columns)]
        return _read(self._files_of(first_day, last_day), first_day, last_day, wanted)

    def read_large(self, first_day: date, last_day: date, dask: str) -> LargeTable:
        """The same rows as a Dask DataFrame, one partition for each part that has such days."""
        wanted = [*KEYS, *NAMES, *self.extra_columns]
        files = self._files_of(first_day, last_day)
        empty = to_frame(_read(files[:1], first_day, last_day, wanted).slice(0, 0))
        read = partial(_read_frame, first_day=first_day, last_day=last_day)
        return LargeTable.of(read, files, empty, dask)

    def _files_of(self, first_day: date, last_day: date) -> list[Path]:
        """The files with such days, or one file: an empty table needs its columns and types."""
        first, last = first_day.isoformat(), last_day.isoformat()
        parts = [part for part in self.parts if part.has_days_between(first, last)]
        return [self.path / part.file for part in parts or self.parts[:1]]


def _read(
    files: Sequence[Path], first_day: date, last_day: date, columns: Sequence[str]
) -> pa.Table:
    table = pq.read_table(
        list(files),
        columns=list(columns),
        filters=[("day", ">=", first_day), ("day", "<=", last_day)],
    )
    return table.replace_schema_metadata(None)


def _read_frame(file: Path, columns: Sequence[str], first_day: date, last_day: date) -> Any:
    return to_frame(_read([file], first_day, last_day, columns))
