"""Code that makes the project's resources anew, from the objects that the definitions have."""

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from prefect_compat.eject.extraction import Extraction
from prefect_compat.eject.literals import literal
from prefect_compat.eject.modules import Modules, is_dagster
from prefect_compat.eject.resource_code import ResourceCode
from prefect_compat.eject.resource_functions import (
    code_of_function,
    code_of_object,
    hardcoded_object,
)
from prefect_compat.engine.dagster_port.step_facts import (
    is_default_io_manager,
    resource_object,
)
from prefect_compat.errors import EjectError

# Fields of IO managers that say where they store.
PLACES = frozenset(
    {"base_dir", "base_path", "root", "store", "path", "folder", "directory", "database", "prefix"}
)
DEFAULT_STORE = "store"  # where Dagster's default IO manager would use its instance
# Dagster's own IO managers as functions, from before they were classes.
STANDARD_STORES = (dg.fs_io_manager.resource_fn, dg.mem_io_manager.resource_fn)


class ResourceWriter:
    """Writes the resources that steps use; adds their classes to the extraction."""

    def __init__(
        self, extraction: Extraction, modules: Modules, run_config: Mapping[str, Any]
    ) -> None:
        self._extraction = extraction
        self._modules = modules
        self._given: Mapping[str, Any] = run_config.get("resources") or {}

    def write(self, name: str, definition: dg.ResourceDefinition) -> ResourceCode:
        """The code of a resource. Raises EjectError for one that has no counterpart."""
        if is_default_io_manager(definition):
            return self._pickles(name, None)
        value = resource_object(definition)
        if isinstance(value, dg.FilesystemIOManager):
            return self._pickles(name, value.base_dir)
        if isinstance(value, dg.InMemoryIOManager):
            return self._in_memory(name)
        if value is None and (given := hardcoded_object(definition)):
            return code_of_object(name, *given, self._extraction, self._modules)
        config = (self._given.get(name) or {}).get("config") or {}
        if value is None and definition.resource_fn in STANDARD_STORES:
            return self._standard(name, definition, config)
        if value is None:
            return code_of_function(name, definition, config, self._extraction, self._modules)
        code = ResourceCode(name, type(value).__name__, "")
        code.is_io_manager = hasattr(value, "handle_output") or hasattr(value, "load_input")
        if is_dagster(type(value).__module__):
            return self._duckdb(code, value)
        code.body = self._constructor(code, value, name)
        return code

    def _standard(
        self, name: str, definition: dg.ResourceDefinition, config: Mapping[str, Any]
    ) -> ResourceCode:
        if definition.resource_fn is dg.mem_io_manager.resource_fn:
            return self._in_memory(name)
        return self._pickles(name, config.get("base_dir"))

    @staticmethod
    def _in_memory(name: str) -> ResourceCode:
        imports = {("memory", "InMemory")}
        return ResourceCode(name, "InMemory", "InMemory()", imports, is_io_manager=True)

    def _pickles(self, name: str, base_dir: Any) -> ResourceCode:
        code = ResourceCode(name, "PickledFiles", "", {("pickles", "PickledFiles")})
        code.is_io_manager = True
        place = self._place(code, "base_dir", base_dir or DEFAULT_STORE)
        code.body = f"PickledFiles(base_dir={place})"
        return code

    def _duckdb(self, code: ResourceCode, value: Any) -> ResourceCode:
        if code.type == "DuckDBResource":
            code.type = "DuckDBDatabase"
            code.imports.add(("duckdb_database", "DuckDBDatabase"))
            place = self._place(code, "database", value.database)
            more = value.connection_config
            options = f", connection_config={self._value(code, 'config', more)}" if more else ""
            code.body = f"DuckDBDatabase(database={place}{options})"
            return code
        if code.type != "DuckDBPandasIOManager":
            kind = "IO manager" if code.is_io_manager else "resource"
            raise EjectError(
                f"The {kind} {code.type} of the library {type(value).__module__.split('.')[0]} has"
                " no counterpart."
            )
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
        variable = code.variable(field_name)
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
            variable = code.variable(field_name)
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
        text = _relative(value) if isinstance(value, str) else value
        return code.plain(field_name, text, "Use dg.EnvVar, so that it is not written down.")


def _relative(text: str) -> str:
    """A path below the working directory as a relative one; any other text as it is."""
    path = Path(text)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        return path.relative_to(Path.cwd()).as_posix()
    return text
