"""Code that makes the project's resources anew, from the objects that the definitions have."""

import enum
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from prefect_compat.comparison.sources.layout import shown_address
from prefect_compat.eject.extraction import Extraction
from prefect_compat.eject.literals import is_literal, literal
from prefect_compat.eject.modules import Modules
from prefect_compat.engine.dagster_port.step_facts import (
    is_default_io_manager,
    resource_object,
)
from prefect_compat.errors import EjectError

# Fields of IO managers that say where they store.
PLACES = frozenset(
    {"base_dir", "base_path", "root", "store", "path", "folder", "directory", "database", "prefix"}
)


@dataclass
class ResourceCode:
    """A function that makes a resource, and what its module imports."""

    name: str
    type: str
    body: str
    imports: set[tuple[str, str]] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    is_io_manager: bool = False


class ResourceWriter:
    """Writes the resources that steps use; adds their classes to the extraction."""

    def __init__(self, extraction: Extraction, modules: Modules, default_store: str) -> None:
        self._extraction = extraction
        self._modules = modules
        self._default_store = default_store

    def write(self, name: str, definition: dg.ResourceDefinition) -> ResourceCode:
        """The code of a resource. Raises EjectError for one that is made by a function."""
        if is_default_io_manager(definition):
            return self._pickles(name, None)
        value = resource_object(definition)
        if isinstance(value, dg.FilesystemIOManager):
            return self._pickles(name, value.base_dir)
        if isinstance(value, dg.InMemoryIOManager):
            return ResourceCode(
                name, "InMemory", "InMemory()", {("memory", "InMemory")}, is_io_manager=True
            )
        if value is None:
            raise EjectError(
                f"The resource '{name}' is made by a function, which no rule replaces. Make it a"
                " ConfigurableResource."
            )
        code = ResourceCode(name, type(value).__name__, "")
        code.is_io_manager = hasattr(value, "handle_output") or hasattr(value, "load_input")
        if type(value).__module__.startswith("dagster_duckdb"):
            return self._duckdb(code, value)
        code.body = self._constructor(code, value, name)
        return code

    def _pickles(self, name: str, base_dir: Any) -> ResourceCode:
        code = ResourceCode(name, "PickledFiles", "", {("pickles", "PickledFiles")})
        code.is_io_manager = True
        place = self._place(code, "base_dir", base_dir or self._default_store)
        code.body = f"PickledFiles(base_dir={place})"
        return code

    def _duckdb(self, code: ResourceCode, value: Any) -> ResourceCode:
        if type(value).__name__ != "DuckDBPandasIOManager":
            raise EjectError(f"The IO manager {code.type} has no counterpart.")
        code.type = "DuckDBTables"
        code.imports.add(("duckdb_tables", "DuckDBTables"))
        schema = getattr(value, "schema_", None)
        more = f", schema_name={self._value(code, 'schema', schema)}" if schema else ""
        code.body = f"DuckDBTables(database={self._place(code, 'database', value.database)}{more})"
        return code

    def _constructor(self, code: ResourceCode, value: Any, name: str) -> str:
        kind = type(value)
        if not isinstance(value, dg.Config):
            raise EjectError(
                f"The resource '{name}' is a {kind.__name__}, which no rule writes. Make it a"
                " ConfigurableResource."
            )
        if self._modules.of_project(kind.__module__) is None:
            raise EjectError(f"The resource '{name}' is of a library's class, {kind.__name__}.")
        self._extraction.add_name(kind.__module__, kind.__qualname__)
        code.imports.add((kind.__module__, kind.__qualname__))
        given = []
        for field_name, info in kind.model_fields.items():
            entry = getattr(value, field_name)
            is_place = code.is_io_manager and field_name in PLACES
            if entry == info.default and info.default is not PydanticUndefined and not is_place:
                continue
            text = (
                self._place(code, field_name, entry)
                if is_place
                else self._value(code, field_name, entry)
            )
            given.append(f"{field_name}={text}")
        return f"{kind.__name__}({', '.join(given)})"

    def _place(self, code: ResourceCode, field_name: str, value: Any) -> str:
        """A place that an environment variable may change: stores are kept apart by it."""
        if isinstance(value, dg.EnvVar):
            return self._value(code, field_name, value)
        variable = f"{code.name}_{field_name}".upper()
        code.variables.add(variable)
        code.imports.add(("os", ""))
        return f"os.environ.get({literal(variable)}, {literal(_relative(str(value)))})"

    def _value(self, code: ResourceCode, field_name: str, value: Any) -> str:
        if isinstance(value, dg.EnvVar):
            name = value.env_var_name
            code.imports.add(("os", ""))
            text = f"os.environ[{literal(name)}]"
            return f"int({text})" if type(value).__name__ == "IntEnvVar" else text
        if isinstance(value, SecretStr):
            variable = f"{code.name}_{field_name}".upper()
            code.imports |= {("os", ""), ("pydantic", "SecretStr")}
            return f'SecretStr(os.environ.get({literal(variable)}, ""))'
        if isinstance(value, dg.Config):
            return self._constructor(code, value, field_name)
        if isinstance(value, enum.Enum):
            kind = type(value)
            self._extraction.add_name(kind.__module__, kind.__qualname__)
            code.imports.add((kind.__module__, kind.__qualname__))
            return f"{kind.__qualname__}.{value.name}"
        if isinstance(value, Path):
            code.imports.add(("pathlib", "Path"))
            return f"Path({literal(str(value))})"
        if isinstance(value, str) and _holds_secret(value):
            raise EjectError(
                f"The resource '{code.name}' has a secret in its field '{field_name}'. Use"
                " dg.EnvVar, so that it is not written down."
            )
        if not is_literal(value):
            raise EjectError(
                f"The resource '{code.name}' has {type(value).__name__} in its field"
                f" '{field_name}', which cannot be written down."
            )
        return literal(_relative(value) if isinstance(value, str) else value)


def _relative(text: str) -> str:
    """A path below the working directory as a relative one; any other text as it is."""
    path = Path(text)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        return path.relative_to(Path.cwd()).as_posix()
    return text


def _holds_secret(text: str) -> bool:
    return bool(re.match(r"[a-z0-9+]+://", text)) and shown_address(text) != text
