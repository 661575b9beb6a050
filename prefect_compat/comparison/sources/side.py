"""Runs one side of a comparison in a process of its own, with its own homes and store."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg

from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.injection import injected
from prefect_compat.comparison.record.files import STORE
from prefect_compat.comparison.record.record import Cost, Record
from prefect_compat.comparison.sources.place import HERE, Place
from prefect_compat.comparison.sources.prefect_server import RunningServer
from prefect_compat.comparison.sources.process_body import COMPARING_PID, REFUSED, write_record
from prefect_compat.engine.dagster_port.attempt import StepHooks, partition_keys
from prefect_compat.engine.dagster_port.workspace import read_env_file
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.partitions import DynamicKeys
from prefect_compat.graph.project import KEPT_VARIABLES, Project
from prefect_compat.progress import Update
from prefect_compat.server.temporary import HANDED_OVER, USERS_SERVER, prefect_environment
from prefect_compat.signals import end_with_tree, grace_s

# The file in a side's home with the step that it runs.
RUNNING_STEP = "running_step.txt"
POLL_S = 0.2
START = ("-m", "prefect_compat.start")
QUIET_DAGSTER = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"


@dataclass(frozen=True)
class SideTask:
    """The work of one side, and where it writes its record.

    `run_config` is JSON text, and so is `resources`: the part of the run config that places the
    resources in the side's own store.
    """

    project: Project
    choice: JobChoice
    partition: str | None
    run_config: str
    record: str
    home: str
    fault: Fault | None = None
    ignored_metadata: tuple[str, ...] = ()
    warm: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    resources: str = "{}"
    dynamic_partitions: DynamicKeys = ()

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "SideTask":
        data = json.loads(text)
        values = {
            "project": Project(**data["project"]),
            "choice": JobChoice(**data["choice"]),
            "fault": Fault(**data["fault"]) if data["fault"] else None,
            "ignored_metadata": tuple(data["ignored_metadata"]),
            "tags": tuple((name, text) for name, text in data["tags"]),
            "dynamic_partitions": tuple(
                (name, tuple(keys)) for name, keys in data["dynamic_partitions"]
            ),
        }
        return cls(**{**data, **values})


def add_dynamic_partitions(instance: dg.DagsterInstance, partitions: DynamicKeys) -> None:
    """Makes the keys of dynamic partitions, by name, known to an instance."""
    for name, keys in partitions:
        if keys:
            instance.add_dynamic_partitions(name, keys)


def run_side(
    module: str,
    task: SideTask,
    store_variables: tuple[str, ...],
    server: RunningServer | None = None,
    update: Update = lambda state: None,
    place: Place = HERE,
) -> Record:
    """Runs one side and returns its record; meanwhile tells `update` which step it runs.

    `store_variables` name the environment variables that say where the project stores its
    outputs; each points below the side's home. `server` is the one that a Prefect side uses; it
    starts its own without. Raises ComparisonError, with the end of what the side printed, if it
    left no record.
    """
    code = start_side(module, task, store_variables, server, update, place)
    if code != 0:
        raise ended(module, code, Path(task.home))
    return Record.read(Path(task.record))


def ended(module: str, code: int, home: Path) -> ComparisonError:
    """The error for a process that left no record: its own one, or the end of its log."""
    log = (home / "log.txt").read_text(errors="replace")
    _, refused, error = log.rpartition(REFUSED)
    if refused:
        return ComparisonError(error.strip())
    tail = "\n".join(log.splitlines()[-15:])
    return ComparisonError(f"{module} ended with exit code {code}:\n{tail}")


def start_side(
    module: str,
    task: SideTask,
    store_variables: tuple[str, ...],
    server: RunningServer | None = None,
    update: Update = lambda state: None,
    place: Place = HERE,
) -> int:
    """Runs one side's process to its end.

    Returns its exit code, negative if a signal ended it.
    """
    return start_process(
        module, task.as_json(), Path(task.home), store_variables, server, update, place
    )


def start_process(
    module: str,
    task: str,
    home: Path,
    store_variables: tuple[str, ...],
    server: RunningServer | None = None,
    update: Update = lambda state: None,
    place: Place = HERE,
    limit_s: float | None = None,
) -> int:
    """Runs a module on its task in the environment of one side; what it prints is logged there.

    Raises ComparisonError if it runs for longer than `limit_s`; it has then been ended.
    """
    home.mkdir(parents=True, exist_ok=True)
    environment = side_environment(os.environ, home, store_variables)
    if server is not None:
        environment[HANDED_OVER] = server.as_text()
    # Appended: a home is used again after a kill, and to read the rows that differ.
    with (home / "log.txt").open("ab") as log:
        side = subprocess.Popen(
            [place.python, *(("-P",) if place.is_isolated else ()), *START, module, task],
            env={**environment, **place.variables, COMPARING_PID: str(os.getpid())},
            cwd=place.directory,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C in a terminal reaches the comparison alone, which then ends its side in order.
            start_new_session=True,
        )
    try:
        return _wait(side, home / RUNNING_STEP, update, limit_s)
    finally:
        if side.poll() is None:
            # A second less than this process has itself, or its own deadline would cut this off.
            end_with_tree(side.pid, max(grace_s() - 1, 0))
            side.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(side.pid, signal.SIGKILL)  # what it has left behind in its session


def _wait(
    side: subprocess.Popen[bytes], running: Path, update: Update, limit_s: float | None
) -> int:
    """The exit code of a side; meanwhile tells what it writes about the step that it runs."""
    started = time.monotonic()
    while True:
        if limit_s is not None and time.monotonic() - started > limit_s:
            raise ComparisonError(
                f"It did not end within {limit_s:g} s, and was ended. Pass a longer --timeout, or"
                f" see {running.parent / 'log.txt'} for where it stopped."
            )
        try:
            return side.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                update(running.read_text(encoding="utf-8"))


class StepCounter:
    """Writes which step a side runs, for the comparison that waits for it."""

    def __init__(self, home: Path, total: int) -> None:
        self._file = home / RUNNING_STEP
        self._total = total
        self._started: set[tuple[str, str]] = set()

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            # Inputs are loaded first, and a step without any begins with its function.
            hooks = StepHooks(around_compute=self._count, around_storage=self._count)
            with hooks.installed():
                yield
        finally:
            self._file.unlink(missing_ok=True)

    def _count(self, context: dg.StepExecutionContext, call: Callable[[], Any]) -> Any:
        step = (context.run_id, context.step.key)
        if step in self._started:
            return call()
        self._started.add(step)
        keys = partition_keys(context)
        of = f"{keys[0]}...{keys[-1]}" if len(keys) > 1 else "".join(keys)
        text = f"step {len(self._started)} of {max(self._total, len(self._started))}"
        with suppress(OSError):
            self._file.write_text(f"{text}, {context.step.key} {of}".strip(), encoding="utf-8")
        return call()


def side_environment(
    environment: Mapping[str, str], home: Path, store_variables: tuple[str, ...]
) -> dict[str, str]:
    """The environment and that of `.env`, with homes and a store below `home`."""
    dagster_home = home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    (dagster_home / "dagster.yaml").write_text(QUIET_DAGSTER, encoding="utf-8")
    own = {
        **{name: str(home / STORE) for name in store_variables},
        # Each side's own in any case; Dagster's default IO manager stores below it.
        "DAGSTER_HOME": str(dagster_home),
    }
    # Read here, because another commit's working directory has no `.env`.
    given = {**environment, **read_env_file(Path.cwd())}
    prefect = prefect_environment(given, home / "prefect")
    kept = {*own, *USERS_SERVER, *(name for name in prefect if prefect[name] != given.get(name))}
    return {**prefect, **own, KEPT_VARIABLES: ",".join(sorted(kept))}


def main(run: Callable[[SideTask], Record]) -> None:
    """The body of a side's process: runs the task given on the command line."""
    task = SideTask.from_json(sys.argv[1])

    def with_fault() -> Record:
        with injected(task.fault):
            return run(task)

    write_record(with_fault, Path(task.record))


def with_warm_run(cost: Cost, task: SideTask, run: Callable[[], object]) -> Cost:
    """The cost, with the time of a second run in this process if the task asks for one."""
    if not task.warm:
        return cost
    started = time.perf_counter()
    run()
    return replace(cost, warm_wall_s=time.perf_counter() - started)
