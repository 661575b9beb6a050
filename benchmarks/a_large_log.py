"""Parses logs 1, 10 and 50 times as large as the real one, and materializes their `raw_log`.

Each run has one Dask worker or two, its own processes, an empty cache and an empty store. The
clock starts when the workers have started. The logs are synthetic: 142 thousand rows, times the
factor. Memory is that of all processes, measured four times a second; pages that they share, such
as those of libraries, count once (Linux's proportional set size).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.measuring import ROOT, Peak, save
from ticket_assets.event_log.synthetic import Shape, write_sample

INCIDENTS = 25_600  # about 142,300 rows; the UCI log has 141,712


@dataclass(frozen=True)
class Run:
    """The measurements of one run."""

    rows: int
    ingest_s: float
    raw_log_s: float
    wall_s: float
    peak_memory_b: int


def run(log: Path, dask: str) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.a_large_log_run", str(log), folder, dask]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        peak = Peak(process.pid)
        output, _ = process.communicate()
        if process.returncode:
            sys.exit(f"{' '.join(command[1:])} failed")
        return Run(**json.loads(output.splitlines()[-1]), peak_memory_b=peak.end())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10, 50])
    options = parser.parse_args()
    most = max(options.times)
    contestants = [(times, "local:2") for times in options.times] + [(most, "local:1")]
    results: dict[tuple[int, str], list[Run]] = {contestant: [] for contestant in contestants}
    with tempfile.TemporaryDirectory() as folder:
        for times in options.times:
            write_sample(Path(folder, f"{times}.csv"), Shape(incidents=INCIDENTS * times))
        for _ in range(options.rounds):
            for times, dask in contestants:
                results[times, dask].append(run(Path(folder, f"{times}.csv"), dask))
    print("\n### a large log\n")
    print("| times the real log | workers | rows | ingest | raw_log | rows/s | peak memory |")
    print("|---|---|---|---|---|---|---|")
    for (times, dask), runs in results.items():
        wall_s = median(each.wall_s for each in runs)
        print(
            f"| {times} | {dask[-1]} | {runs[0].rows:,} | {median(r.ingest_s for r in runs):.1f} s"
            f" | {median(r.raw_log_s for r in runs):.1f} s | {runs[0].rows / wall_s:,.0f}"
            f" | {max(r.peak_memory_b for r in runs) / 2**20:,.0f} MiB |"
        )
    ratios = {
        "memory, 50 to 10 times": _ratio(
            results, (50, "local:2"), (10, "local:2"), "peak_memory_b"
        ),
        "time, 50 to 10 times": _ratio(results, (50, "local:2"), (10, "local:2"), "wall_s"),
        "time, one worker to two": _ratio(results, (most, "local:1"), (most, "local:2"), "wall_s"),
    }
    print()
    for name, ratio in ratios.items():
        if ratio is not None:
            print(f"{name}: {ratio:.2f}")
    runs_by_name = {
        f"{times} times, {dask}": [asdict(each) for each in runs]
        for (times, dask), runs in results.items()
    }
    save("a_large_log", {"runs": runs_by_name, "ratios": ratios})


def _ratio(
    results: dict[tuple[int, str], list[Run]],
    of: tuple[int, str],
    to: tuple[int, str],
    field: str,
) -> float | None:
    if of not in results or to not in results:
        return None
    return median(getattr(run, field) for run in results[of]) / median(
        getattr(run, field) for run in results[to]
    )


if __name__ == "__main__":
    main()
