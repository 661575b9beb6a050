"""Private names of Dagster stay in `upstream_fixes`, and only those without a public home."""

import ast
from pathlib import Path

import dagster as dg
import pytest

from ticket_assets.upstream_fixes import private_names


@pytest.mark.parametrize("name", private_names.__all__)
def test_upstream_still_does_not_export(name: str) -> None:
    """If this fails, Dagster exports the name: import it from `dagster`."""
    assert not hasattr(dg, name)


def private_parts(path: Path) -> list[str]:
    """Modules of Dagster with a leading underscore that the file imports or names in its text."""
    named = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            named += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named += node.value.split()  # as in importlib.import_module("dagster._core")
    return [
        name
        for name in named
        if name.startswith(("dagster", "dg."))
        and any(part.startswith("_") and part != "__init__" for part in name.split(".")[1:])
    ]


def test_no_other_module_names_a_private_part_of_dagster(root: Path) -> None:
    folders = ("ticket_assets", "examples", "deployment", "tools", "benchmarks")
    offenders = {
        str(path.relative_to(root)): private_parts(path)
        for folder in folders
        for path in (root / folder).rglob("*.py")
        if path.parent.name != "upstream_fixes"
    }
    assert len(offenders) > 50
    assert {path: names for path, names in offenders.items() if names} == {}


def test_a_planted_import_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "planted.py"
    path.write_text(
        "import dagster._core.events\nfrom dagster._serdes import whitelist_for_serdes\n"
        "from dagster import _check\nimport dagster\nimport dagster_dask.executor\n"
    )
    assert private_parts(path) == [
        "dagster._core.events",
        "dagster._serdes.whitelist_for_serdes",
        "dagster._check",
    ]
