"""Dagster's view of the store: one file per asset and day, each whole."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import PrivateAttr

from ticket_assets.errors import StoreError
from ticket_assets.store.day_locks import DayLocks
from ticket_assets.store.encode import DOCUMENT, PAGE, TABLE, Report, encode
from ticket_assets.store.kept import KeptTables, state_of
from ticket_assets.store.large import read_large, write_large
from ticket_assets.store.local import LocalFolder
from ticket_assets.store.place import Place, place_at
from ticket_assets.store.provenance import from_schema_metadata
from ticket_assets.store.read import (
    find_files,
    read_document,
    read_documents,
    read_footer,
    read_tables,
)
from ticket_assets.store.split import Documents, split
from ticket_assets.store.tables import LargeTable, Table


@dataclass(frozen=True)
class StoredDay:
    """The file of a day's table: its name, its rows, and what they were made from."""

    name: str
    rows: int
    provenance: Mapping[str, Any]


class DailyStore(dg.ConfigurableIOManager):
    """Keeps each asset's days as `<root>/<asset>/<day>.parquet`, documents as `.json`.

    A table covers the days of a run and is split by its `day` column; a day without rows is a
    file without rows. An asset without partitions is one document, `<root>/<asset>.json`; if it
    is a Report, it has pages beside it, such as `<root>/<asset>.html`.

    Each file is whole, always. All files of an output are written to a stage and flushed before
    the first takes its name; then they take their names one by one. A failure in between raises
    StoreError naming the replaced files and the others. A kill in between leaves each day's file
    old or new, never torn: run the days again. The next write of the asset removes what a killed
    run left in its stage.

    From its first write of a day until its end, a run is the only one that can write that day. If
    the store or a lock is deleted meanwhile, the run writes nothing more. An asset without days,
    such as a report, is not locked: a lock while writing would not tell which run read the later
    days.

    `root` is a local folder or `s3://bucket/prefix`. In a bucket each file is an object, whole or
    unchanged, but no day is locked: do not run the same day twice at once. See `bucket.py`.

    If `dask` is set (see TICKET_DASK), an asset with the metadata `"large": True` is loaded as a
    LargeTable. A LargeTable is written in bounded memory on its workers, to a local folder only.
    """

    root: str
    dask: str = ""
    lock_wait_s: float = 60.0

    _opened: Place | None = PrivateAttr(default=None)
    _kept: KeptTables = PrivateAttr(default_factory=KeptTables)
    _locks: DayLocks | None = PrivateAttr()  # None if the place has no locks

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        folder = self._place.lock_folder
        self._locks = DayLocks(folder, self.lock_wait_s) if folder else None

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._locks:
            self._locks.release()

    def handle_output(self, context: dg.OutputContext, obj: Table | Documents | Report) -> None:
        """Splits the output by day, encodes each day, publishes the files."""
        name = _name(context.asset_key)
        if not context.has_asset_partitions:
            document: Any = obj
            report = obj if isinstance(obj, Report) else Report(document, {})
            files = report.files()
            self._place.publish({f"{name}{suffix}": file.write for suffix, file in files.items()})
            name += PAGE if PAGE in files else DOCUMENT
        else:
            self._write_days(name, obj, context.asset_partition_keys)
        context.add_output_metadata({"path": dg.MetadataValue.path(self._place.address(name))})

    def _write_days(self, name: str, content: Table | Documents, keys: Sequence[str]) -> None:
        last_check = self._hold(keys)
        if isinstance(content, LargeTable):
            write_large(self._local_folder, name, content, keys, last_check)
            return
        pieces = split(content, keys)
        files = {key: encode(piece) for key, piece in pieces.items()}
        self._place.publish(
            {f"{name}/{key}{file.suffix}": file.write for key, file in files.items()}, last_check
        )

    def _hold(self, keys: Sequence[str]) -> Callable[[], object]:
        """Locks the days; returns the check that this run still holds them."""
        if self._locks is None:
            return lambda: None
        self._locks.acquire(keys)
        return self._locks.verify_held

    def load_input(self, context: dg.InputContext) -> Table | Documents | dict[str, Any]:
        """The table of the input's days, or their documents by partition key.

        Input metadata: `columns` narrows a table; `allow_missing_partitions` skips days without a
        file. Raises StoreError naming the files that are missing or damaged.
        """
        place, name = self._place, _name(context.asset_key)
        if not context.has_asset_partitions:
            return read_document(place, f"{name}{DOCUMENT}")
        options = context.definition_metadata or {}
        allow_missing = bool(options.get("allow_missing_partitions"))
        files = find_files(place, name, context.asset_partition_keys, allow_missing)
        if any(file.endswith(DOCUMENT) for file in files.values()):
            return read_documents(place, files)
        columns = options.get("columns")
        if self.dask and _is_large(context.upstream_output):
            return read_large(self._local_folder, files, columns, self.dask)
        return self._read(name, files, columns)

    def stored_days(self, asset: str, keys: Sequence[str]) -> dict[str, StoredDay]:
        """The size and provenance of each of the days that has a table of the asset.

        A damaged file counts as none.
        """
        names = {f"{asset}/{key}{TABLE}": key for key in keys}
        stored = self._place.names(asset, os.path.commonprefix(list(keys)))  # noqa: RUF071
        found = self._place.each(self._stored_day, [n for n in names if n.split("/")[1] in stored])
        return {names[day.name]: day for day in found if day}

    def _stored_day(self, name: str) -> StoredDay | None:
        try:
            footer = read_footer(self._place, name)
        except StoreError:
            return None
        return StoredDay(name, footer.num_rows, from_schema_metadata(footer.metadata))

    def _read(
        self, name: str, files: Mapping[str, str], columns: Sequence[str] | None
    ) -> pd.DataFrame:
        """The days' files as one table; of a local folder, files that stay are read once."""
        if not isinstance(self._place, LocalFolder):
            return read_tables(self._place, files, columns)
        state = state_of({file: self._place.identity(file) for file in files.values()})
        table = self._kept.get(name, columns, state)
        if table is None:
            # Files that are replaced meanwhile have another identity than the one kept with them.
            table = read_tables(self._place, files, columns)
            self._kept.keep(name, columns, state, table)
        return table

    @property
    def _place(self) -> Place:
        if self._opened is None:
            self._opened = place_at(self.root)
        return self._opened

    @property
    def _local_folder(self) -> LocalFolder:
        """The folder that Dask's workers read and write. Raises StoreError for a bucket."""
        if not isinstance(self._place, LocalFolder):
            raise StoreError(
                f"TICKET_STORE {self.root}: found a bucket, expected a local folder: a table on"
                " Dask (TICKET_DASK) is read from and written to a local folder only. Unset"
                " TICKET_DASK, or set TICKET_STORE to a folder."
            )
        return self._place


def _name(key: dg.AssetKey) -> str:
    return "/".join(key.path)


def _is_large(upstream: dg.OutputContext | None) -> bool:
    return bool(upstream and (upstream.definition_metadata or {}).get("large"))
