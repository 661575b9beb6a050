"""Keeps the store of a base apart, which may place its outputs in another way than the head.

python -m prefect_compat.comparison.sources.base_stores '{"project": ..., "job": ..., ...}'
"""

import json
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from prefect_compat.comparison.sources.empty_store import EmptyStore
from prefect_compat.comparison.sources.place import Place, validate_origin
from prefect_compat.comparison.sources.process_body import write_text_of
from prefect_compat.comparison.sources.side import ended, start_process
from prefect_compat.comparison.sources.stores import Setting, Stores
from prefect_compat.comparison.sources.work import Work
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project

MODULE = "prefect_compat.comparison.sources.base_stores"


def with_own_stores(work: Work, place: Place) -> Work:
    """The work with what keeps the base's store apart, as the base itself declares it.

    Raises ComparisonError, before anything is run, if the base would store where the head does, or
    if it cannot be loaded.
    """
    project = place.project(work.project)
    with tempfile.TemporaryDirectory(prefix="prefect-compat-") as folder:
        home, found = Path(folder, "home"), Path(folder, "stores.json")
        task = {
            "project": asdict(project),
            "choice": asdict(work.choice),
            "partition": work.partition,
            "run_config": work.run_config,
            "store_variables": work.store_variables,
            "file": str(found),
        }
        code = start_process(MODULE, json.dumps(task), home, (), place=place)
        if code != 0:
            raise ended(MODULE, code, home)
        stores = _stores(json.loads(found.read_text()))
    return replace(work, project=project, stores=stores, store_variables=stores.variables)


def _stores(values: dict[str, Any]) -> Stores:
    return Stores(
        tuple(values["variables"]),
        tuple(Setting(**entry) for entry in values["settings"]),
        tuple(values["in_instance"]),
        tuple(values["unknown"]),
    )


def main() -> None:
    """Loads the project of this folder and checks its stores, as is done for the head."""
    task = json.loads(sys.argv[1])
    work = Work(
        Project(**task["project"]),
        JobChoice(**task["choice"]),
        task["partition"],
        task["run_config"],
        tuple(task["store_variables"]),
    )

    def text() -> str:
        with tempfile.TemporaryDirectory(prefix="prefect-compat-") as nowhere:
            stores = EmptyStore(work, Path(nowhere)).work.stores
        validate_origin()
        assert stores is not None  # `EmptyStore` has put them in
        return json.dumps(asdict(stores))

    write_text_of(text, Path(task["file"]))


if __name__ == "__main__":
    main()
