"""Records a flow in a process of its own, with its own homes and store."""

import tempfile
from dataclasses import replace
from pathlib import Path

from prefect_compat.comparison.sources.candidate_place import (
    candidate_settings,
    place_here,
    project_folder,
)
from prefect_compat.comparison.sources.prefect_server import comparison_server
from prefect_compat.comparison.sources.process_body import REFUSED
from prefect_compat.comparison.sources.side import start_process
from prefect_compat.errors import SkeletonError
from prefect_compat.progress import Progress
from prefect_compat.skeleton.facts import RecordedFlow
from prefect_compat.skeleton.recording import RecordingTask
from prefect_compat.skeleton.skeleton import SkeletonOptions

MODULE = "prefect_compat.skeleton.recording"
LAST_LINES = 15


def record_in_process(options: SkeletonOptions, progress: Progress) -> RecordedFlow:
    """Runs the flow on a temporary server and returns its record.

    The store variables point to a temporary folder meanwhile. Raises SkeletonError, with what the
    process refused or the end of its log, if it left no record.
    """
    entrypoint = options.entrypoint
    project = project_folder(entrypoint)
    own = candidate_settings(entrypoint).store_env
    variables = tuple(dict.fromkeys((*options.store_variables, *own)))
    with (
        tempfile.TemporaryDirectory(prefix="prefect-compat-skeleton-") as folder,
        comparison_server() as server,
    ):
        home = Path(folder) / "flow"
        place = place_here(entrypoint)
        results = {
            "PREFECT_LOCAL_STORAGE_PATH": str(home / "results"),
            # A task that is read from a cache would not be seen.
            "PREFECT_TASKS_REFRESH_CACHE": "true",
        }
        place = replace(place, variables={**place.variables, **results})
        task = RecordingTask(
            entrypoint,
            options.parameters,
            options.partition,
            options.parameter,
            str(project) if project else None,
            str(Path(folder) / "flow.json"),
        )
        with progress.stage("starting a Prefect server"):
            running = server.running()
        with progress.stage(f"running {entrypoint}") as update:
            code = start_process(MODULE, task.as_json(), home, variables, running, update, place)
        if code != 0:
            raise _ended(code, (home / "log.txt").read_text(errors="replace"))
        return RecordedFlow.from_json(Path(task.record).read_text(encoding="utf-8"))


def _ended(code: int, log: str) -> SkeletonError:
    _, refused, error = log.rpartition(REFUSED)
    if refused:
        return SkeletonError(error.strip())
    tail = "\n".join(log.splitlines()[-LAST_LINES:])
    return SkeletonError(f"The flow's process ended with exit code {code}:\n{tail}")
