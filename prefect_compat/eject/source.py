"""The source of a step's function: its file, its line, and what it has captured."""

import functools
import inspect
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import dagster as dg

from prefect_compat.errors import EjectError

STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


@dataclass(frozen=True)
class SourceFunction:
    """A function as it stands in a file of the project.

    `path` has the names that lead to it: `("asset_of", "pieces")` is defined in another function.
    `captured` has the values of the other function's variables that it reads.
    """

    module: str
    file: Path
    line: int
    path: tuple[str, ...]
    captured: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def is_nested(self) -> bool:
        """True for a function of an asset factory."""
        return len(self.path) > 1

    @property
    def place(self) -> str:
        """The file and the line, for people."""
        return f"{self.file.name}:{self.line}"


def source_of_op(op_def: dg.OpDefinition) -> SourceFunction:
    """The function of an op. Raises EjectError for one that stands in no file of the project."""
    function = getattr(op_def.compute_fn, "decorated_fn", None)
    if function is None:
        raise EjectError(
            f"{op_def.name}: a library made it, without a function in the project. Write this step"
            " by hand."
        )
    return source_of_function(op_def.name, function)


def source_of_function(name: str, function: Any) -> SourceFunction:
    """The source of a plain function. Raises EjectError for anything else."""
    if isinstance(function, functools.partial) or not isinstance(function, FunctionType):
        raise EjectError(
            f"{name}: {type(function).__name__} {function!r} is no function with source. Define it"
            " by `def`."
        )
    code = function.__code__
    file = Path(code.co_filename)
    where = f"{name} ({file.name}:{code.co_firstlineno})"
    if function.__name__ == "<lambda>" or code.co_name == "<lambda>":
        raise EjectError(f"{where}: a lambda has no source of its own. Define it by `def`.")
    if hasattr(function, "__wrapped__"):
        raise EjectError(
            f"{where}: a decorator stands between Dagster's and the function, and would be lost."
            " Call it in the function's body instead."
        )
    if not file.is_file():
        raise EjectError(
            f"{where}: no such file, as for a function of a notebook. Move it to a module."
        )
    if not is_of_project(file):
        raise EjectError(f"{where}: it belongs to a library. Write this step by hand.")
    parts = function.__qualname__.split(".")
    if len(parts) > 1 and parts[-2] != "<locals>":
        raise EjectError(f"{where}: a method is no step of its own. Define a function.")
    path = tuple(part for part in parts if part != "<locals>")
    closure = inspect.getclosurevars(function).nonlocals if function.__closure__ else {}
    module = inspect.getmodule(function) or sys.modules.get(function.__module__)
    name_of_module = module.__name__ if isinstance(module, ModuleType) else function.__module__
    return SourceFunction(name_of_module, file, code.co_firstlineno, path, closure)


def is_of_project(file: Path) -> bool:
    """True for a file that no library and no Python installation has."""
    parts = file.parts
    if "site-packages" in parts or "dist-packages" in parts:
        return False
    return not file.is_relative_to(STANDARD_LIBRARY)
