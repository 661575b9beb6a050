"""The year in one run of each orchestrator, beside the same work in plain Python.

Each in a process, a home and a store of its own, in turns. What is timed is the run, after the
imports; Prefect's includes the start of its temporary server. Dagster keeps its events in SQLite.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import ROOT, UCI_ARCHIVE, report, take_turns
from prefect_compat.parity.comparison import SIDES
from prefect_compat.parity.side import SideTask, run_side
from prefect_compat.project import Project
from ticket_assets.event_log.cache import open_log
from ticket_assets.settings import Settings

JOB = "ticket_model_evaluation"


def floor(first_day: str, last_day: str) -> float:
    with tempfile.TemporaryDirectory() as store:
        command = [sys.executable, "-m", "benchmarks.year_floor", store, first_day, last_day]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(found.stdout)


def orchestrated(side: str, partition: str) -> float:
    project = Project(module="ticket_assets.definitions")
    with tempfile.TemporaryDirectory() as folder:
        task = SideTask(project, JOB, partition, None, str(Path(folder, "record.json")))
        record = run_side(SIDES[side], task, Path(folder, side), ("TICKET_STORE",))
    if record.error:
        sys.exit(f"{side}: {record.error}")
    return record.wall_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first-day", default="2016-02-29")
    parser.add_argument("--last-day", default="2017-02-18")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if UCI_ARCHIVE.is_file():
        os.environ.setdefault("TICKET_EVENT_LOG", str(UCI_ARCHIVE))
    settings = Settings.from_environment()
    open_log(settings.event_log, cache=settings.cache)  # parsed before anyone's clock runs
    partition = f"{options.first_day}...{options.last_day}"
    timings = take_turns(
        {
            "plain Python": lambda: floor(options.first_day, options.last_day),
            "Dagster, one run": lambda: orchestrated("dagster", partition),
            "Prefect, one flow run": lambda: orchestrated("prefect", partition),
        },
        options.rounds,
    )
    source = "the UCI log" if settings.event_log.endswith(".zip") else settings.event_log
    report("the_year", timings, "plain Python", f"{partition} of {source}")


if __name__ == "__main__":
    main()
