"""Days read back from a place: tables with their provenance, and documents."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ticket_assets.errors import StoreError
from ticket_assets.store.encode import DOCUMENT, TABLE
from ticket_assets.store.place import Place
from ticket_assets.store.provenance import carry, from_schema_metadata, without_schema_metadata
from ticket_assets.store.split import Documents
from ticket_assets.store.tables import to_frame


def find_files(place: Place, name: str, keys: Sequence[str], allow_missing: bool) -> dict[str, str]:
    """The file of each stored day, by partition key.

    Raises StoreError if a day is missing; with `allow_missing`, only if all are.
    """
    # A bucket lists a thousand names a request. The days' common prefix keeps the list short.
    start = os.path.commonprefix(list(keys))  # noqa: RUF071 - of characters, on purpose
    stored = place.names(name, start)
    files = {
        key: f"{name}/{key}{suffix}"
        for key in keys
        for suffix in (TABLE, DOCUMENT)
        if f"{key}{suffix}" in stored
    }
    missing = [key for key in keys if key not in files]
    if (missing and not allow_missing) or not files:
        asset = name.rpartition("/")[2]
        raise StoreError(
            f"{asset}: no file for {len(missing)} of {len(keys)} days in {place.address(name)}"
            f" (first: {missing[0]}). Materialize {asset} for these days first."
        )
    return files


def read_documents(place: Place, files: Mapping[str, str]) -> Documents:
    """Each day's document by partition key."""
    documents = place.each(lambda file: read_document(place, file), files.values())
    return dict(zip(files, documents, strict=True))


def read_document(place: Place, name: str) -> dict[str, Any]:
    """The document of a JSON file. Raises StoreError if it is missing or damaged."""
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


def read_tables(
    place: Place, files: Mapping[str, str], columns: Sequence[str] | None
) -> pd.DataFrame:
    """The days' files as one table that carries their provenance."""
    tables = place.each(lambda file: read_table(place, file, columns), files.values())
    provenances = {
        key: from_schema_metadata(table.schema.metadata)
        for key, table in zip(files, tables, strict=True)
    }
    whole = pa.concat_tables(map(without_schema_metadata, tables), promote_options="default")
    return carry(to_frame(whole), provenances)


def read_table(
    place: Place, name: str, columns: Sequence[str] | None, group: int | None = None
) -> pa.Table:
    """A file's rows, or those of one row group. Raises StoreError if the file is damaged."""
    names = list(columns) if columns else None
    with _store_errors(place.address(name)):
        file = pq.ParquetFile(place.open(name))
        # A file without rows may have no row group, and then the whole file is the empty table.
        if group is None or group >= file.num_row_groups:
            return file.read(columns=names)
        return file.read_row_group(group, columns=names)


def read_footer(place: Place, name: str) -> pq.FileMetaData:
    """A Parquet file's metadata. Raises StoreError if the file is damaged."""
    with _store_errors(place.address(name)):
        return pq.read_metadata(place.open(name))


@contextmanager
def _store_errors(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError(
            f"{address} cannot be read: {error}. Remove it and materialize the day again."
        ) from error
