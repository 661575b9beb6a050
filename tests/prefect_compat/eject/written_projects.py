"""Small Dagster projects, written into a folder and ejected in this process."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prefect_compat.eject.eject import Ejection, EjectOptions, eject
from prefect_compat.eject.header import Origin
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.job_source import JobSource
from prefect_compat.graph.project import Project

PLAIN = EjectOptions()
ORIGIN = Origin("shop", None, ("prefect-compat", "eject"))


@contextmanager
def forgotten_modules(names: set[str]) -> Iterator[None]:
    """Forgets modules of these names before and afterwards, and restores the import path."""
    path = list(sys.path)
    _forget(names)
    try:
        yield
    finally:
        sys.path[:] = path
        _forget(names)


def _forget(names: set[str]) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in names:
            del sys.modules[name]


def ejected(
    folder: Path,
    files: Mapping[str, str],
    options: EjectOptions = PLAIN,
    module: str = "shop",
    job: str | None = None,
) -> Ejection:
    """The ejection of the project with these files; `module` has the definitions."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    names = {Path(name).parts[0].removesuffix(".py") for name in files}
    with forgotten_modules(names):
        project = Project(module=module, folder=str(folder))
        return eject(JobSource(project, JobChoice(job)), ORIGIN, options)
