"""A Dagster project's definitions, named as Dagster's own commands name them."""

import importlib
import importlib.util
import json
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import dagster as dg

from prefect_compat.engine.dagster_port.workspace import read_workspace
from prefect_compat.errors import DefinitionError

# The environment variable that tells `prefect_compat.flow.served_flow` which job's flow to build.
SERVED = "PREFECT_COMPAT_SERVED"
# And the one with the process that serves it: a flow run's process ends with it.
SERVING_PID = "PREFECT_COMPAT_SERVING_PID"


@dataclass(frozen=True)
class Project:
    """The place of a project's definitions.

    Either `module` or `file` is set. `folder` is the import folder, by default the working
    directory. `attribute` is the name of the definitions, if the module has several.
    """

    module: str | None = None
    file: str | None = None
    folder: str | None = None
    attribute: str | None = None

    @classmethod
    def of_workspace(cls, path: Path, location: str | None = None) -> "Project":
        """A code location of a workspace file, as Dagster reads it.

        Raises DefinitionError if the file cannot be read or lacks the location, if it has several
        and none is named, or if the location is neither a module nor a file.
        """
        locations = {entry.name: entry for entry in read_workspace(path)}
        if location is None and len(locations) == 1:
            location = next(iter(locations))
        if location not in locations:
            fault = "Name one by -l" if location is None else f"It has no '{location}'"
            names = ", ".join(locations)
            raise DefinitionError(f"{path}: {fault}; its code locations are {names}.")
        chosen = locations[location]
        if not (chosen.module or chosen.file):
            raise DefinitionError(
                f"{path}: '{location}' is neither a Python module nor a file. Name one by -m."
            )
        return cls(chosen.module, chosen.file, chosen.working_directory, chosen.attribute)

    @classmethod
    def of_definitions(cls, defs: dg.Definitions) -> "Project":
        """The project whose module has these definitions as a global variable.

        Raises DefinitionError if no importable module has them.
        """
        module, attribute = place_of(defs)
        return cls(module=module, attribute=attribute)

    def options(self) -> list[str]:
        """The command-line options that name this project."""
        named = ["-m", self.module] if self.module else ["-f", str(self.file)]
        return [*named, *(["-d", self.folder] if self.folder else [])]

    def load(self) -> dg.Definitions:
        """The one Definitions object of the project.

        Raises DefinitionError if it cannot be imported, or has none or several.
        """
        if (self.module is None) == (self.file is None):
            raise DefinitionError("Name the project by -m MODULE or by -f FILE, one of them.")
        module = self._import()
        if self.attribute is not None:
            value = getattr(module, self.attribute, None)
            if not isinstance(value, dg.Definitions):
                raise DefinitionError(
                    f"{self.module or self.file}: `{self.attribute}` is no Definitions object."
                )
            return value
        candidates = [value for value in vars(module).values() if isinstance(value, dg.Definitions)]
        if len(candidates) != 1:
            raise DefinitionError(
                f"{self.module or self.file} has {len(candidates)} Definitions objects;"
                " expected one."
            )
        return candidates[0]

    def _import(self) -> ModuleType:
        folder = str(Path(self.folder or "").absolute())
        if folder not in sys.path:
            sys.path.insert(0, folder)
        try:
            return importlib.import_module(self.module) if self.module else self._import_file()
        except DefinitionError:
            raise
        except ImportError as error:
            if self.file and "attempted relative import" in str(error):
                raise DefinitionError(
                    f"{self.file} imports relatively, so it is part of a package. Name the module:"
                    f" -m PACKAGE.{Path(self.file).stem}, from the folder that holds the package."
                ) from error
            raise self._unimportable(error) from error
        except Exception as error:  # whatever a user's own code raises
            raise self._unimportable(error) from error

    def _unimportable(self, error: Exception) -> DefinitionError:
        return DefinitionError(f"{self.module or self.file} cannot be imported: {_said(error)}")

    def _import_file(self) -> ModuleType:
        path = Path(str(self.file))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise DefinitionError(f"{path} is not a Python file.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module


def place_of(definitions: dg.Definitions) -> tuple[str, str]:
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


def _said(error: Exception) -> str:
    """The project's own part of the traceback, without the import machinery and without ours."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and frame.filename != __file__
        if Path(frame.filename).parts[-2:] != ("importlib", "__init__.py")
    ]
    lines = [*traceback.format_list(frames), *traceback.format_exception_only(error)]
    return "".join(lines).strip()


def as_served(project: Project, job: str) -> str:
    """The job as text for the environment variable SERVED."""
    return json.dumps({"project": asdict(project), "job": job})


def from_served(text: str) -> tuple[Project, str]:
    """The inverse of `as_served`."""
    served = json.loads(text)
    return Project(**served["project"]), served["job"]
