"""One asset of many partitions in one run, and how the time grows with their number.

Each run has its own process and home. The clock covers the run alone. Dagster's default SQLite
storage is measured with the smallest number only: its time is that of each event.

python -m benchmarks.many_partitions [--counts 300 3000 12000]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dagster as dg

from benchmarks.measuring import ROOT, Timings, report, take_turns
from prefect_compat.graph.partitions import run_tags

COUNTS = (300, 3000, 12_000)


class Nowhere(dg.IOManager):
    """Stores nothing."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        pass

    def load_input(self, context: dg.InputContext) -> None:
        return None


def definitions(count: int) -> dg.Definitions:
    """One asset with so many static partitions, made in one run."""
    keys = dg.StaticPartitionsDefinition([f"part-{number:05}" for number in range(count)])

    @dg.asset(partitions_def=keys, backfill_policy=dg.BackfillPolicy.single_run())
    def parts() -> None:
        return None

    return dg.Definitions(
        [parts],
        jobs=[dg.define_asset_job("parts_job")],
        executor=dg.in_process_executor,
        resources={"io_manager": Nowhere()},
    )


def run_here(orchestrator: str, count: int) -> float:
    """The seconds of the run, in this process."""
    defs = definitions(count)
    job = defs.resolve_job_def("parts_job")
    assert job.partitions_def is not None
    keys = tuple(job.partitions_def.get_partition_keys())
    if orchestrator == "prefect":
        from prefect_compat import as_flow
        from prefect_compat.server.api import temporary_url

        flow = as_flow(defs, job="parts_job")
        temporary_url()
        started = time.perf_counter()
        result = flow(partition="*")
        seconds = time.perf_counter() - started
        assert len(result.materializations) == count
        return seconds
    with dg.DagsterInstance.get() as instance:
        started = time.perf_counter()
        job.execute_in_process(instance=instance, tags=run_tags(job, keys, None, instance))
        seconds = time.perf_counter() - started
        made = instance.get_materialized_partitions(dg.AssetKey("parts"))
    assert len(made) == count, f"{len(made)} of {count} partitions are recorded"
    return seconds


def seconds(orchestrator: str, count: int, storage: str = "ours") -> float:
    """The seconds of a run in a process and a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        if storage == "ours":
            shutil.copy(ROOT / "deployment" / "dagster.yaml", home)
        else:
            Path(home, "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.many_partitions", "--run", orchestrator, str(count)],
            cwd=ROOT,
            env={**os.environ, "DAGSTER_HOME": home, "PREFECT_HOME": f"{home}/prefect"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        )
    return float(done.stdout.splitlines()[-1])


def measure(counts: list[int], rounds: int) -> dict[str, Timings]:
    """The timings by contestant and number of partitions."""
    least = min(counts)
    contestants = {
        f"{name}, {count:,} partitions": lambda key=key, count=count: seconds(key, count)
        for key, name in (("dagster", "Dagster"), ("prefect", "Prefect"))
        for count in counts
    }
    contestants[f"Dagster's own storage, {least:,} partitions"] = lambda: seconds(
        "dagster", least, "theirs"
    )
    return take_turns(contestants, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(run_here(options.run[0], int(options.run[1])))
        return
    timings = measure(options.counts, options.rounds)
    report("many_partitions", timings, f"Dagster, {min(options.counts):,} partitions")


if __name__ == "__main__":
    main()
