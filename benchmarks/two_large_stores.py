"""Compares two stores of `raw_log` of a log 50 times as large as the real one.

The second has every file in another compression, so that all rows are read, and one changed number
in one of them. Memory counts the shared pages of the processes once.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.a_large_log import INCIDENTS
from benchmarks.measuring import ROOT, Peak, save
from ticket_assets.event_log.synthetic import Shape, write_sample

CHANGED = "reassignment_count"
LAYOUT = "{asset}/{partition}.parquet"


def copy_with_one_change(store: Path, copy: Path) -> int:
    """Writes the files anew, and returns their rows; the largest gets the change."""
    files = sorted(store.rglob("*.parquet"))
    largest = max(files, key=lambda path: path.stat().st_size)
    rows = 0
    for path in files:
        table = pq.read_table(path)
        rows += len(table)
        if path == largest:
            place = table.schema.get_field_index(CHANGED)
            column = table.column(place)
            is_first = pa.array([True] + [False] * (len(table) - 1))
            changed = pc.if_else(is_first, pc.add(pc.fill_null(column, 0), 1), column)
            table = table.set_column(place, CHANGED, changed.cast(column.type))
        target = copy / path.relative_to(store)
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, target, compression="zstd")
    return rows


def compare(*stores: Path) -> tuple[float, int, str]:
    """The seconds and the peak memory in bytes of the command, and what it says."""
    left, right = (str(store) for store in stores)
    command = [sys.executable, "-m", "prefect_compat", "compare", "--key", "raw_log=log_row"]
    command += ["--left", left, "--left-layout", LAYOUT]
    command += ["--right", right, "--right-layout", LAYOUT]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    peak = Peak(process.pid)
    said, _ = process.communicate()
    if process.returncode != 1:
        sys.exit(f"the comparison ended with exit code {process.returncode}:\n{said}")
    return time.perf_counter() - started, peak.end(), said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "log.csv"
        write_sample(log, Shape(incidents=INCIDENTS * times))
        command = ["benchmarks.a_large_log_run", str(log), str(folder), "local:2"]
        subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True, capture_output=True)
        log.unlink()
        rows = copy_with_one_change(folder / "store", folder / "copy")
        seconds, peak_b, said = compare(folder / "store", folder / "copy")
    changes = [line for line in said.splitlines() if CHANGED in line]
    print(f"\n### two large stores\n\n{rows:,} rows in each: {seconds:.1f} s,"
          f" {peak_b / 2**20:,.0f} MiB\n", *changes, sep="\n")  # fmt: skip
    save("two_large_stores", {"rows": rows, "wall_s": seconds, "peak_memory_b": peak_b})


if __name__ == "__main__":
    main()
