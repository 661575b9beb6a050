"""Reads the log into a typed table: ours, polars, duckdb, and the tutorials' way.

The same work for all: 36 typed columns, five of them dates, and `?` missing. Before the timing,
every cell of the tables is compared. The tutorials' way is `pandas.read_csv` with a `strptime` for
every date cell. Ours and the tutorials' way then run in one process, in turns.

polars and duckdb are fetched, and each reader has processes of its own, in turns, on two threads.
Their wall times depend on what else the machine does; CPU seconds less.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from benchmarks.a_large_log import INCIDENTS
from benchmarks.measuring import ROOT, UCI_ARCHIVE, report, take_turns
from benchmarks.rivals import rival_python
from ticket_assets.event_log.archive import csv_chunks
from ticket_assets.event_log.reading import read_table
from ticket_assets.event_log.schema import COLUMNS
from ticket_assets.event_log.synthetic import Shape, write_sample

LIMIT_MB = 4096
RIVALS = ("polars==2.1.0", "duckdb==2.0.1", "pyarrow")
RUN = str(ROOT / "benchmarks" / "reading_the_log_run.py")


def tutorials_way(path: Path) -> pd.DataFrame:
    def moment(text: str) -> Any:
        return pd.NaT if text == "?" else datetime.strptime(text, "%d/%m/%Y %H:%M")

    times = [column.name for column in COLUMNS if column.kind == "time"]
    return pd.read_csv(
        path,
        compression="zip" if path.suffix == ".zip" else None,
        na_values="?",
        converters=dict.fromkeys(times, moment),
        low_memory=False,
    )


def our_way(path: Path) -> Any:
    return read_table(csv_chunks(path, LIMIT_MB), path.name)


def check_equal_values(path: Path) -> int:
    """The number of rows of both tables; raises AssertionError if a cell differs."""
    theirs, ours = tutorials_way(path), our_way(path).to_pandas()
    for column in COLUMNS:
        left = theirs[column.name]
        left = left.astype(column.dtype) if column.kind != "text" else left.astype("str")
        pd.testing.assert_series_equal(left, ours[column.name].astype(column.dtype))
    return len(theirs)


def timed(read: Callable[[Path], Any], path: Path) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        read(path)
        return time.perf_counter() - started

    return run


def run_reader(python: str, reader: str, log: Path, rounds: int, *output: str) -> dict[str, float]:
    """The fastest of `rounds` reads in a new process: `wall_s` and `cpu_s`."""
    environment = {**os.environ, "POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2"}
    command = [python, RUN, reader, str(log), str(rounds), *output]
    done = subprocess.run(
        command,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    seconds: dict[str, float] = json.loads(done.stdout)
    return seconds


def check_equal_cells(pythons: dict[str, str], log: Path) -> None:
    """Raises AssertionError if a cell of a rival's table is not ours."""
    ours = our_way(log)
    for reader in ("polars", "duckdb"):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/table.arrow"
            run_reader(pythons[reader], reader, log, 1, path)
            theirs = pa.ipc.open_file(path).read_all()
            for column in COLUMNS:
                left = theirs[column.name].cast(ours[column.name].type)
                assert left.equals(ours[column.name]), f"{reader}, {column.name}"


def beside_rivals(title: str, log: Path, turns: int, reads: int) -> None:
    """Compares every cell, then times the readers in turns, and reports wall and CPU seconds."""
    rival = rival_python("readers-venv", *RIVALS)
    pythons = {"ours": sys.executable, "polars": rival, "duckdb": rival}
    check_equal_cells(pythons, log)
    cpu: dict[str, list[float]] = {reader: [] for reader in pythons}

    def run(reader: str) -> Callable[[], float]:
        def read() -> float:
            seconds = run_reader(pythons[reader], reader, log, reads)
            cpu[reader].append(seconds["cpu_s"])
            return seconds["wall_s"]

        return read

    timings = take_turns({reader: run(reader) for reader in pythons}, turns)
    report(title, timings, "ours", f"wall, fastest of {reads} reads a process")
    of_cpu = {reader: iter(seconds) for reader, seconds in cpu.items()}
    again = {reader: (lambda reader=reader: next(of_cpu[reader])) for reader in pythons}
    report(f"{title}_cpu", take_turns(again, turns), "ours", "CPU seconds of the same reads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--log", type=Path, default=UCI_ARCHIVE, help="the log, a .zip or .csv file"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rivals", action="store_true", help="polars and duckdb, too")
    parser.add_argument("--times", type=int, help="also a synthetic log so many times as large")
    options = parser.parse_args()
    if not options.log.is_file():
        print(f"Skipped: {options.log.name} does not exist. Name a copy of the log with --log.")
        return
    rows = check_equal_values(options.log)
    timings = take_turns(
        {
            "ours, to typed Arrow columns": timed(our_way, options.log),
            "ours, then to pandas": timed(lambda path: our_way(path).to_pandas(), options.log),
            "read_csv and strptime": timed(tutorials_way, options.log),
        },
        options.rounds,
    )
    report(
        "reading_the_log", timings, "ours, to typed Arrow columns", f"{rows:,} rows, same values"
    )
    if options.rivals:
        beside_all(options)


def beside_all(options: argparse.Namespace) -> None:
    """The log, as it is and unpacked, and the larger one, each read by all three."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, options.log.name)
        log.write_bytes(options.log.read_bytes())  # duckdb's reader unpacks beside it
        beside_rivals("reading_beside_rivals", log, options.rounds, reads=5)
        if log.suffix == ".zip":
            unpacked = Path(folder, "log.csv")
            unpacked.write_bytes(b"".join(csv_chunks(log, LIMIT_MB)))
            beside_rivals("reading_unpacked_beside_rivals", unpacked, options.rounds, reads=5)
        if options.times:
            large = Path(folder, "large.csv")
            write_sample(large, Shape(incidents=INCIDENTS * options.times))
            beside_rivals(
                f"reading_{options.times}_times_beside_rivals", large, options.rounds, reads=1
            )


if __name__ == "__main__":
    main()
