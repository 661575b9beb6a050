"""A Dagster project's definitions, named as Dagster's own commands name them."""

import ast
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from prefect_compat.engine.dagster_port.workspace import (
    DAGSTER_FOLDERS,
    CodeLocation,
    Loadable,
    load_repositories,
    read_env_file,
    read_pyproject,
    read_workspace,
)
from prefect_compat.errors import DefinitionError

# Names of variables, joined by commas, that the project's `.env` does not replace.
KEPT_VARIABLES = "PREFECT_COMPAT_KEPT_VARIABLES"

HOW_TO_NAME = (
    "Name it by -m MODULE or -f FILE, or go to a folder whose pyproject.toml has [tool.dagster] or"
    " [tool.dg.project], or which has a workspace.yaml."
)


@dataclass(frozen=True)
class Project:
    """The place of a project's definitions.

    One of `module`, `file`, `package` and `defs_module` is set; below the last, `dg` loads all
    definitions. `folder` is the import folder, by default the working directory. `attribute` is
    the name of the definitions, if the module has several.
    """

    module: str | None = None
    file: str | None = None
    folder: str | None = None
    attribute: str | None = None
    package: str | None = None
    defs_module: str | None = None

    @classmethod
    def of_workspace(cls, *paths: Path, location: str | None = None) -> "Project":
        """A code location of workspace files, as Dagster reads them.

        Raises DefinitionError if a file cannot be read or none has the location, if there are
        several and none is named, or if the location is loaded by another process.
        """
        return _one_of(read_workspace(*paths), ", ".join(map(str, paths)), location)

    @classmethod
    def of_folder(cls, folder: Path, location: str | None = None) -> "Project":
        """The project of a folder: of its pyproject.toml, or else of its workspace.yaml.

        Raises DefinitionError if neither names one, and what `of_workspace` raises.
        """
        pyproject = folder / "pyproject.toml"
        locations = read_pyproject(pyproject) if pyproject.is_file() else ()
        if locations:
            return _one_of(locations, str(pyproject), location)
        for name in ("workspace.yaml", "workspace.yml"):
            if (folder / name).is_file():
                return cls.of_workspace(folder / name, location=location)
        raise DefinitionError(f"{folder.absolute()} names no Dagster project. {HOW_TO_NAME}")

    @classmethod
    def of_definitions(cls, defs: Loadable) -> "Project":
        """The project whose module has these definitions as a global variable.

        Raises DefinitionError if no importable module has them.
        """
        module, attribute = place_of(defs)
        return cls(module=module, attribute=attribute)

    def options(self) -> list[str]:
        """The command-line options that name this project."""
        named = {
            "-m": self.module or self.defs_module,
            "-f": self.file,
            "--package-name": self.package,
            "-a": self.attribute,
            "-d": self.folder,
        }
        return [text for option, value in named.items() if value for text in (option, value)]

    def load(self) -> dg.RepositoryDefinition:
        """Imports the project, by Dagster's own loading, with the variables of its `.env`.

        Raises DefinitionError if it cannot be imported, has no definitions, or has several and
        none is named.
        """
        if sum(map(bool, (self.module, self.file, self.package, self.defs_module))) != 1:
            raise DefinitionError(f"Name one project, not none or several. {HOW_TO_NAME}")
        kept = os.environ.get(KEPT_VARIABLES, "").split(",")
        variables = read_env_file(Path.cwd())
        os.environ.update({name: text for name, text in variables.items() if name not in kept})
        repositories = self._repositories()
        if len(repositories) > 1:
            names = ", ".join(sorted(repositories))
            raise DefinitionError(f"{self} has several repositories: {names}. Name one by -a.")
        (repository,) = repositories.values()
        return repository

    def _repositories(self) -> dict[str, dg.RepositoryDefinition]:
        location = self._location()
        # Steps import modules of the project long after Dagster has loaded it. The folder stands
        # first, because Dagster leaves out the first entry while it loads.
        folder = str(location.working_directory)
        folders = [folder, *filter(os.path.isdir, [os.path.join(folder, "src")])]
        sys.path[:] = [*folders, *(entry for entry in sys.path if entry not in folders)]
        try:
            return load_repositories(location)
        except DefinitionError:
            raise
        except FileNotFoundError as error:
            if self.file and not Path(self.file).is_file():
                raise DefinitionError(f"{self.file} does not exist. Name a Python file.") from error
            raise self._not_imported(error) from error
        except dg.DagsterInvariantViolationError as error:
            # Dagster found nothing to load, or too much; or so did the project's own code.
            if _own_frames(error):
                raise self._not_imported(error) from error
            said, _, _ = str(error).partition(" dir: ")  # a list of all names in the module
            remedy = " Name one by -a." if "more than one" in said else ""
            raise DefinitionError(f"{self}: {said}{remedy}") from error
        except Exception as error:  # whatever a user's own code raises
            raise self._not_imported(error) from error

    def _location(self) -> CodeLocation:
        folder, module, file = str(Path(self.folder or "").absolute()), self.module, self.file
        if file and (inside := _module_of_package(Path(file))):
            # Dagster refuses such a file, since it is no module of its own.
            folder, module, file = str(inside[0]), inside[1], None
        return CodeLocation(
            name="",
            module=module,
            file=file,
            package=self.package,
            defs_module=self.defs_module,
            working_directory=folder,
            attribute=self.attribute,
        )

    def _not_imported(self, error: BaseException) -> DefinitionError:
        cause = error.__cause__ if isinstance(error, dg.DagsterError) else None
        return DefinitionError(f"{self} cannot be imported:\n{_traceback(cause or error)}")

    def __str__(self) -> str:
        return str(self.module or self.file or self.package or self.defs_module)


def _one_of(locations: Sequence[CodeLocation], where: str, name: str | None) -> Project:
    by_name = {entry.name: entry for entry in locations}
    if name is None and len(by_name) == 1:
        name = next(iter(by_name))
    if name not in by_name:
        fault = "Name one by -l" if name is None else f"It has no '{name}'"
        raise DefinitionError(f"{where}: {fault}; its code locations are {', '.join(by_name)}.")
    chosen = by_name[name]
    if not (chosen.module or chosen.file or chosen.package or chosen.defs_module):
        raise DefinitionError(
            f"{where}: '{name}' is a code server (gRPC), whose definitions only its own process"
            " has. Name the module or the file that it loads, by -m or -f."
        )
    if chosen.executable not in (None, sys.executable):
        raise DefinitionError(
            f"{where}: '{name}' has its own Python, {chosen.executable}. Install prefect-compat"
            " there, and run it with that Python."
        )
    return Project(
        module=chosen.module,
        file=chosen.file,
        folder=chosen.working_directory,
        attribute=chosen.attribute,
        package=chosen.package,
        defs_module=chosen.defs_module,
    )


def _module_of_package(file: Path) -> tuple[Path, str] | None:
    """The import folder and the module's name of a file that imports relatively, else None."""
    if not (file.parent / "__init__.py").is_file() or not file.is_file():
        return None
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        return None  # importing it says more
    if not any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree)):
        return None
    folder, names = file.absolute().parent, [file.stem]
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(name for name in names if name != "__init__")


def place_of(definitions: Any) -> tuple[str, str]:
    """The module and the name under which another process can import the definitions."""
    # A module that imports them was entered before the one that makes them.
    for module_name, module in reversed(list(sys.modules.items())):
        if module_name.startswith("__"):
            continue
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is definitions:
                return module_name, name
    raise DefinitionError(
        "The definitions are no global variable of a module that another process could import, so"
        " the flow cannot run on a process pool or on Dask. Put them into a module, or use"
        " Prefect's thread pool."
    )


def _traceback(error: BaseException) -> str:
    """The project's own part of the traceback, and the error last."""
    lines = [
        *traceback.format_list(_own_frames(error)),
        *traceback.format_exception_only(error),
    ]
    return "".join(lines).strip()


def _own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames that are neither ours nor Dagster's nor those of the import machinery."""
    ours = str(Path(__file__).parent.parent)
    return [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<frozen", ours, *DAGSTER_FOLDERS))
        if Path(frame.filename).parts[-2:] != ("importlib", "__init__.py")
    ]
