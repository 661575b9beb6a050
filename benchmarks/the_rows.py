"""Times the difference of two tables by key beside datacompy, which is fetched for it.

Each measurement is a process of its own, on two threads: 1 million rows of 36 columns in Parquet,
the second file in another order, with 1,000 changed numbers, 50 changed texts and 100 lost rows.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from benchmarks.measuring import ROOT, report, take_turns
from benchmarks.rivals import rival_python

RIVAL = "datacompy==1.1.0"
THREADS = 2
OURS = """
import sys
from pathlib import Path
from prefect_compat.comparison.diff.declared import Declared
from prefect_compat.comparison.diff.tables import compare_tables
found = compare_tables(Path(sys.argv[1]), Path(sys.argv[2]), Declared(key=("id",)), threads=2)
assert (found.missing.count, found.changed_rows) == (100, int(sys.argv[3])), found
"""
POLARS = """
import sys
import datacompy
import polars as pl
left, right = map(pl.read_parquet, sys.argv[1:3])
found = datacompy.PolarsCompare(left, right, join_columns="id")
assert len(found.df1_unq_rows) == 100 and not found.matches()
"""
PANDAS = """
import sys
import datacompy
import pandas as pd
left, right = map(pd.read_parquet, sys.argv[1:3])
found = datacompy.PandasCompare(left, right, join_columns="id")
assert len(found.df1_unq_rows) == 100 and not found.matches()
"""


def make(folder: Path, rows: int) -> int:
    """Writes both files; the number of rows that both have and that differ."""
    numbers = np.random.default_rng(1)
    columns: dict[str, object] = {"id": np.arange(rows)}
    for place in range(12):
        values = numbers.integers(0, 500 * (place + 1) ** 3, rows).astype(str)
        columns[f"text{place}"] = np.char.add("value ", values)
    columns |= {f"whole{place}": numbers.integers(0, 10**6, rows) for place in range(8)}
    columns |= {f"number{place}": numbers.random(rows) for place in range(8)}
    for place in range(4):
        seconds = pd.to_timedelta(numbers.integers(0, 3 * 10**7, rows), unit="s")
        columns[f"time{place}"] = pd.Timestamp("2016-01-01") + seconds
    columns |= {f"flag{place}": numbers.random(rows) < 0.5 for place in range(3)}
    left = pd.DataFrame(columns)
    right = left.copy()
    right.loc[numbers.choice(rows, 1000, replace=False), "number3"] += 1e-3
    right.loc[numbers.choice(rows, 50, replace=False), "text4"] = "changed"
    lost = numbers.choice(rows, 100, replace=False)
    kept = ~left["id"].isin(lost)
    changed = ((left["number3"] != right["number3"]) | (left["text4"] != right["text4"])) & kept
    left.to_parquet(folder / "left.parquet", index=False)
    right[kept].sample(frac=1, random_state=2).to_parquet(folder / "right.parquet", index=False)
    return int(changed.sum())


def timed(python: str, code: str, *arguments: str, peaks: list[int]) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        process = subprocess.Popen(
            [python, "-c", code, *arguments],
            cwd=ROOT,
            env={**os.environ, "POLARS_MAX_THREADS": str(THREADS)},
        )
        peak = 0
        while process.poll() is None:
            try:
                peak = max(peak, psutil.Process(process.pid).memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.02)
        if process.wait() != 0:
            sys.exit(f"{code} failed")
        peaks.append(peak)
        return time.perf_counter() - started

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        changed = make(folder, options.rows)
        files = (str(folder / "left.parquet"), str(folder / "right.parquet"))
        peaks: dict[str, list[int]] = {"ours": [], "datacompy, polars": [], "datacompy, pandas": []}
        rival = rival_python("rivals-venv", RIVAL, "polars", "pyarrow")
        contestants = {
            "ours": timed(sys.executable, OURS, *files, str(changed), peaks=peaks["ours"]),
            "datacompy, polars": timed(rival, POLARS, *files, peaks=peaks["datacompy, polars"]),
            "datacompy, pandas": timed(rival, PANDAS, *files, peaks=peaks["datacompy, pandas"]),
        }
        timings = take_turns(contestants, options.rounds)
    report("rows_by_key", timings, "ours")
    for contestant, found in peaks.items():
        print(f"{contestant}: peak {max(found) / 2**20:,.0f} MiB")


if __name__ == "__main__":
    main()
