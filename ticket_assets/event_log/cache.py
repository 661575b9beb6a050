"""Opens a log: each of its files is fetched and parsed once."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from ticket_assets.errors import StoreError
from ticket_assets.event_log.download import DownloadLimits, sha256_of
from ticket_assets.event_log.ingest import parse_log, parsed_path, read_facts, write_json
from ticket_assets.event_log.live import LiveFile, LiveLog, fetch_file, is_live, list_files
from ticket_assets.event_log.parsed import LogIdentity, ParsedLog
from ticket_assets.event_log.parts import LogPart
from ticket_assets.event_log.sources import LocalFile, locate
from ticket_assets.store.staging import stage, sweep

Log = ParsedLog | LiveLog


def open_log(
    source: str,
    *,
    cache: Path,
    limits: DownloadLimits | None = None,
    log: Callable[[str], None] = lambda line: None,
    dask: str = "",
    today: date | None = None,
) -> Log:
    """The log of a source. The first call fetches and parses it; later calls read `cache`.

    Parsing takes bounded memory, however large the log is, and disk space of twice the CSV. It
    runs on the workers of `dask` (see TICKET_DASK) if that is set. `today`, in UTC, decides which
    days of a live log are over.

    Raises SourceError if the log cannot be fetched or is not the log, DataError if its content has
    faults, and StoreError if the cache cannot be written.
    """
    limits = limits or DownloadLimits()
    folder = cache / "event_log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        if not is_live(source):
            return _open_file(locate(source, folder, limits, log), folder, limits, log, dask)
        parsed: list[tuple[LiveFile, ParsedLog | None]] = []
        for live in list_files(source, limits):
            file = fetch_file(live, folder / "downloads", limits, log)
            content = _open_file(file, folder, limits, log, dask) if file else None
            parsed.append((live, content))
        return LiveLog.of(source, parsed, today or datetime.now(UTC).date())
    except OSError as error:
        raise StoreError(
            f"{folder}: {error.strerror or error}. Make room or correct TICKET_CACHE, then run"
            " again."
        ) from error


def _open_file(
    file: LocalFile, folder: Path, limits: DownloadLimits, log: Callable[[str], None], dask: str
) -> ParsedLog:
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
        facts["rows_by_day"],
    )
