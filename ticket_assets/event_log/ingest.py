"""Parses a log's file into parts: in bounded memory, whole or not at all."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ticket_assets.errors import DataError, SourceError
from ticket_assets.event_log.archive import csv_chunks, is_zip
from ticket_assets.event_log.blocks import BLOCK_BYTES, cut
from ticket_assets.event_log.parsing import check_rows, read_header
from ticket_assets.event_log.parts import (
    MOST_DAYS,
    NOTHING,
    CsvRange,
    LogPart,
    ParsedBlock,
    days_of,
    parse_block,
    plan_parts,
    write_part,
)
from ticket_assets.event_log.schema import NAMES
from ticket_assets.event_log.sources import LocalFile
from ticket_assets.store.staging import stage
from ticket_assets.store.tables import ROWS_PER_PART
from ticket_assets.store.workers import run_all

# Raise it when the parsed columns, their types or the files change.
FORMAT = 4
FACTS = "log.json"


def parsed_path(folder: Path, csv_sha256: str) -> Path:
    """The folder of this CSV's parsed log."""
    return folder / f"{csv_sha256}-v{FORMAT}"


def read_facts(path: Path) -> dict[str, Any]:
    """The facts of a parsed log. Raises OSError or ValueError unless its files are whole."""
    facts: dict[str, Any] = json.loads((path / FACTS).read_bytes())
    for part in facts["parts"]:
        if (path / part["file"]).stat().st_size != part["bytes"]:
            raise ValueError(f"{path / part['file']} is damaged")
    return facts


def parse_log(file: LocalFile, file_sha256: str, folder: Path, limit_mb: int, dask: str) -> Path:
    """Parses the CSV into a folder of Parquet files, and returns the folder.

    Raises SourceError for a CSV with an unexpected sha256, DataError for faults in its content.
    """
    with stage(folder) as work:
        reading = _Reading(file, file_sha256, work, limit_mb)
        blocks: list[ParsedBlock] = []
        for block in run_all(parse_block, reading.calls(), dask):
            blocks.append(block)
            if block.parsed.stopped:  # it has so many faults that the rest tells nothing more
                check_rows(file.location, [block.parsed for block in blocks])
        # An archive's CSV has a sha256 only when all of it was unpacked.
        _check_sha256(reading.sha256, file)
        check_rows(file.location, [block.parsed for block in blocks])
        _check_days(file.location, blocks)
        done = work / "parts"
        done.mkdir()
        facts: dict[str, Any] = {
            "sha256": reading.sha256,
            "extra_columns": [name for name in reading.header if name not in NAMES],
        }
        facts |= _write_parts(blocks, done, dask)
        _check_all_rows(file.location, reading.rows, done, facts["parts"])
        write_json(facts, done / FACTS)
        return _published(done, parsed_path(folder, reading.sha256), work / "damaged")


class _Reading:
    """One pass over the CSV that yields the positions of its blocks.

    After the pass it knows the header, the sha256, and the number of rows between line ends.
    """

    def __init__(self, file: LocalFile, file_sha256: str, work: Path, limit_mb: int) -> None:
        self._file, self._limit_mb = file, limit_mb
        self._blocks = work
        # Workers read the blocks from a plain file, so a zip archive is unpacked first.
        self._unpacked = work / "log.csv" if is_zip(file.path) else None
        self.sha256 = file_sha256
        self.header: list[str] = []
        self.rows = 0

    def calls(self) -> Iterator[tuple[CsvRange, str, list[str], Path]]:
        """The arguments of `parse_block` for each block."""
        name, csv = self._file.location, self._unpacked or self._file.path
        for number, block in enumerate(cut(self._chunks(), BLOCK_BYTES, name)):
            place = CsvRange(csv, block.offset, block.size, block.rows)
            if number == 0:
                self.header, skipped = read_header(place.read(), name)
                place = CsvRange(csv, skipped, block.size - skipped, block.rows - 1)
            self.rows += place.rows
            path = self._blocks / f"block-{number:05}.arrow"
            yield place, name, self.header, path
        if not self.header:
            read_header(b"", name)  # raises the error of an empty file

    def _chunks(self) -> Iterator[bytes]:
        chunks = csv_chunks(self._file.path, self._limit_mb)
        if self._unpacked is None:
            yield from chunks
            return
        digest = hashlib.sha256()
        with self._unpacked.open("wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
                # Workers read a block from this file as soon as it is cut.
                file.flush()
                yield chunk
        self.sha256 = digest.hexdigest()


def _check_sha256(sha256: str, file: LocalFile) -> None:
    if file.csv_sha256 not in (None, sha256):
        raise SourceError(
            f"{file.location}: the CSV's sha256 is {sha256}, expected {file.csv_sha256}. The"
            f" published log has changed, or the download is damaged. Remove {file.path} and try"
            " again."
        )


def _check_days(name: str, blocks: Sequence[ParsedBlock]) -> None:
    days = [day for day in days_of(blocks) if day is not None]
    if not days:
        raise DataError(
            f"{name}: no row has a closed_at, expected one at least: without it there is no day to"
            " evaluate. Take a log of closed incidents; nothing was stored."
        )
    if len(days) > MOST_DAYS:
        raise DataError(
            f"{name}: closed_at has {len(days):,} different days from {days[0]} to {days[-1]},"
            f" expected at most {MOST_DAYS:,}. Correct the dates in the source; nothing was stored."
        )


def _check_all_rows(
    name: str, expected: int, folder: Path, parts: Sequence[dict[str, Any]]
) -> None:
    """Raises DataError unless the written files have as many rows as the CSV."""
    kept = sum(pq.read_metadata(folder / part["file"]).num_rows for part in parts)
    if kept != expected:
        raise DataError(
            f"{name}: stored {kept:,} rows, expected the CSV's {expected:,}. This is a fault of"
            " this program: report it with the log; nothing was published."
        )


def _write_parts(blocks: Sequence[ParsedBlock], folder: Path, dask: str) -> dict[str, Any]:
    plans = list(plan_parts(blocks, ROWS_PER_PART))
    files = [f"part-{number:05}.parquet" for number in range(len(plans))]
    calls = ((plan, folder / file) for plan, file in zip(plans, files, strict=True))
    sizes = list(run_all(write_part, calls, dask))
    days = [day for day in days_of(blocks) if day is not None]
    return {
        "rows": sum(block.parsed.rows for block in blocks),
        "first_day": days[0],
        "last_day": days[-1],
        "rows_by_day": {
            day: sum(block.days.get(day, NOTHING).rows for block in blocks) for day in days
        },
        "rows_without_day": sum(block.days.get(None, NOTHING).rows for block in blocks),
        "parts": [
            asdict(LogPart(file, plan.first_day, plan.last_day, size))
            for plan, file, size in zip(plans, files, sizes, strict=True)
        ],
    }


def _published(done: Path, path: Path, away: Path) -> Path:
    """Renames the finished folder to `path`, and returns `path`.

    If another process made the same folder meanwhile, that one stays: it is as good. A damaged
    folder at `path` is moved to `away`.
    """
    try:
        done.rename(path)
    except OSError:
        try:
            read_facts(path)
        except (OSError, ValueError, KeyError):
            path.rename(away)
            done.rename(path)
    return path


def write_json(content: dict[str, Any], path: Path) -> None:
    """Writes the file and flushes it."""
    with path.open("wb") as file:
        file.write(json.dumps(content).encode())
        file.flush()
        os.fsync(file.fileno())
