"""The files in a side's own store, by names that two sides can share."""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path

STORE = "store"
# Below the store: what a resource names by its path.
PLACES = "places"
DATABASES = frozenset({".duckdb", ".db", ".sqlite"})
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


def asset_files(
    names: Iterable[str], others: Iterable[str], parts: Container[str]
) -> Iterator[str]:
    """Yields the files that are named after an asset, as a folder or before their suffix.

    `parts` are the parts of all asset keys. The files of a folder that was set from outside go by
    their names in that folder if the other side has these. Left out are the outputs of ops, which
    lie below the id of a run, and databases.
    """
    known = set(others)
    for name in names:
        root, *below = name.split("/")
        if OF_RUN.match(name) or Path(name).suffix in DATABASES:
            continue
        if root == PLACES:
            tails = ("/".join(below[start:]) for start in range(len(below)))
            name = next((tail for tail in tails if tail in known), name)
        if any(part.partition(".")[0] in parts or part in parts for part in name.split("/")):
            yield name


def _shared_name(part: str, run_ids: Sequence[str]) -> str:
    # Before the random parts: a run's id looks like one of them.
    for number, run_id in enumerate(run_ids):
        part = part.replace(run_id, f"run {number + 1}")
    return RANDOM.sub("…", part)
