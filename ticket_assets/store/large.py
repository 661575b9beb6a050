"""Tables larger than memory: written and read on Dask's workers, one day's file at a time.

The same three steps as for a table in memory: workers split their parts by day into pieces,
workers join the pieces of each day into its file, and the local folder publishes the files.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ticket_assets.store.durable import write_file
from ticket_assets.store.encode import PARQUET, TABLE, encode
from ticket_assets.store.local import LocalFolder
from ticket_assets.store.place import Place
from ticket_assets.store.provenance import Provenances, carry, from_schema_metadata, provenance_of
from ticket_assets.store.read import read_footer, read_table
from ticket_assets.store.split import split_table
from ticket_assets.store.tables import ROWS_PER_PART, LargeTable, map_parts, no_rows_of, to_frame
from ticket_assets.store.workers import run_all


def write_large(
    folder: LocalFolder,
    name: str,
    table: LargeTable,
    keys: Sequence[str],
    last_check: Callable[[], object],
) -> None:
    """Publishes one file a day; no process holds more than a part and a piece of a day."""
    names = {key: f"{name}/{key}{TABLE}" for key in keys}
    with folder.replacing(names.values(), last_check) as staged:
        targets = {key: staged[names[key]] for key in keys}
        pieces = _split_on_workers(table, keys, stage=targets[keys[0]].parent)
        _join_on_workers(pieces, targets, table)


def _split_on_workers(table: LargeTable, keys: Sequence[str], stage: Path) -> dict[str, list[Path]]:
    """The files with each day's pieces, in the order of the parts; empty for a day without rows."""
    pieces: dict[str, list[Path]] = {key: [] for key in keys}
    write = partial(_write_pieces, stage=stage, keys=keys, provenances=provenance_of(table))
    for written in map_parts(write, table):
        for key, path in written:
            pieces[key].append(path)
    return pieces


def _write_pieces(
    part: pd.DataFrame, stage: Path, keys: Sequence[str], provenances: Provenances
) -> list[tuple[str, Path]]:
    """Writes the part's rows as one file for each of its days."""
    written = []
    for key, rows in split_table(carry(part, provenances), keys).items():
        if rows.num_rows:
            path = stage / f"{key}.{uuid.uuid4().hex}"
            write_file(path, encode(rows).write)
            written.append((key, path))
    return written


def _join_on_workers(
    pieces: Mapping[str, Sequence[Path]], targets: Mapping[str, Path], table: LargeTable
) -> None:
    """Makes each day's file from its pieces."""
    empty = carry(no_rows_of(table), provenance_of(table))
    for key, no_rows in split_table(empty, list(targets)).items():
        if not pieces[key]:
            write_file(targets[key], encode(no_rows).write)
        # The one piece is the day's whole file, and was flushed when it was written.
        elif len(pieces[key]) == 1:
            pieces[key][0].rename(targets[key])
    calls = [(paths, targets[key]) for key, paths in pieces.items() if len(paths) > 1]
    for _ in run_all(_join, calls, table.dask):
        pass  # each result says that a file is whole


def _join(pieces: Sequence[Path], path: Path) -> Path:
    """Joins the pieces of a day into one file, one piece in memory at a time."""
    schema = pq.read_schema(pieces[0])

    def write(file: IO[bytes]) -> None:
        with pq.ParquetWriter(file, schema, **PARQUET) as writer:
            for piece in pieces:
                writer.write_table(pq.read_table(piece, schema=schema))

    write_file(path, write)
    return path


def read_large(
    place: LocalFolder, files: Mapping[str, str], columns: Sequence[str] | None, dask: str
) -> LargeTable:
    """The days' files as one table, with at most ROWS_PER_PART rows in a Dask partition."""
    provenances: Provenances = {}
    sources: list[list[tuple[str, int]]] = [[]]
    rows_of_last = 0
    for key, file in files.items():
        footer = read_footer(place, file)
        provenances[key] = from_schema_metadata(footer.metadata)
        for group in range(footer.num_row_groups):
            rows = footer.row_group(group).num_rows
            if sources[-1] and rows_of_last + rows > ROWS_PER_PART:
                sources.append([])
                rows_of_last = 0
            sources[-1].append((file, group))
            rows_of_last += rows
    if not sources[-1]:  # no file has a row group: Dask needs one partition nevertheless
        sources = [[(next(iter(files.values())), 0)]]
    empty = to_frame(read_table(place, sources[0][0][0], columns).slice(0, 0))
    return LargeTable.of(
        partial(_read_groups, place=place), sources, carry(empty, provenances), dask
    )


def _read_groups(
    groups: Sequence[tuple[str, int]], columns: Sequence[str], place: Place
) -> pd.DataFrame:
    tables = [read_table(place, file, columns, group) for file, group in groups]
    return to_frame(pa.concat_tables(tables, promote_options="default"))
