"""The place of a candidate's process: its import folders and its interpreter."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from prefect_compat.comparison.sources.place import Place, lend
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.project_settings import ProjectSettings, read_project_settings

OPTION = "--candidate-python"
OLDEST_PYTHON = (3, 11)
OLDEST_PREFECT = (3, 6)
# Finds packages without importing them: Prefect alone takes a second.
PROBE = """
import json, sys
from importlib.metadata import version
from importlib.util import find_spec
prefect = version("prefect") if find_spec("prefect") else None
print(json.dumps([sys.version_info[:2], prefect, find_spec("psutil") is not None]))
"""


def project_folder(entrypoint: str) -> Path | None:
    """The nearest folder with a pyproject.toml, from that of the flow's file upwards.

    For a file below the working directory, the search ends there. None for an entrypoint that
    names a module.
    """
    file = Path(os.path.abspath(entrypoint.rpartition(":")[0]))
    if not file.is_file():
        return None
    for folder in file.parents:
        if (folder / "pyproject.toml").is_file():
            return folder
        if folder == Path.cwd():
            break
    return None


def import_folders(entrypoint: str) -> tuple[str, ...]:
    """The folder of the flow's own project and its `src`; none without a project."""
    project = project_folder(entrypoint)
    if project is None:
        return ()
    return tuple(str(folder) for folder in (project, project / "src") if folder.is_dir())


def candidate_settings(entrypoint: str) -> ProjectSettings:
    """The settings of the flow's own project; the defaults without one."""
    project = project_folder(entrypoint)
    return read_project_settings(project / "pyproject.toml") if project else ProjectSettings()


@contextmanager
def candidate_place(entrypoint: str, python: str | None) -> Iterator[Place]:
    """Yields the place of a flow; by another interpreter, with this library lent to it.

    The other interpreter imports nothing else from here: a flow in a project of its own is not
    given the working directory either. Raises ComparisonError if the interpreter cannot be started
    or lacks Prefect.
    """
    if python is None:
        yield place_here(entrypoint)
        return
    with tempfile.TemporaryDirectory(prefix="prefect-compat-candidate-") as folder:
        library = lend("prefect_compat", Path(__file__).parent.parent.parent, Path(folder))
        variables = {"PYTHONPATH": str(library)}
        if not _has_psutil(python, variables):
            # Prefect does not need it. It is of CPython's stable ABI, so ours fits other versions.
            lend("psutil", Path(psutil.__file__).parent, Path(folder))
            _ask(python, "import psutil", variables, "Install psutil there.")
        yield _place(python, str(library), *(import_folders(entrypoint) or (os.getcwd(),)))


def place_here(entrypoint: str) -> Place:
    """The place of a flow that runs by this interpreter: its own project's modules come first."""
    given = os.environ.get("PYTHONPATH")
    folders = (*import_folders(entrypoint), os.getcwd())
    return _place(sys.executable, *folders, *([given] if given else ()))


def _place(python: str, *folders: str) -> Place:
    # By PYTHONPATH, since `-m` puts the working directory first, and for this process alone.
    variables = {"PYTHONPATH": os.pathsep.join(dict.fromkeys(folders))}
    return Place(python, variables=variables, is_isolated=True)


def _has_psutil(python: str, variables: Mapping[str, str]) -> bool:
    """True if the interpreter has psutil. Raises ComparisonError if it cannot run a flow at all."""
    oldest = ".".join(map(str, OLDEST_PYTHON)), ".".join(map(str, OLDEST_PREFECT))
    needs = (
        f"It needs Python {oldest[0]} or later and Prefect {oldest[1]} or later; prefect-compat"
        " itself is lent to it."
    )
    answer = _ask(python, PROBE, variables, needs)
    version, prefect, has_psutil = json.loads(answer.splitlines()[-1])
    release = tuple(int(part) for part in (prefect or "0.0").split(".")[:2])
    if tuple(version) < OLDEST_PYTHON or release < OLDEST_PREFECT:
        found = f"Python {'.'.join(map(str, version))} with "
        found += f"Prefect {prefect}" if prefect else "no Prefect"
        raise ComparisonError(f"{OPTION} {python} cannot run a flow: it is {found}. {needs}")
    return bool(has_psutil)


def _ask(python: str, code: str, variables: Mapping[str, str], needs: str) -> str:
    """Returns what the interpreter prints for the code.

    Raises ComparisonError if it cannot run it.
    """
    try:
        return subprocess.run(
            [python, "-c", code],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except OSError as error:
        raise ComparisonError(
            f"{OPTION} {python} cannot be started: {error.strerror}. Name an interpreter, such as"
            " out/.venv/bin/python."
        ) from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ComparisonError(f"{OPTION} {python} cannot run a flow: {last}. {needs}") from error
