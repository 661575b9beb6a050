"""Reads the zipped log into a typed table: the tutorials' way, and ours.

The tutorials' way is `pandas.read_csv` with a `strptime` for every date cell. Both read the same
file in the same process, in turns. Before the timing, every cell of their tables is compared.
"""

import argparse
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.measuring import UCI_ARCHIVE, report, take_turns
from ticket_assets.event_log.archive import csv_chunks
from ticket_assets.event_log.parsing import parse_csv
from ticket_assets.event_log.schema import COLUMNS

LIMIT_MB = 4096


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
    return parse_csv(b"".join(csv_chunks(path, LIMIT_MB)), path.name)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--log", type=Path, default=UCI_ARCHIVE, help="the log, a .zip or .csv file"
    )
    parser.add_argument("--rounds", type=int, default=5)
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


if __name__ == "__main__":
    main()
