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


def open_log(
    source: str,
    *,
    cache: Path,
    limits: DownloadLimits | None = None,
    log: Callable[[str], None] = lambda line: None,
    dask: str = "",
) -> ParsedLog:
    """The log of a source. The first call fetches and parses it; later calls read `cache`.

    Parsing takes bounded memory, however large the log is, and disk space of twice the CSV. It
    runs on the workers of `dask` (see TICKET_DASK) if that is set.

    Raises SourceError if the log cannot be fetched or is not the log, DataError if its content has
    faults, and StoreError if the cache cannot be written.
    """
    limits = limits or DownloadLimits()
    folder = cache / "event_log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        file = locate(source, folder, limits, log)
        # The content decides, never name or time: a replaced file is parsed again.
        file_sha256 = sha256_of(file.path)
        index = folder / "files" / f"{file_sha256}.json"
        parsed = _from_cache(file, folder, index)
        if parsed is None:
            # One process parses a log at a time. Not on Dask: a step that waits on a worker would
            # block the very parsing that it waits for. There both parse, and one result stays.
            stage_name = None if dask else file_sha256
            waiting = f"waiting for another process that parses {file.location}"
            with stage(folder, stage_name, lambda: log(waiting)) as work:
                # Another process may have parsed it while this one waited for the stage.
                parsed = _from_cache(file, folder, index)
                if parsed is None:
                    path = parse_log(file, file_sha256, folder, limits.limit_mb, dask)
                    parsed = _opened(file, path)
                    write_json({"csv_sha256": parsed.identity.sha256}, work / index.name)
                    # The index comes last: it names a log only once that is whole.
                    index.parent.mkdir(exist_ok=True)
                    (work / index.name).replace(index)
                    rows = parsed.identity.rows
                    log(f"parsed {rows:,} rows of {file.location} into {parsed.path}")
                    if parsed.extra_columns:
                        columns = list(parsed.extra_columns)
                        log(f"columns that the log usually does not have, kept: {columns}")
        return parsed
    except OSError as error:
        raise StoreError(
            f"{folder}: {error.strerror or error}. Make room or correct TICKET_CACHE, then run"
            " again."
        ) from error


def _from_cache(file: LocalFile, folder: Path, index: Path) -> ParsedLog | None:
    """The parsed log if this very file was parsed before, else None; so too for damaged files."""
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
