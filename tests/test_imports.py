"""Imports run one way, as the layout promises."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ORCHESTRATORS = {"dagster", "dagster_dask", "prefect", "prefect_dask"}

# A room stands above all that it imports of its own package.
ROOMS = {
    "ticket_assets": (
        "errors",
        "addresses",
        "days",
        "locks",
        "staging",
        "workers",
        "tables",
        "event_log.schema",
        "event_log.blocks",
        "event_log.parsing",
        "event_log.archive",
        "event_log.parts",
        "event_log.download",
        "event_log.synthetic",
        "event_log.sources",
        "event_log.ingest",
        "event_log.cache",
        "settings",
        "evaluation",
        "bucket",
        "places",
        "storage",
        "previews",
        "catalog",
        "recipes",
        "assets",
        "checks",
        "notices",
        "automation",
        "dagster_storage",
        "dask_execution",
        "execution",
        "definitions",
        "figures",
    ),
    "prefect_compat": (
        "errors",
        "signals",
        "temporary_server",
        "server_database",
        "server",
        "serving",
        "plan",
        "partitions",
        "project",
        "project_settings",
        "features",
        "source",
        "event_log",
        "execution",
        "invocation",
        "caching",
        "artifacts",
        "parameters",
        "handle",
        "runners",
        "tasks",
        "wiring",
        "flow",
        "in_process",
        "served",
        "lineage.graph",
        "lineage.lettering",
        "lineage.drawing",
        "lineage.svg",
        "lineage.mermaid",
        "lineage.document",
        "lineage.openlineage",
        "pages",
        "lineage.page",
        "parity.plain",
        "parity.state",
        "parity.zones",
        "parity.objects",
        "parity.columns",
        "parity.known",
        "parity.fingerprint",
        "parity.as_text",
        "parity.record",
        "parity.dynamic",
        "parity.files",
        "parity.injection",
        "parity.work",
        "parity.events",
        "parity.contents",
        "parity.rows",
        "parity.stopwatch",
        "parity.side",
        "parity.folder",
        "parity.empty_store",
        "parity.prefect_api",
        "parity.run_dagster",
        "parity.run_prefect",
        "parity.verdict",
        "parity.costs",
        "parity.comparison",
        "parity.matrix",
        "parity.charts",
        "parity.page",
        "cli",
        "ticket_flow",
    ),
}


def modules(root: Path, package: str) -> dict[str, Path]:
    """Every module of the package but the `__init__` files, by its name below it."""
    return {
        ".".join(path.relative_to(root / package).with_suffix("").parts): path
        for path in sorted((root / package).rglob("*.py"))
        if path.name != "__init__.py"
    }


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def test_the_layer_knows_no_ticket_and_the_tickets_know_no_prefect(root: Path) -> None:
    knows = {
        name
        for name, path in modules(root, "prefect_compat").items()
        if "ticket_assets" in packages(path)
    }
    assert knows == {"ticket_flow"}
    for path in modules(root, "ticket_assets").values():
        assert not packages(path) & {"prefect", "prefect_compat"}, path


def test_the_evaluation_knows_no_orchestrator(root: Path) -> None:
    assert not packages(root / "ticket_assets" / "evaluation.py") & ORCHESTRATORS
    for path in (root / "ticket_assets" / "event_log").glob("*.py"):
        assert not packages(path) & ORCHESTRATORS, path


@pytest.mark.parametrize("package", ROOMS)
def test_nothing_points_back_up(root: Path, package: str) -> None:
    order = ROOMS[package]
    found = modules(root, package)
    assert set(found) == set(order)
    for name, path in found.items():
        below = order[: order.index(name)]
        own = {target.removeprefix(f"{package}.") for target in imported(path)} & set(order)
        assert own <= set(below), f"{name} imports {sorted(own - set(below))}"
