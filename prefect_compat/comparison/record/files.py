"""The files in a side's own store, by names that two sides can share."""

import re
from collections.abc import Sequence
from pathlib import Path

STORE = "store"
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
# Made anew at each write, such as `part-0-4f1d….parquet`.
RANDOM = re.compile(rf"{UUID.pattern}|[0-9a-f]{{16,}}")
LOGS = "compute_logs"
OF_RUN = re.compile(r"(.*/)?run \d+/")


def store_folders(home: Path) -> tuple[Path, Path]:
    """The folders of a side's outputs: its store, and the default of Dagster's IO manager."""
    return home / STORE, home / "dagster" / "storage"


def stored_files(home: Path, run_ids: Sequence[str]) -> tuple[str, ...]:
    """The files of this side's runs, relative to their folder, sorted.

    A run's id reads `run 1`, other random parts `…`. Files below the id of another run, and what
    the steps printed, are left out.
    """
    return tuple(sorted(_names(home, run_ids)))


def _names(home: Path, run_ids: Sequence[str]) -> list[str]:
    names = []
    for folder in store_folders(home):
        for path in folder.rglob("*"):
            parts = path.relative_to(folder).parts
            others = [part for part in parts if UUID.fullmatch(part) and part not in run_ids]
            if others or LOGS in parts or not path.is_file():
                continue
            names.append("/".join(_shared_name(part, run_ids) for part in parts))
    return names


def is_of_run(name: str) -> bool:
    """True for a name that `stored_files` gave to a file below the id of a run."""
    return OF_RUN.match(name) is not None


def _shared_name(part: str, run_ids: Sequence[str]) -> str:
    # Before the random parts: a run's id looks like one of them.
    for number, run_id in enumerate(run_ids):
        part = part.replace(run_id, f"run {number + 1}")
    return RANDOM.sub("…", part)
