"""The parsed log: a folder of Parquet files named by the CSV's sha256, read by day."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ticket_assets.errors import StoreError
from ticket_assets.event_log.download import DownloadLimits, sha256_of
from ticket_assets.event_log.ingest import parse_log, parsed_path, read_facts, write_json
from ticket_assets.event_log.parts import LogPart
from ticket_assets.event_log.schema import NAMES
from ticket_assets.event_log.sources import LocalFile, locate
from ticket_assets.store.staging import stage, sweep
from ticket_assets.store.tables import LargeTable, to_frame

KEYS = ("day", "log_row")


@dataclass(frozen=True)
class LogIdentity:
    """Which log this is: the source as it was asked for, where it lies, the CSV's sha256.

    Neither source nor location holds a secret of an address.
    """

    source: str
    location: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class ParsedLog:
    """The log in the cache. Days are calendar dates of `closed_at`.

    `rows_without_day` counts rows whose `closed_at` is missing: kept, in no day.
    """

    identity: LogIdentity
    path: Path
    first_day: date
    last_day: date
    rows_without_day: int
    extra_columns: tuple[str, ...]
    parts: tuple[LogPart, ...]

    def read(
        self, first_day: date, last_day: date, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of these days, both included, ordered by day and `log_row`.

        Columns: `day` (date32), `log_row` (int64), then the log's, or those of `columns`. Only
        parts and row groups that hold such days are read.
        """
        wanted = [*KEYS, *(NAMES + self.extra_columns if columns is None else columns)]
        return _read(self._files_of(first_day, last_day), first_day, last_day, wanted)

    def read_large(self, first_day: date, last_day: date, dask: str) -> LargeTable:
        """The same rows as a Dask DataFrame, a partition for each part that holds such days."""
        wanted = [*KEYS, *NAMES, *self.extra_columns]
        files = self._files_of(first_day, last_day)
        empty = to_frame(_read(files[:1], first_day, last_day, wanted).slice(0, 0))
        read = partial(_read_frame, first_day=first_day, last_day=last_day)
        return LargeTable.of(read, files, empty, dask)

    def _files_of(self, first_day: date, last_day: date) -> list[Path]:
        """At least one, so that no rows still have their columns and types."""
        first, last = first_day.isoformat(), last_day.isoformat()
        found = [part for part in self.parts if part.has_days_between(first, last)]
        return [self.path / part.file for part in found or self.parts[:1]]


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


def open_log(
    source: str,
    *,
    cache: Path,
    limits: DownloadLimits | None = None,
    log: Callable[[str], None] = lambda line: None,
    dask: str = "",
) -> ParsedLog:
    """The log of a source, fetched and parsed at the first call, read from `cache` after it.

    It is parsed in bounded memory, however large it is; on the workers of `dask`, the setting
    TICKET_DASK, where it names any. The space for twice the CSV is needed meanwhile.

    Raises SourceError where it cannot be had or is not what it should be, DataError where its
    content is at fault, StoreError where the cache cannot be written.
    """
    limits = limits or DownloadLimits()
    folder = cache / "event_log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        file = locate(source, folder, limits, log)
        # Told by content, never by name or time: a file that was replaced is parsed anew.
        file_sha256 = sha256_of(file.path)
        index = folder / "files" / f"{file_sha256}.json"
        found = _from_cache(file, folder, index)
        if found is None:
            # Of one log one process at a time. Not on Dask: a step that waits on a worker would
            # keep it from the blocks that it waits for. There both parse, and one result is kept.
            sole = None if dask else file_sha256
            waiting = f"waiting for another process that parses {file.location}"
            with stage(folder, sole, lambda: log(waiting)) as work:
                found = _from_cache(file, folder, index)
                if found is None:
                    path = parse_log(file, file_sha256, folder, limits.limit_mb, dask)
                    found = _opened(file, path)
                    write_json({"csv_sha256": found.identity.sha256}, work / index.name)
                    index.parent.mkdir(exist_ok=True)
                    (work / index.name).replace(index)
                    log(f"parsed {found.identity.rows:,} rows of {file.location} into {found.path}")
                    if found.extra_columns:
                        columns = list(found.extra_columns)
                        log(f"columns that the log usually does not have, kept: {columns}")
        return found
    except OSError as error:
        raise StoreError(
            f"{folder}: {error.strerror or error}. Make room or correct TICKET_CACHE, then run"
            " again."
        ) from error


def _from_cache(file: LocalFile, folder: Path, index: Path) -> ParsedLog | None:
    """The parsed log, if this very file was parsed before; damaged cache files count as none."""
    try:
        csv_sha256: str = json.loads(index.read_bytes())["csv_sha256"]
        return _opened(file, parsed_path(folder, csv_sha256))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _opened(file: LocalFile, path: Path) -> ParsedLog:
    facts = read_facts(path)
    return ParsedLog(
        LogIdentity(file.source, file.location, facts["sha256"], facts["rows"]),
        path,
        date.fromisoformat(facts["first_day"]),
        date.fromisoformat(facts["last_day"]),
        facts["rows_without_day"],
        tuple(facts["extra_columns"]),
        tuple(LogPart(**part) for part in facts["parts"]),
    )
