"""Private parts of Dagster and of Prefect are named behind their two doors, and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

DAGSTER_PORT = "prefect_compat/engine/dagster_port/"
PREFECT_PORT = "prefect_compat/flow/prefect_port.py"
# `_replace` and the like are public in spite of their names: methods of named tuples.
# `os._exit` and `sys._getframe` are documented.
PUBLIC = {"_replace", "_asdict", "_fields", "_exit", "_getframe"}


def private_imports(tree: ast.Module, packages: tuple[str, ...]) -> Iterator[str]:
    """Yields imports of private modules or names of these packages."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            if (first in packages and any(part.startswith("_") for part in rest)) or (
                first == "dagster_shared" and "dagster" in packages
            ):
                yield name


def private_attributes(tree: ast.Module) -> Iterator[str]:
    """Yields private attributes of anything but `self` and `cls`, unless this module sets them."""
    own = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id in ("self", "cls")
    }
    own |= {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for node in ast.walk(tree):
        is_private = isinstance(node, ast.Attribute) and node.attr.startswith("_")
        if not is_private or node.attr.endswith("__") or node.attr in PUBLIC | own:
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
            yield f"{ast.unparse(node.value)}.{node.attr}"


def parsed(root: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((root / "prefect_compat").rglob("*.py")):
        name = str(path.relative_to(root))
        yield name, ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("packages", "door"), [(("dagster",), DAGSTER_PORT), (("prefect",), PREFECT_PORT)]
)
def test_private_modules_are_imported_behind_the_door_only(
    root: Path, packages: tuple[str, ...], door: str
) -> None:
    elsewhere = {
        name: imports
        for name, tree in parsed(root)
        if not name.startswith(door)
        if (imports := list(private_imports(tree, packages)))
    }
    assert elsewhere == {}


def test_private_attributes_are_used_behind_the_doors_only(root: Path) -> None:
    # They take values apart, and read the private state of Python, pandas and Arrow objects.
    values = ("prefect_compat/comparison/fingerprint/", "prefect_compat/comparison/diff/")
    # Python's resource tracker, whose process it ends.
    excused = (*values, "prefect_compat/signals.py")
    elsewhere = {
        name: attributes
        for name, tree in parsed(root)
        if not name.startswith((DAGSTER_PORT, PREFECT_PORT, *excused))
        if (attributes := list(private_attributes(tree)))
    }
    assert elsewhere == {}


def test_the_search_sees_what_it_is_for() -> None:
    tree = ast.parse(
        "from dagster._core.events import DagsterEvent\n"
        "from dagster import _private\n"
        "import dagster_shared.serdes\n"
        "import prefect._internal\n"
        "context._plan_data\n"
    )
    assert list(private_imports(tree, ("dagster",))) == [
        "dagster._core.events.DagsterEvent",
        "dagster._private",
        "dagster_shared.serdes",
    ]
    assert list(private_imports(tree, ("prefect",))) == ["prefect._internal"]
    assert list(private_attributes(tree)) == ["context._plan_data"]
