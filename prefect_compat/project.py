"""A Dagster project's definitions, named as Dagster's own commands name them."""

import importlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import dagster as dg

from prefect_compat.errors import DefinitionError


@dataclass(frozen=True)
class Project:
    """Where the definitions are: `-m module` or `-f file`, exactly one of them."""

    module: str | None = None
    file: str | None = None

    def options(self) -> list[str]:
        """The command-line options that name this project."""
        return ["-m", self.module] if self.module else ["-f", str(self.file)]

    def load(self) -> dg.Definitions:
        """The one Definitions object of the project.

        Raises DefinitionError if it cannot be imported, or has none or several.
        """
        if (self.module is None) == (self.file is None):
            raise DefinitionError("Name the project by -m MODULE or by -f FILE, one of them.")
        module = self._import()
        found = [value for value in vars(module).values() if isinstance(value, dg.Definitions)]
        if len(found) != 1:
            raise DefinitionError(
                f"{self.module or self.file} has {len(found)} Definitions objects; expected one."
            )
        return found[0]

    def _import(self) -> ModuleType:
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        try:
            return importlib.import_module(self.module) if self.module else self._import_file()
        except DefinitionError:
            raise
        except Exception as error:  # whatever a user's own code raises
            raise DefinitionError(
                f"{self.module or self.file} cannot be imported: {_said(error)}"
            ) from error

    def _import_file(self) -> ModuleType:
        path = Path(str(self.file))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise DefinitionError(f"{path} is not a Python file.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module


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
