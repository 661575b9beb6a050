"""The parsed log: one Parquet file named by the CSV's sha256, read by day."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ticket_assets.errors import SourceError, StoreError
from ticket_assets.event_log.archive import read_csv_bytes
from ticket_assets.event_log.download import DownloadLimits, sha256_of
from ticket_assets.event_log.parsing import parse_csv
from ticket_assets.event_log.schema import NAMES
from ticket_assets.event_log.sources import LocalFile, locate

# To be raised when the parsed columns or their types change.
FORMAT = 1
FACTS = b"event_log"
KEYS = ("day", "log_row")
ROWS_PER_GROUP = 8192


@dataclass(frozen=True)
class LogIdentity:
    """Which log this is: the source as it was asked for, where it lies, the CSV's sha256."""

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

    def read(
        self, first_day: date, last_day: date, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of these days, both included, ordered by day and `log_row`.

        Columns: `day` (date32), `log_row` (int64), then the log's, or those of `columns`. Only
        row groups that hold such days are read.
        """
        wanted = [*KEYS, *(NAMES + self.extra_columns if columns is None else columns)]
        table = pq.read_table(
            self.path,
            columns=wanted,
            filters=[("day", ">=", first_day), ("day", "<=", last_day)],
        )
        return table.replace_schema_metadata(None)


def open_log(
    source: str,
    *,
    cache: Path,
    limits: DownloadLimits | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> ParsedLog:
    """The log of a source, fetched and parsed at the first call, read from `cache` after it.

    Raises SourceError where it cannot be had or is not what it should be, DataError where its
    content is at fault, StoreError where the cache cannot be written.
    """
    limits = limits or DownloadLimits()
    folder = cache / "event_log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = locate(source, folder, limits, log)
        return _from_cache(source, file, folder) or _parsed(source, file, folder, limits, log)
    except OSError as error:
        raise StoreError(
            f"{folder}: {error.strerror or error}. Make room or correct TICKET_CACHE, then run"
            " again."
        ) from error


def _from_cache(source: str, file: LocalFile, folder: Path) -> ParsedLog | None:
    """The parsed log, if this very file was parsed before; damaged cache files count as none."""
    try:
        csv_sha256: str = json.loads(_index_path(file, folder).read_bytes())["csv_sha256"]
        return _opened(source, file, _parsed_path(folder, csv_sha256))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def _opened(source: str, file: LocalFile, path: Path) -> ParsedLog:
    facts = json.loads(pq.read_metadata(path).metadata[FACTS])
    return ParsedLog(
        LogIdentity(source, file.location, facts["sha256"], facts["rows"]),
        path,
        date.fromisoformat(facts["first_day"]),
        date.fromisoformat(facts["last_day"]),
        facts["rows_without_day"],
        tuple(facts["extra_columns"]),
    )


def _parsed(
    source: str,
    file: LocalFile,
    folder: Path,
    limits: DownloadLimits,
    log: Callable[[str], None],
) -> ParsedLog:
    content = read_csv_bytes(file.path, limits.limit_mb)
    sha256 = hashlib.sha256(content).hexdigest()
    if file.csv_sha256 not in (None, sha256):
        raise SourceError(
            f"{file.location}: the CSV's sha256 is {sha256}, expected {file.csv_sha256}. The"
            f" published log has changed or the download is damaged: remove {file.path} and try"
            " again."
        )
    table = parse_csv(content, file.location)
    path = _parsed_path(folder, sha256)
    facts = _facts(table, sha256)
    _write_parquet(table, facts, path)
    _write_json({"csv_sha256": sha256}, _index_path(file, folder))
    log(f"parsed {facts['rows']:,} rows of {file.location} into {path}")
    if facts["extra_columns"]:
        log(f"columns that the log usually does not have, kept: {facts['extra_columns']}")
    return _opened(source, file, path)


def _facts(table: pa.Table, sha256: str) -> dict[str, Any]:
    import pyarrow.compute as pc

    days = pc.min_max(table["day"]).as_py()
    if days["min"] is None:
        raise SourceError("No row of the log has a closed_at, so there is no day to evaluate.")
    return {
        "sha256": sha256,
        "rows": table.num_rows,
        "first_day": days["min"].isoformat(),
        "last_day": days["max"].isoformat(),
        "rows_without_day": table["day"].null_count,
        "extra_columns": [name for name in table.column_names if name not in (*KEYS, *NAMES)],
    }


def _parsed_path(folder: Path, csv_sha256: str) -> Path:
    return folder / f"{csv_sha256}-v{FORMAT}.parquet"


def _index_path(file: LocalFile, folder: Path) -> Path:
    """Told by content, never by name or time: a file that was replaced is parsed anew."""
    return folder / "files" / f"{sha256_of(file.path)}.json"


def _write_parquet(table: pa.Table, facts: dict[str, Any], path: Path) -> None:
    ordered = table.sort_by([("day", "ascending"), ("log_row", "ascending")])
    ordered = ordered.replace_schema_metadata({FACTS: json.dumps(facts)})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(ordered, temporary, compression="zstd", row_group_size=ROWS_PER_GROUP)
        _flush_and_rename(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_json(content: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(content), encoding="utf-8")
        _flush_and_rename(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _flush_and_rename(temporary: Path, path: Path) -> None:
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
