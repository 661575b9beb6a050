"""Times one day by `dagster job execute`, beside its imports and beside an empty job.

The empty job has the same shape. All use compiled bytecode, the project's `dagster.yaml`, and a
home that already had a run.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import ROOT, report, take_turns

DAY = '{"dagster/partition": "2016-03-08"}'


def timed(command: list[str], environment: dict[str, str]) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - started

    run()  # the first run makes databases, caches and bytecode
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    job = ["-m", "dagster", "job", "execute", "-j", "ticket_model_evaluation", "--tags", DAY, "-m"]
    with tempfile.TemporaryDirectory() as home:
        shutil.copy(ROOT / "deployment" / "dagster.yaml", home)
        environment = {**os.environ, "DAGSTER_HOME": home, "TICKET_STORE": str(Path(home, "store"))}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        contestants = {
            "import dagster, pandas": ["-c", "import dagster, pandas"],
            "six empty assets and checks": [*job, "benchmarks.empty_job"],
            "ours": [*job, "ticket_assets.definitions"],
        }
        timings = take_turns(
            {name: timed(command, environment) for name, command in contestants.items()},
            options.rounds,
        )
    report("one_day_from_the_shell", timings, "import dagster, pandas")


if __name__ == "__main__":
    main()
