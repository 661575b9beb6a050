"""The year in one run of each orchestrator, beside the same work in plain Python.

Each contestant has its own process, home and store, and they run in turns. The clock covers the
run alone, without imports and without the start of Prefect's temporary server. Dagster keeps its
events in SQLite, except for the ephemeral instance.

`--without-models` leaves out what is trained and what depends on it. The training takes longer than
all the rest, and costs each contestant the same.

The last contestant is the usual way: one run a day with Dagster's default executor, by `dagster
job execute` with compiled bytecode. Three days are measured and multiplied by the number of days.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import ROOT, UCI_ARCHIVE, Timings, report, take_turns
from prefect_compat.comparison.sources.project_source import DAGSTER_JOB, DERIVED_FLOW
from prefect_compat.comparison.sources.side import SideTask, run_side
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project
from ticket_assets.addresses import printable
from ticket_assets.days import daily_partitions
from ticket_assets.event_log.cache import open_log
from ticket_assets.settings import Settings

JOB = "ticket_model_evaluation"
WITHOUT_MODELS = ("raw_log", "sampled_batch", "targets", "predictions", "metrics")
SIDES = {"dagster": DAGSTER_JOB, "prefect": DERIVED_FLOW}


def floor(first_day: str, last_day: str, *way: str) -> float:
    with tempfile.TemporaryDirectory() as store:
        return seconds(["benchmarks.year_floor", f"{store}/x", first_day, last_day, *way], {})


def kept_connections(first_day: str, last_day: str, *way: str) -> float:
    """Dagster with the `dagster.yaml` of this project."""
    with tempfile.TemporaryDirectory() as home:
        shutil.copy(ROOT / "deployment" / "dagster.yaml", home)
        store = {"DAGSTER_HOME": home, "TICKET_STORE": f"{home}/store"}
        return seconds(["benchmarks.year_dagster", first_day, last_day, *way], store)


def ephemeral(first_day: str, last_day: str, *way: str) -> float:
    """Dagster without a database: it keeps its events in memory."""
    with tempfile.TemporaryDirectory() as home:
        store = {"DAGSTER_HOME": "", "TICKET_STORE": f"{home}/store"}
        return seconds(["benchmarks.year_dagster", first_day, last_day, *way], store)


def one_run_a_day(days: Sequence[str]) -> list[float]:
    """Seconds of one command per day, with a process for each step: Dagster's default."""
    taken = []
    with tempfile.TemporaryDirectory() as home:
        Path(home, "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
        environment = {**os.environ, "DAGSTER_HOME": home, "TICKET_STORE": f"{home}/store"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for day in days:
            command = ["dagster", "job", "execute", "-m", "benchmarks.default_executor", "-j", JOB]
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", *command, "--tags", f'{{"dagster/partition": "{day}"}}'],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
            taken.append(time.perf_counter() - started)
    return taken


def seconds(module: list[str], environment: dict[str, str]) -> float:
    """The seconds that the module prints on its last line."""
    done = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1])


def orchestrated(side: str, partition: str, choice: JobChoice) -> float:
    project = Project(module="ticket_assets.definitions")
    with tempfile.TemporaryDirectory() as folder:
        record = str(Path(folder, "record.json"))
        task = SideTask(project, choice, partition, "{}", record, home=str(Path(folder, side)))
        found = run_side(SIDES[side], task, ("TICKET_STORE",))
    if found.error:
        sys.exit(f"{side}: {found.error}")
    return found.cost.wall_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first-day", default="2016-02-29")
    parser.add_argument("--last-day", default="2017-02-18")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-models", action="store_true")
    options = parser.parse_args()
    if UCI_ARCHIVE.is_file():
        os.environ.setdefault("TICKET_EVENT_LOG", str(UCI_ARCHIVE))
    settings = Settings.from_environment()
    open_log(settings.event_log, cache=settings.cache)  # parses it before any clock runs
    first, last = options.first_day, options.last_day
    partition = f"{first}...{last}"
    choice, title = JobChoice(JOB), "the_year"
    way: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    if options.without_models:
        choice, title = JobChoice(selection=",".join(WITHOUT_MODELS)), "the_year_without_models"
        way, assets = ("without-models",), WITHOUT_MODELS
    timings = take_turns(
        {
            "plain Python": lambda: floor(first, last, *way),
            "plain pandas": lambda: floor(first, last, "pandas", *way),
            "Dagster, one run": lambda: orchestrated("dagster", partition, choice),
            "Dagster, kept connections": lambda: kept_connections(first, last, *assets),
            "Dagster, ephemeral": lambda: ephemeral(first, last, *assets),
            "Dagster, batched in memory": lambda: ephemeral(first, last, "batched", *assets),
            "Prefect, one flow run": lambda: orchestrated("prefect", partition, choice),
        },
        options.rounds,
    )
    of_log = daily_partitions(settings.first_day, settings.last_day).get_partition_keys()
    days = [key for key in of_log if first <= key <= last]
    if not options.without_models:
        a_day = one_run_a_day(days[:3])
        name = f"Dagster, {len(days)} runs, default executor"
        timings[name] = Timings(name, tuple(seconds * len(days) for seconds in a_day))
    source = "the UCI log" if settings.event_log.endswith(".zip") else printable(settings.event_log)
    report(title, timings, "plain Python", f"{partition} of {source}")


if __name__ == "__main__":
    main()
