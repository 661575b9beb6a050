"""Digests of a log's 36 columns beside the floor: one sha256 over as many bytes.

The peers are what one would write without this library: pandas' row hashes under a sha256, and a
sha256 of the table's pickle. Neither sees all that the digest sees (dtypes, `attrs`, -0.0), and a
pickle depends on layout. Times are CPU seconds, on one thread.
"""

import argparse
import hashlib
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from benchmarks.measuring import UCI_ARCHIVE, report, save, take_turns
from benchmarks.reading_the_log import our_way
from prefect_compat.comparison.fingerprint import fingerprint as module
from prefect_compat.comparison.fingerprint.fingerprint import fingerprint
from ticket_assets.event_log.schema import NAMES


def digested_bytes(value: Any) -> int:
    """The number of bytes that the digest of a value runs over."""
    count = 0

    class Counter:
        def update(self, data: Any) -> None:
            nonlocal count
            count += memoryview(data).nbytes

        def digest(self) -> bytes:
            return bytes(32)

    original = module.hashlib.sha256
    module.hashlib.sha256 = Counter  # type: ignore[assignment,misc]  # counts, hashes nothing
    try:
        fingerprint(value)
    finally:
        module.hashlib.sha256 = original  # type: ignore[misc]
    return count


def row_hashes(frame: pd.DataFrame) -> str:
    hashes = pd.util.hash_pandas_object(frame).to_numpy()
    return hashlib.sha256(hashes.tobytes()).hexdigest()


def of_pickle(frame: pd.DataFrame) -> str:
    return hashlib.sha256(pickle.dumps(frame, protocol=5)).hexdigest()


def timed(work: Callable[[Any], Any], value: Any) -> Callable[[], float]:
    def run() -> float:
        started = time.process_time()
        work(value)
        return time.process_time() - started

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, default=UCI_ARCHIVE, help="a .zip or .csv file")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    if not options.log.is_file():
        print(f"Skipped: {options.log.name} does not exist. Name a copy of the log with --log.")
        return
    table: pa.Table = our_way(options.log).select(NAMES)
    frame = table.to_pandas()
    floors = {
        "floor of the Arrow table": bytes(digested_bytes(table)),
        "floor of the pandas table": bytes(digested_bytes(frame)),
    }
    timings = take_turns(
        {
            **{name: timed(hashlib.sha256, data) for name, data in floors.items()},
            "ours, Arrow table": timed(fingerprint, table),
            "ours, pandas table": timed(fingerprint, frame),
            "sha256 of the pickle": timed(of_pickle, frame),
            "hash_pandas_object": timed(row_hashes, frame),
        },
        options.rounds,
    )
    note = f"{table.num_rows:,} rows, CPU seconds; floor: one sha256 over the same bytes"
    report("digests", timings, "floor of the Arrow table", note)
    rates = {name: table.num_rows / timing.median for name, timing in timings.items()}
    print()
    for name, rate in rates.items():
        print(f"{name}: {rate / 1e6:.2f} million rows a CPU second")
    save("digests_rates", {"rows_per_cpu_s": rates})


if __name__ == "__main__":
    main()
