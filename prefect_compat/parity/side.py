"""One side of a comparison as a process of its own, with homes and a store of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from prefect_compat.errors import ComparisonError, PrefectCompatError
from prefect_compat.parity.record import Record
from prefect_compat.project import Project

QUIET_DAGSTER = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"


@dataclass(frozen=True)
class SideTask:
    """What a side is asked to run, and where it writes its record."""

    project: Project
    job: str
    partition: str | None
    run_config: str | None
    record: str

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "SideTask":
        data = json.loads(text)
        return cls(**{**data, "project": Project(**data["project"])})


def run_side(module: str, task: SideTask, home: Path, store_variables: tuple[str, ...]) -> Record:
    """Runs one side and returns its record.

    `store_variables` name the environment variables that say where the project stores its
    outputs; each points below `home` for this side. Raises ComparisonError, with the end of what
    the side printed, where it left no record.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "log.txt").open("wb") as log:
        process = subprocess.run(
            [sys.executable, "-m", module, task.as_json()],
            env=_environment(os.environ, home, store_variables),
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if process.returncode != 0:
        tail = "\n".join((home / "log.txt").read_text(errors="replace").splitlines()[-15:])
        raise ComparisonError(f"{module} ended with exit code {process.returncode}:\n{tail}")
    return Record.read(Path(task.record))


def _environment(
    environment: Mapping[str, str], home: Path, store_variables: tuple[str, ...]
) -> dict[str, str]:
    dagster_home = home / "dagster"
    dagster_home.mkdir(exist_ok=True)
    (dagster_home / "dagster.yaml").write_text(QUIET_DAGSTER, encoding="utf-8")
    # A server that the user runs is not to be filled with comparisons.
    kept = {name: value for name, value in environment.items() if name != "PREFECT_API_URL"}
    return {
        **kept,
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # The first start of an ephemeral server takes up to 15 s, close to its default limit.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "DO_NOT_TRACK": "1",
        **{name: str(home / "store") for name in store_variables},
        # Each side's own in any case; Dagster's default IO manager stores below it.
        "DAGSTER_HOME": str(dagster_home),
    }


def main(run: Callable[[SideTask], Record]) -> None:
    """The body of a side's process: runs the task given on the command line."""
    task = SideTask.from_json(sys.argv[1])
    try:
        record = run(task)
    except PrefectCompatError as error:
        sys.exit(str(error))
    record.write(Path(task.record))
