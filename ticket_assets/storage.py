"""One file per asset and day: tables as Parquet, documents as JSON, whole or not at all."""

import fcntl
import hashlib
import json
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import dagster as dg
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import PrivateAttr

from ticket_assets.days import to_days
from ticket_assets.errors import DataError, StoreError
from ticket_assets.tables import (
    ROWS_PER_PART,
    LargeTable,
    SomeTable,
    Table,
    map_parts,
    no_rows_of,
    to_frame,
    with_attrs,
)
from ticket_assets.workers import run_all

PROVENANCE = "provenance"
PARQUET: dict[str, Any] = {"compression": "zstd", "store_schema": True}
Documents = dict[str, dict[str, Any]]
Hashes = npt.NDArray[np.uint64]


def with_provenance(table: SomeTable, *origins: Mapping[str, Any], **facts: Any) -> SomeTable:
    """`table`, carrying for each day what it was made from: `origins` merged, `facts` added.

    It stands in `table.attrs["provenance"]`, by partition key, so that a day without rows has
    one too; the store writes it into each day's file and reads it back. As JSON text, because
    pandas copies `attrs` deeply at every operation: a year of mappings tripled the run's time.
    """
    days = [day for origin in origins for day in origin]
    merged = {
        day: {name: value for origin in origins for name, value in origin.get(day, {}).items()}
        | facts
        for day in dict.fromkeys(days)
    }
    return with_attrs(table, {PROVENANCE: json.dumps(merged)})


def provenance_of(table: Table) -> dict[str, dict[str, Any]]:
    """What each day of the table was made from, by partition key."""
    found: dict[str, dict[str, Any]] = json.loads(table.attrs.get(PROVENANCE, "{}"))
    return found


def content_digests(content: Table | Documents, keys: Sequence[str]) -> dict[str, str]:
    """A sha256 for each day's content: of values, names and types, not of the file's bytes."""
    if isinstance(content, dict):
        return {key: hashlib.sha256(_json_bytes(content[key])).hexdigest() for key in keys}
    digests = Digests(content, keys)
    for part in map_parts(partial(_hashes_by_day, keys=keys), content):
        for key, hashes in part:
            digests.update(key, hashes)
    return digests.by_key()


class Digests:
    """The digests of a table's days, from the hashes of their rows in the table's order."""

    def __init__(self, table: Table, keys: Sequence[str]) -> None:
        header = [(name, str(dtype)) for name, dtype in no_rows_of(table).dtypes.items()]
        origins = provenance_of(table)
        self._digests = {
            key: hashlib.sha256(_json_bytes([header, origins.get(key, {})])) for key in keys
        }

    def update(self, key: str, hashes: Hashes) -> None:
        self._digests[key].update(hashes.tobytes())

    def by_key(self) -> dict[str, str]:
        return {key: digest.hexdigest() for key, digest in self._digests.items()}


def hashes_of(content: pd.DataFrame | pd.Series) -> Hashes:
    """Of each row, or each value."""
    found: Hashes = pd.util.hash_pandas_object(content, index=False).to_numpy()
    return found


def _hashes_by_day(table: pd.DataFrame, keys: Sequence[str]) -> list[tuple[str, Hashes]]:
    hashes = hashes_of(table)
    return [(key, hashes[rows]) for key, rows in zip(keys, rows_by_day(table, keys), strict=True)]


def rows_by_day(table: pd.DataFrame, keys: Sequence[str]) -> list[slice]:
    """Where each day's rows stand. Raises DataError unless the table is ordered by day and
    holds no other day than `keys`."""
    days = table["day"].to_numpy("datetime64[s]")
    if np.any(days[1:] < days[:-1]):
        raise DataError("The table to store is not ordered by day. Sort it by `day`.")
    wanted = to_days(keys).to_numpy("datetime64[s]")
    starts = np.searchsorted(days, wanted, side="left")
    ends = np.searchsorted(days, wanted, side="right")
    if (ends - starts).sum() != len(days):
        stray = sorted(set(days) - set(wanted))[0]
        raise DataError(
            f"The table to store has rows of {stray.astype('datetime64[D]')}, a day that this run"
            " does not cover. Return rows of the run's days only."
        )
    return [slice(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


class DailyStore(dg.ConfigurableIOManager):
    """Keeps each asset's days as `<root>/<asset>/<day>.parquet`, documents as `.json`.

    A table covers the days of a run and is split by its `day` column; a day without rows is a
    file without rows. All files of an output are written under temporary names and flushed
    before the first takes its name. From a run's first write of a day until its end no other
    run can write that day, so the day's files are of one run.

    Where `dask` is set (see TICKET_DASK), an asset whose metadata say `"large": True` is loaded as
    a LargeTable. One is written in bounded memory, on its workers.
    """

    root: str
    dask: str = ""
    lock_wait_s: float = 60.0

    _locks: "DayLocks" = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        self._locks = DayLocks(Path(self.root) / ".locks", self.lock_wait_s)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self._locks.release()

    def handle_output(self, context: dg.OutputContext, obj: Table | Documents) -> None:
        folder = self._folder(context.asset_key)
        if not context.has_asset_partitions:
            _publish({folder.with_suffix(".json"): _json_bytes(obj, indent=2)})
            context.add_output_metadata(
                {"path": dg.MetadataValue.path(folder.with_suffix(".json"))}
            )
            return
        keys = context.asset_partition_keys
        self._locks.acquire(keys)
        if isinstance(obj, LargeTable):
            _publish_large(folder, obj, keys)
        elif isinstance(obj, pd.DataFrame):
            _publish({folder / f"{key}.parquet": part for key, part in _split(obj, keys).items()})
        else:
            _publish({folder / f"{key}.json": _json_bytes(obj[key], indent=2) for key in keys})
        context.add_output_metadata({"path": dg.MetadataValue.path(folder)})

    def load_input(self, context: dg.InputContext) -> Table | Documents | dict[str, Any]:
        """The table (or the documents by key) of the input's days.

        Input metadata: `columns` narrows a table; `allow_missing_partitions` skips days that
        are not there. Raises StoreError naming the files that are missing or damaged.
        """
        folder = self._folder(context.asset_key)
        if not context.has_asset_partitions:
            return _read_json(folder.with_suffix(".json"))
        keys = context.asset_partition_keys
        options = context.definition_metadata or {}
        paths = self._paths(folder, keys, bool(options.get("allow_missing_partitions")))
        if any(path.suffix == ".json" for path in paths.values()):
            return {key: _read_json(path) for key, path in paths.items()}
        upstream = context.upstream_output
        if self.dask and upstream and (upstream.definition_metadata or {}).get("large"):
            return _read_large(paths, options.get("columns"), self.dask)
        return _read_tables(paths, options.get("columns"))

    def _folder(self, key: dg.AssetKey) -> Path:
        return Path(self.root, *key.path)

    def _paths(self, folder: Path, keys: Sequence[str], allow_missing: bool) -> dict[str, Path]:
        found = {
            key: path
            for key in keys
            for path in (folder / f"{key}.parquet", folder / f"{key}.json")
            if path.exists()
        }
        missing = [key for key in keys if key not in found]
        if (missing and not allow_missing) or not found:
            raise StoreError(
                f"{folder.name}: no file for {len(missing)} of {len(keys)} days in {folder}"
                f" (first: {missing[0]}). Materialize {folder.name} for these days first."
            )
        return found


class DayLocks:
    """Days held for writing by one run, each an advisory lock on a file of its own.

    The operating system lets a lock go when its process ends, however it ends.
    """

    def __init__(self, folder: Path, wait_s: float) -> None:
        self._folder = folder
        self._wait_s = wait_s
        self._held: dict[str, BinaryIO] = {}
        self._guard = threading.Lock()

    def acquire(self, keys: Iterable[str]) -> None:
        """Holds the days until `release`. Raises StoreError if another run keeps one longer
        than the waiting time. In ascending order, so that two runs cannot wait for each other."""
        with self._guard:
            for key in sorted(set(keys) - set(self._held)):
                self._held[key] = self._lock(key)

    def release(self) -> None:
        with self._guard:
            for file in self._held.values():
                file.close()
            self._held.clear()

    def _lock(self, key: str) -> BinaryIO:
        path = self._folder / f"{key}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        except OSError as error:
            raise _unwritable(path, error) from error
        give_up = time.monotonic() + self._wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    file.close()
                    raise StoreError(
                        f"{key} is being written by another run (waited {self._wait_s:g} s for"
                        f" {path}). Nothing of this day was written. Run it again when that run"
                        " has ended."
                    ) from None
                time.sleep(0.05)


def _split(table: pd.DataFrame, keys: Sequence[str]) -> dict[str, pa.Table]:
    whole = pa.Table.from_pandas(table, preserve_index=False)
    day = whole.schema.get_field_index("day")
    whole = whole.set_column(day, "day", whole.column("day").cast(pa.date32()))
    origins = provenance_of(table)
    return {
        key: whole.slice(rows.start, rows.stop - rows.start).replace_schema_metadata(
            {PROVENANCE: _json_bytes(origins.get(key, {}))}
        )
        for key, rows in zip(keys, rows_by_day(table, keys), strict=True)
    }


def _publish(contents: Mapping[Path, pa.Table | bytes]) -> None:
    """Writes all the files or none: each under a temporary name, flushed, then renamed."""
    staged = {
        path: path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
        for path in contents
    }
    try:
        for folder in {path.parent for path in staged}:
            folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(_write, staged.values(), contents.values()))
        for path, temporary in staged.items():
            temporary.replace(path)
    except OSError as error:
        raise _unwritable(next(iter(staged)), error) from error
    finally:
        for temporary in staged.values():
            _discard(temporary)


def _publish_large(folder: Path, table: LargeTable, keys: Sequence[str]) -> None:
    """Writes a file a day or none: pieces of days by the workers, then joined, then renamed."""
    stage = folder / f".{uuid.uuid4().hex}.tmp"
    origins = provenance_of(table)
    try:
        stage.mkdir(parents=True)
        pieces: dict[str, list[Path]] = {key: [] for key in keys}
        write = partial(_write_pieces, stage=stage, keys=keys, origins=origins)
        for written in map_parts(write, table):
            for key, path in written:
                pieces[key].append(path)
        empty = with_attrs(no_rows_of(table), table.attrs)
        for key, nothing in _split(empty, keys).items():
            if not pieces[key]:
                _write(stage / key, nothing)
                pieces[key] = [stage / key]
        cut_up = {key: paths for key, paths in pieces.items() if len(paths) > 1}
        calls = ((paths, stage / f"{key}.whole") for key, paths in cut_up.items())
        for key, whole in zip(cut_up, run_all(_joined, calls, table.dask), strict=True):
            pieces[key] = [whole]
        for key, (whole,) in pieces.items():
            whole.replace(folder / f"{key}.parquet")
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _write_pieces(
    part: pd.DataFrame, stage: Path, keys: Sequence[str], origins: dict[str, Any]
) -> list[tuple[str, Path]]:
    """The part's rows as a file for each of its days."""
    part = with_attrs(part, {PROVENANCE: json.dumps(origins)})
    found = [(key, rows) for key, rows in _split(part, keys).items() if rows.num_rows]
    written = [(key, rows, stage / f"{key}.{uuid.uuid4().hex}") for key, rows in found]
    for _, rows, path in written:
        _write(path, rows)
    return [(key, path) for key, _, path in written]


def _joined(pieces: Sequence[Path], path: Path) -> Path:
    """The pieces of a day as one file, a piece in memory at a time."""
    schema = pq.read_schema(pieces[0])
    with path.open("wb") as file:
        with pq.ParquetWriter(file, schema, **PARQUET) as writer:
            for piece in pieces:
                writer.write_table(pq.read_table(piece, schema=schema))
        file.flush()
        os.fsync(file.fileno())
    return path


def _write(path: Path, content: pa.Table | bytes) -> None:
    with path.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            pq.write_table(content, file, row_group_size=ROWS_PER_PART, **PARQUET)
        file.flush()
        os.fsync(file.fileno())


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # its folder could not even be made, so neither could the file


def _unwritable(path: Path, error: OSError) -> StoreError:
    reason = error.strerror or str(error)
    return StoreError(
        f"{path} cannot be written: {reason}. No file was changed. Make room or correct"
        " TICKET_STORE, then run again."
    )


def _read_tables(paths: Mapping[str, Path], columns: Sequence[str] | None) -> pd.DataFrame:
    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda path: _read_table(path, columns), paths.values()))
    origins = {
        key: json.loads((table.schema.metadata or {}).get(PROVENANCE.encode(), b"{}"))
        for key, table in zip(paths, tables, strict=True)
    }
    whole = pa.concat_tables(
        [table.replace_schema_metadata(None) for table in tables], promote_options="default"
    )
    return with_attrs(to_frame(whole), {PROVENANCE: json.dumps(origins)})


def _read_large(paths: Mapping[str, Path], columns: Sequence[str] | None, dask: str) -> LargeTable:
    """The days' files as one table, a partition for ROWS_PER_PART rows or fewer."""
    origins: dict[str, Any] = {}
    sources: list[list[tuple[Path, int]]] = [[]]
    rows_of_last = 0
    for key, path in paths.items():
        facts = _read_footer(path)
        origins[key] = json.loads((facts.metadata or {}).get(PROVENANCE.encode(), b"{}"))
        for group in range(facts.num_row_groups):
            rows = facts.row_group(group).num_rows
            if sources[-1] and rows_of_last + rows > ROWS_PER_PART:
                sources.append([])
                rows_of_last = 0
            sources[-1].append((path, group))
            rows_of_last += rows
    if not sources[-1]:
        sources = [[(next(iter(paths.values())), 0)]]
    empty = to_frame(_read_table(sources[0][0][0], columns).slice(0, 0))
    empty = with_attrs(empty, {PROVENANCE: json.dumps(origins)})
    return LargeTable.of(_read_groups, sources, empty, dask)


def _read_groups(groups: Sequence[tuple[Path, int]], columns: Sequence[str]) -> pd.DataFrame:
    tables = [_read_table(path, columns, group) for path, group in groups]
    return to_frame(pa.concat_tables(tables, promote_options="default"))


def _read_table(path: Path, columns: Sequence[str] | None, group: int | None = None) -> pa.Table:
    names = list(columns) if columns else None
    with _readable(path):
        file = pq.ParquetFile(path)
        if group is None or group >= file.num_row_groups:
            return file.read(columns=names)
        return file.read_row_group(group, columns=names)


def _read_footer(path: Path) -> pq.FileMetaData:
    with _readable(path):
        return pq.read_metadata(path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError(
            f"{path} cannot be read: {error}. Remove it and materialize the day again."
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{path} does not exist. Materialize {path.stem} first.") from None
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} cannot be read: {error}. Remove it and materialize it again."
        ) from error
    return document


def _json_bytes(document: Any, indent: int | None = None) -> bytes:
    """Canonical JSON: sorted keys, no NaN."""
    text = json.dumps(document, sort_keys=True, indent=indent, allow_nan=False, ensure_ascii=False)
    return text.encode() + (b"\n" if indent else b"")
