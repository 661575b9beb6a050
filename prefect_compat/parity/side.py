"""One side of a comparison as a process of its own, with homes and a store of its own."""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import psutil

from prefect_compat.errors import ComparisonError, PrefectCompatError
from prefect_compat.parity.injection import Fault, injected
from prefect_compat.parity.record import Cost, Record
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
    home: str
    fault: Fault | None = None
    ignored_metadata: tuple[str, ...] = ()

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "SideTask":
        data = json.loads(text)
        values = {
            "project": Project(**data["project"]),
            "fault": Fault(**data["fault"]) if data["fault"] else None,
            "ignored_metadata": tuple(data["ignored_metadata"]),
        }
        return cls(**{**data, **values})


def run_side(module: str, task: SideTask, store_variables: tuple[str, ...]) -> Record:
    """Runs one side and returns its record.

    `store_variables` name the environment variables that say where the project stores its
    outputs; each points below the side's home. Raises ComparisonError, with the end of what the
    side printed, where it left no record.
    """
    code = start_side(module, task, store_variables)
    if code != 0:
        log = (Path(task.home) / "log.txt").read_text(errors="replace")
        tail = "\n".join(log.splitlines()[-15:])
        raise ComparisonError(f"{module} ended with exit code {code}:\n{tail}")
    return Record.read(Path(task.record))


def start_side(module: str, task: SideTask, store_variables: tuple[str, ...]) -> int:
    """Runs one side's process to its end; its exit code, negative where a signal ended it."""
    home = Path(task.home)
    home.mkdir(parents=True, exist_ok=True)
    with (home / "log.txt").open("ab") as log:
        return subprocess.run(
            [sys.executable, "-m", module, task.as_json()],
            env=_environment(os.environ, home, store_variables),
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode


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
        with injected(task.fault):
            record = run(task)
    except PrefectCompatError as error:
        sys.exit(str(error))
    record.write(Path(task.record))


def used(wall_s: float, start_up_s: float) -> Cost:
    """What this process and those that it has started (Prefect's server) have used so far."""
    process = psutil.Process()
    children = [child for child in process.children(recursive=True) if child.is_running()]
    times = [process.cpu_times(), *(child.cpu_times() for child in children)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Cost(
        wall_s=wall_s,
        start_up_s=start_up_s,
        cpu_s=sum(entry.user + entry.system for entry in times),
        peak_memory_b=peak + sum(child.memory_info().rss for child in children),
    )


def since_start_s() -> float:
    """How long ago this process began."""
    return float(time.time() - psutil.Process().create_time())


def versions() -> tuple[tuple[str, str], ...]:
    """What runs here."""
    packages = [(name, metadata.version(name)) for name in ("dagster", "prefect", "pandas")]
    return (("python", platform.python_version()), *packages)
