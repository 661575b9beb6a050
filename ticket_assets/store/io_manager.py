"""One file per asset and day: tables as Parquet, documents as JSON, each whole."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import PrivateAttr

from ticket_assets.days import to_days
from ticket_assets.errors import DataError, StoreError
from ticket_assets.store.local import (
    DayLocks,
    LocalFolder,
    Place,
    Ready,
    Write,
    place_at,
    write_file,
)
from ticket_assets.store.tables import (
    ROWS_PER_PART,
    LargeTable,
    SomeTable,
    Table,
    map_parts,
    no_rows_of,
    to_frame,
    with_attrs,
)
from ticket_assets.store.workers import run_all

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
    file without rows.

    The promise is: each file is whole. All files of an output are written in a stage and flushed
    before the first takes its name, then they take their names one by one. A failure in between
    raises StoreError naming the files that were replaced and those that were not. A kill in
    between leaves each day's file old or new, never torn; run the days again. What a killed run
    left in its stage is removed when the asset is next written.

    From a run's first write of a day until its end no other run can write that day. Where the
    store or a lock is deleted meanwhile, the run writes nothing more. What has no days, such as
    a report, is not locked: a lock while writing would not tell which run read the later days.

    `root` is a local folder or `s3://bucket/prefix`. There each file is an object, whole or as it
    was, but no day is held: do not run the same day twice at once. See `bucket.py`.

    Where `dask` is set (see TICKET_DASK), an asset whose metadata say `"large": True` is loaded as
    a LargeTable. One is written in bounded memory, on its workers; not to S3.
    """

    root: str
    dask: str = ""
    lock_wait_s: float = 60.0

    _opened: Place | None = PrivateAttr(default=None)
    _locks: DayLocks | None = PrivateAttr()  # None where the place has none

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        folder = self._place.lock_folder
        self._locks = DayLocks(folder, self.lock_wait_s) if folder else None

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._locks:
            self._locks.release()

    def handle_output(self, context: dg.OutputContext, obj: Table | Documents) -> None:
        place, name = self._place, _name(context.asset_key)
        if not context.has_asset_partitions:
            name = f"{name}.json"
            place.publish({name: _writer(_json_bytes(obj, indent=2))})
            context.add_output_metadata({"path": dg.MetadataValue.path(place.address(name))})
            return
        keys = context.asset_partition_keys
        if self._locks:
            self._locks.acquire(keys)
        ready = self._locks.demand_held if self._locks else _nothing_to_check
        if isinstance(obj, LargeTable):
            _publish_large(self._local, name, obj, keys, ready)
        elif isinstance(obj, pd.DataFrame):
            parts = _split(obj, keys)
            place.publish({f"{name}/{key}.parquet": _writer(parts[key]) for key in keys}, ready)
        else:
            documents = {key: _json_bytes(obj[key], indent=2) for key in keys}
            place.publish({f"{name}/{key}.json": _writer(documents[key]) for key in keys}, ready)
        context.add_output_metadata({"path": dg.MetadataValue.path(place.address(name))})

    def load_input(self, context: dg.InputContext) -> Table | Documents | dict[str, Any]:
        """The table (or the documents by key) of the input's days.

        Input metadata: `columns` narrows a table; `allow_missing_partitions` skips days that
        are not there. Raises StoreError naming the files that are missing or damaged.
        """
        place, name = self._place, _name(context.asset_key)
        if not context.has_asset_partitions:
            return _read_json(place, f"{name}.json")
        keys = context.asset_partition_keys
        options = context.definition_metadata or {}
        files = _present(place, name, keys, bool(options.get("allow_missing_partitions")))
        if any(file.endswith(".json") for file in files.values()):
            documents = place.each(lambda file: _read_json(place, file), files.values())
            return dict(zip(files, documents, strict=True))
        columns = options.get("columns")
        upstream = context.upstream_output
        if self.dask and upstream and (upstream.definition_metadata or {}).get("large"):
            return _read_large(self._local, files, columns, self.dask)
        return _read_tables(place, files, columns)

    @property
    def _place(self) -> Place:
        if self._opened is None:
            self._opened = place_at(self.root)
        return self._opened

    @property
    def _local(self) -> LocalFolder:
        """Where Dask's workers read and write."""
        if not isinstance(self._place, LocalFolder):
            raise StoreError(
                f"TICKET_STORE {self.root}: a table on Dask (TICKET_DASK) is read from and written"
                " to a local folder only. Unset TICKET_DASK, or set TICKET_STORE to a folder."
            )
        return self._place


def _nothing_to_check() -> None:
    """Of a place without locks."""


def _name(key: dg.AssetKey) -> str:
    return "/".join(key.path)


def _present(place: Place, name: str, keys: Sequence[str], allow_missing: bool) -> dict[str, str]:
    """The file of each day that is there."""
    start = os.path.commonprefix(list(keys))  # noqa: RUF071 - of characters, as it is meant
    there = place.names(name, start)
    found = {
        key: f"{name}/{key}{end}"
        for key in keys
        for end in (".parquet", ".json")
        if f"{key}{end}" in there
    }
    missing = [key for key in keys if key not in found]
    if (missing and not allow_missing) or not found:
        asset = name.rpartition("/")[2]
        raise StoreError(
            f"{asset}: no file for {len(missing)} of {len(keys)} days in {place.address(name)}"
            f" (first: {missing[0]}). Materialize {asset} for these days first."
        )
    return found


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


def _publish_large(
    folder: LocalFolder, name: str, table: LargeTable, keys: Sequence[str], ready: Ready
) -> None:
    """Publishes a file a day: pieces of days written by the workers, then joined."""
    origins = provenance_of(table)
    names = {key: f"{name}/{key}.parquet" for key in keys}
    with folder.replacing(names.values(), ready) as staged:
        stage = staged[names[keys[0]]].parent
        pieces: dict[str, list[Path]] = {key: [] for key in keys}
        write = partial(_write_pieces, stage=stage, keys=keys, origins=origins)
        for written in map_parts(write, table):
            for key, path in written:
                pieces[key].append(path)
        empty = with_attrs(no_rows_of(table), table.attrs)
        for key, nothing in _split(empty, keys).items():
            if not pieces[key]:
                write_file(staged[names[key]], _writer(nothing))
            elif len(pieces[key]) == 1:
                pieces[key][0].rename(staged[names[key]])
        calls = [(paths, staged[names[key]]) for key, paths in pieces.items() if len(paths) > 1]
        for _ in run_all(_joined, calls, table.dask):
            pass  # each returns when its file is whole


def _write_pieces(
    part: pd.DataFrame, stage: Path, keys: Sequence[str], origins: dict[str, Any]
) -> list[tuple[str, Path]]:
    """The part's rows as a file for each of its days."""
    part = with_attrs(part, {PROVENANCE: json.dumps(origins)})
    found = [(key, rows) for key, rows in _split(part, keys).items() if rows.num_rows]
    written = [(key, rows, stage / f"{key}.{uuid.uuid4().hex}") for key, rows in found]
    for _, rows, path in written:
        write_file(path, _writer(rows))
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


def _writer(content: pa.Table | bytes) -> Write:
    if isinstance(content, bytes):
        return lambda file: file.write(content)
    return lambda file: pq.write_table(content, file, row_group_size=ROWS_PER_PART, **PARQUET)


def _read_tables(
    place: Place, files: Mapping[str, str], columns: Sequence[str] | None
) -> pd.DataFrame:
    tables = place.each(lambda file: _read_table(place, file, columns), files.values())
    origins = {
        key: json.loads((table.schema.metadata or {}).get(PROVENANCE.encode(), b"{}"))
        for key, table in zip(files, tables, strict=True)
    }
    whole = pa.concat_tables(
        [table.replace_schema_metadata(None) for table in tables], promote_options="default"
    )
    return with_attrs(to_frame(whole), {PROVENANCE: json.dumps(origins)})


def _read_large(
    place: LocalFolder, files: Mapping[str, str], columns: Sequence[str] | None, dask: str
) -> LargeTable:
    """The days' files as one table, a partition for ROWS_PER_PART rows or fewer."""
    origins: dict[str, Any] = {}
    sources: list[list[tuple[str, int]]] = [[]]
    rows_of_last = 0
    for key, file in files.items():
        facts = _read_footer(place, file)
        origins[key] = json.loads((facts.metadata or {}).get(PROVENANCE.encode(), b"{}"))
        for group in range(facts.num_row_groups):
            rows = facts.row_group(group).num_rows
            if sources[-1] and rows_of_last + rows > ROWS_PER_PART:
                sources.append([])
                rows_of_last = 0
            sources[-1].append((file, group))
            rows_of_last += rows
    if not sources[-1]:
        sources = [[(next(iter(files.values())), 0)]]
    empty = to_frame(_read_table(place, sources[0][0][0], columns).slice(0, 0))
    empty = with_attrs(empty, {PROVENANCE: json.dumps(origins)})
    return LargeTable.of(partial(_read_groups, place=place), sources, empty, dask)


def _read_groups(
    groups: Sequence[tuple[str, int]], columns: Sequence[str], place: Place
) -> pd.DataFrame:
    tables = [_read_table(place, file, columns, group) for file, group in groups]
    return to_frame(pa.concat_tables(tables, promote_options="default"))


def _read_table(
    place: Place, name: str, columns: Sequence[str] | None, group: int | None = None
) -> pa.Table:
    names = list(columns) if columns else None
    with _readable(place.address(name)):
        file = pq.ParquetFile(place.open(name))
        if group is None or group >= file.num_row_groups:
            return file.read(columns=names)
        return file.read_row_group(group, columns=names)


def _read_footer(place: Place, name: str) -> pq.FileMetaData:
    with _readable(place.address(name)):
        return pq.read_metadata(place.open(name))


@contextmanager
def _readable(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError(
            f"{address} cannot be read: {error}. Remove it and materialize the day again."
        ) from error


def _read_json(place: Place, name: str) -> dict[str, Any]:
    address = place.address(name)
    try:
        document: dict[str, Any] = json.loads(place.read(name))
    except FileNotFoundError:
        stem = Path(name).stem
        raise StoreError(f"{address} does not exist. Materialize {stem} first.") from None
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{address} cannot be read: {error}. Remove it and materialize it again."
        ) from error
    return document


def _json_bytes(document: Any, indent: int | None = None) -> bytes:
    """Canonical JSON: sorted keys, no NaN."""
    text = json.dumps(document, sort_keys=True, indent=indent, allow_nan=False, ensure_ascii=False)
    return text.encode() + (b"\n" if indent else b"")
