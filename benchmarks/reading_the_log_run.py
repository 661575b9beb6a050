"""One reader of the log in a process of its own, with the libraries of its interpreter alone.

python reading_the_log_run.py READER LOG ROUNDS [OUTPUT] reads the log ROUNDS times and prints the
seconds of the fastest as JSON, wall and CPU. With OUTPUT it writes the table there, as Arrow's IPC.
"""

import json
import sys
import time
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

TIMES = ("opened_at", "sys_created_at", "sys_updated_at", "resolved_at", "closed_at")
COUNTS = ("reassignment_count", "reopen_count", "sys_mod_count")
FLAGS = ("active", "made_sla", "knowledge", "u_priority_confirmation")
DATE = "%d/%m/%Y %H:%M"


def ours(log: Path) -> Any:
    from ticket_assets.event_log.archive import csv_chunks
    from ticket_assets.event_log.reading import read_table

    return read_table(csv_chunks(log, 1 << 16), log.name)


def polars(log: Path) -> Any:
    import polars as pl

    kinds = dict.fromkeys(COUNTS, pl.Int64) | dict.fromkeys(FLAGS, pl.Boolean)
    schema = {name: kinds.get(name, pl.String) for name in header(log)}
    table = pl.read_csv(unpacked(log), schema=schema, null_values="?")
    dates = pl.col(TIMES).str.to_datetime(DATE, time_unit="ms", strict=True)
    return table.with_columns(dates)


def duckdb(log: Path) -> Any:
    import duckdb

    kinds = dict.fromkeys(COUNTS, "BIGINT") | dict.fromkeys(FLAGS, "BOOLEAN")
    kinds |= dict.fromkeys(TIMES, "TIMESTAMP")
    content = unpacked(log)
    if isinstance(content, bytes):  # it reads files only
        log = log.parent / "unpacked.csv"
        log.write_bytes(content)
    with duckdb.connect(config={"threads": 2}) as connection:
        return connection.read_csv(
            str(log),
            header=True,
            dtype={name: kinds.get(name, "VARCHAR") for name in header(log)},
            na_values="?",
            timestamp_format=DATE,
        ).to_arrow_table()


def header(log: Path) -> list[str]:
    with opened(log) as file:
        names: str = file.readline().decode().strip()
        return names.split(",")


def opened(log: Path) -> Any:
    if log.suffix != ".zip":
        return log.open("rb")
    archive = zipfile.ZipFile(log)
    return archive.open(archive.namelist()[0])


def unpacked(log: Path) -> Any:
    """The log's file, or the bytes in an archive."""
    return opened(log).read() if log.suffix == ".zip" else str(log)


READERS: dict[str, Callable[[Path], Any]] = {"ours": ours, "polars": polars, "duckdb": duckdb}
# Imported before the clock runs.
LIBRARIES = {"ours": "ticket_assets.event_log.reading", "polars": "polars", "duckdb": "duckdb"}


def main() -> None:
    reader, log, rounds = READERS[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3])
    import_module(LIBRARIES[sys.argv[1]])
    if sys.argv[1] != "polars":
        import_module("pyarrow.csv")
    found = []
    table = None
    for _ in range(rounds):
        table = None  # the memory of the one before is free
        wall, cpu = time.perf_counter(), time.process_time()
        table = reader(log)
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    if len(sys.argv) > 4:
        write(table, sys.argv[4])
    wall_s, cpu_s = (min(seconds) for seconds in zip(*found, strict=True))
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s}))


def write(table: Any, path: str) -> None:
    import pyarrow as pa

    table = table.to_arrow() if hasattr(table, "to_arrow") else table
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)


if __name__ == "__main__":
    main()
