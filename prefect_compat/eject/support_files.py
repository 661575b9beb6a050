"""The modules beside flow and tasks: resources, partitions, and the templates that are used."""

from collections.abc import Mapping

from prefect_compat.eject.names import imports_of
from prefect_compat.eject.partitions import PartitionNames
from prefect_compat.eject.resource_code import ResourceCode
from prefect_compat.eject.templates import template

# Templates that are written where something imports them.
TEMPLATES = (
    "checks",
    "config",
    "context",
    "duckdb_database",
    "duckdb_tables",
    "failures",
    "memory",
    "pickles",
    "resource_base",
    "storage",
)


def resources_file(resources: Mapping[str, ResourceCode], names: Mapping[str, str]) -> str:
    """`resources.py`: a function for each resource; `names` has the written modules."""
    imports = {
        f"import {module}"
        if not name
        else f"from {names.get(module, module)} import {name.partition('.')[0]}"
        for code in resources.values()
        for module, name in code.imports
    }
    functions = "\n\n".join(
        f"def {name}() -> {code.type}:\n    return {code.body}\n"
        for name, code in sorted(resources.items())
    )
    doc = '"""The resources of the steps; environment variables say where values are stored."""'
    return f"{doc}\n\n" + "\n".join(sorted(imports)) + "\n\n\n" + functions


def partitions_file(names: PartitionNames) -> str:
    """`partitions.py`: the kinds of partitions, and those of the project."""
    text = template("partition_types")
    made = "\n".join(f"{name} = {code}" for code, name in names.by_code.items())
    return f"{text}\n\n{made}\n"


def template_files(files: Mapping[str, str]) -> dict[str, str]:
    """The files that the others import, and those that these import in turn."""
    found: dict[str, str] = {}
    text = "\n".join(files.values())
    while wanted := [name for name in TEMPLATES if f"{name}.py" not in found and _uses(text, name)]:
        found |= {f"{name}.py": template(name) for name in wanted}
        text = "\n".join((*files.values(), *found.values()))
    if _uses(text, "partitions") and "partitions.py" not in files:
        found["partitions.py"] = template("partition_types")
    return found


def _uses(text: str, module: str) -> bool:
    return f"from {module} import" in text or f"import {module}\n" in text


def imported_libraries(files: Mapping[str, str]) -> set[str]:
    """The modules that the written code imports."""
    return {
        imported.module
        for name, text in files.items()
        if name.endswith(".py") and not name.startswith("tests/")
        for imported in imports_of(text, "").values()
    }
