"""The job by Dagster's own command, with the executor that it declares: what that costs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg

from prefect_compat.comparison.sources.side import add_dynamic_partitions, side_environment
from prefect_compat.comparison.sources.work import Work
from prefect_compat.engine.dagster_port.run_config import merged_config
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.partitions import run_tags
from prefect_compat.progress import Progress


def declared_run_s(
    work: Work,
    job: dg.JobDefinition,
    keys: tuple[str, ...] | None,
    folder: Path,
    progress: Progress,
) -> float:
    """The seconds that `dagster job execute` takes from a cold start, in a home of its own.

    Events go to SQLite: a `dagster.yaml` of the user's may name a database, which is not touched.
    Raises ComparisonError if the job has no name, or the command fails.
    """
    if work.choice.name is None:
        raise ComparisonError(
            "--declared-executor runs `dagster job execute`, which needs the name of a job: -j JOB."
        )
    home = folder / "declared"
    environment = side_environment(os.environ, home, work.store_variables)
    with dg.DagsterInstance.ephemeral() as instance:
        add_dynamic_partitions(instance, work.dynamic_partitions)
        tags = run_tags(job, keys, dict(work.tags), instance)
    config = merged_config(json.loads(work.run_config), work.resource_config(home))
    command = [sys.executable, "-m", "dagster", "job", "execute", *work.project.options()]
    command += ["-j", work.choice.name, "--tags", json.dumps(tags)]
    if config:
        file = home / "run_config.yaml"
        file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML too
        command += ["-c", str(file)]
    with progress.stage("dagster job execute, with the executor as declared"):
        started = time.monotonic()
        with (home / "log.txt").open("wb") as log:
            code = subprocess.run(
                command, env=environment, stdout=log, stderr=log, check=False
            ).returncode
        taken_s = time.monotonic() - started
    if code != 0:
        tail = "\n".join((home / "log.txt").read_text(errors="replace").splitlines()[-15:])
        raise ComparisonError(f"`dagster job execute` ended with exit code {code}:\n{tail}")
    return taken_s
