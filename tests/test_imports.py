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
        "upstream_fixes.private_names",
        "upstream_fixes.batched_events",
        "upstream_fixes.event_log_storage",
        "upstream_fixes.in_memory_event_log_storage",
        "upstream_fixes.postgres_event_log_storage",
        "store.locks",
        "store.staging",
        "store.durable",
        "store.workers",
        "store.kept",
        "store.tables",
        "store.canonical_json",
        "store.provenance",
        "store.failures",
        "event_log.schema",
        "event_log.blocks",
        "event_log.dates",
        "event_log.columns",
        "event_log.parsing",
        "event_log.reading",
        "event_log.archive",
        "event_log.parts",
        "event_log.download",
        "event_log.synthetic",
        "event_log.sources",
        "event_log.simulate",
        "event_log.ingest",
        "event_log.parsed",
        "event_log.live",
        "event_log.cache",
        "evaluation.keys",
        "evaluation.populations",
        "evaluation.features",
        "evaluation.models",
        "evaluation.named_models",
        "evaluation.sample",
        "evaluation.scores",
        "evaluation.jackknife",
        "evaluation.intervals",
        "evaluation.multiple_tests",
        "evaluation.slices",
        "evaluation.change",
        "evaluation.alert_limits",
        "settings",
        "evaluation.input_drift",
        "evaluation.model_scores",
        "evaluation.boosting",
        "evaluation.training",
        "evaluation.summary",
        "evaluation.drift",
        "evaluation.alerts",
        "evaluation.report",
        "training_rows",
        "store.split",
        "store.digests",
        "store.encode",
        "store.local",
        "store.bucket",
        "store.place",
        "store.read",
        "store.large",
        "store.day_locks",
        "store.io_manager",
        "previews",
        "catalog",
        "declarations",
        "late_rows",
        "resources",
        "configured",
        "model_assets",
        "assets",
        "live_log",
        "report_charts",
        "report_page",
        "report_assets",
        "daily_evaluations",
        "checks",
        "notices",
        "automation",
        "upstream_fixes.dask_executor",
        "executors",
        "definitions",
        "figures",
        "mlflow_export",
    ),
    "prefect_compat": (
        "errors",
        "progress",
        "counted",
        "garbage",
        "start",
        "signals",
        "pages",
        "graph.ids",
        "graph.plan",
        "engine.dagster_port.graph",
        "engine.dagster_port.attempt",
        "engine.dagster_port.instance",
        "engine.dagster_port.run",
        "engine.dagster_port.events",
        "engine.dagster_port.definitions",
        "engine.dagster_port.executors",
        "engine.dagster_port.step_facts",
        "engine.dagster_port.resources",
        "engine.dagster_port.run_config",
        "engine.dagster_port.workspace",
        "flow.prefect_port",
        "server.process",
        "server.database",
        "server.temporary",
        "server.api",
        "graph.partitions",
        "graph.project",
        "graph.project_settings",
        "graph.feature_table",
        "graph.job",
        "graph.features",
        "graph.job_source",
        "engine.result",
        "engine.run",
        "engine.step",
        "flow.result",
        "flow.asset_uris",
        "flow.caching",
        "flow.artifacts",
        "flow.parameters",
        "flow.run_handle",
        "flow.task_runners",
        "flow.task",
        "flow.wiring",
        "flow.upstream",
        "flow.submit",
        "flow.serve",
        "flow.build",
        "pytest_fixture",
        "testing",
        "flow.served_flow",
        "lineage.graph",
        "lineage.lettering",
        "lineage.drawing",
        "lineage.svg",
        "lineage.mermaid",
        "lineage.document",
        "lineage.openlineage",
        "lineage.page",
        "comparison.fingerprint.parts",
        "comparison.fingerprint.state",
        "comparison.fingerprint.time_zones",
        "comparison.fingerprint.objects",
        "comparison.fingerprint.texts",
        "comparison.fingerprint.numpy_values",
        "comparison.fingerprint.arrow_buffers",
        "comparison.fingerprint.arrow_values",
        "comparison.fingerprint.pandas_values",
        "comparison.fingerprint.known_types",
        "comparison.fingerprint.fingerprint",
        "comparison.record.record",
        "comparison.record.dynamic_partitions",
        "comparison.record.files",
        "comparison.record.versions",
        "comparison.faults",
        "comparison.injection",
        "comparison.diff.declared",
        "comparison.diff.columns",
        "comparison.diff.differences",
        "comparison.sources.stores",
        "comparison.sources.work",
        "comparison.record.events",
        "comparison.record.contents",
        "comparison.record.stopwatch",
        "comparison.record.task_runs",
        "comparison.record.check_artifacts",
        "comparison.record.flow_runs",
        "comparison.sources.prefect_server",
        "comparison.sources.meter",
        "comparison.sources.process_body",
        "comparison.sources.place",
        "comparison.sources.side",
        "comparison.sources.folder",
        "comparison.sources.as_declared",
        "comparison.sources.empty_store",
        "comparison.sources.dagster_job",
        "comparison.sources.derived_flow",
        "comparison.diff.text_rows",
        "comparison.diff.connection",
        "comparison.diff.values",
        "comparison.diff.profile",
        "comparison.diff.alignment",
        "comparison.diff.tables",
        "comparison.diff.rows",
        "comparison.sources.source",
        "comparison.sources.project_source",
        "comparison.sources.project_store",
        "comparison.sources.layout",
        "comparison.sources.file_store",
        "comparison.sources.matching",
        "comparison.sources.candidate_steps",
        "comparison.sources.candidate_results",
        "comparison.sources.foreign_flow",
        "comparison.sources.candidate_values",
        "comparison.sources.candidate_place",
        "comparison.sources.candidate",
        "comparison.sources.stored_outputs",
        "comparison.sources.base_stores",
        "comparison.sources.choice",
        "comparison.sources.shadowed",
        "comparison.judging.findings",
        "comparison.judging.described",
        "comparison.judging.outputs",
        "comparison.judging.behaviour",
        "comparison.judging.catalogue",
        "comparison.verdict",
        "comparison.costs",
        "comparison.noise",
        "comparison.waivers",
        "comparison.rerun",
        "comparison.comparison",
        "comparison.history",
        "comparison.failure_matrix",
        "comparison.report.document",
        "comparison.report.headline",
        "comparison.report.conclusion",
        "comparison.shadow",
        "comparison.report.row_words",
        "comparison.report.junit",
        "comparison.report.markdown",
        "comparison.report.history_page",
        "comparison.report.text",
        "comparison.report.charts",
        "comparison.report.profiles",
        "comparison.report.html",
        "eject.rules.rule",
        "eject.rules.types",
        "eject.rules.values",
        "eject.rules.results",
        "eject.rules.context",
        "eject.rules.all_rules",
        "eject.names",
        "eject.scopes",
        "eject.literals",
        "eject.templates",
        "eject.source",
        "eject.modules",
        "eject.contexts",
        "eject.extraction",
        "eject.shape",
        "eject.job_config",
        "eject.partitions",
        "eject.steps",
        "eject.secret_values",
        "eject.resource_code",
        "eject.resource_functions",
        "eject.resources",
        "eject.module_files",
        "eject.flow_scope",
        "eject.task_code",
        "eject.flow_file",
        "eject.formatting",
        "eject.support_files",
        "eject.header",
        "eject.left_out",
        "eject.project_files",
        "eject.written",
        "eject.state",
        "eject.eject",
        "skeleton.facts",
        "skeleton.constants",
        "skeleton.arguments",
        "skeleton.functions",
        "skeleton.task_options",
        "skeleton.task_calls",
        "skeleton.run_reader",
        "skeleton.recording",
        "skeleton.asset_names",
        "skeleton.asset_code",
        "skeleton.flow_module",
        "skeleton.definitions_file",
        "skeleton.project_files",
        "skeleton.skeleton",
        "skeleton.recorder",
        "cli.exit_codes",
        "cli.options",
        "cli.progress",
        "cli.row_options",
        "cli.source_options",
        "cli.output_files",
        "cli.run",
        "cli.serve",
        "cli.plan",
        "cli.eject",
        "cli.skeleton",
        "cli.explain",
        "cli.lineage",
        "cli.compare",
        "cli.history",
        "cli.shadow",
        "cli.doctor",
        "cli.main",
        "__main__",
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
    for room in ("evaluation", "event_log"):
        for path in (root / "ticket_assets" / room).glob("*.py"):
            assert not packages(path) & ORCHESTRATORS, path


def test_the_examples_know_neither_the_tickets_nor_each_other(root: Path) -> None:
    for path in (root / "examples").rglob("*.py"):
        assert "ticket_assets" not in packages(path), path
        others = {
            name
            for name in imported(path)
            if name.startswith(("examples.iris_assets", "examples.taxi_assets"))
            and path.parent.name not in name
        }
        assert not others, path
        assert not {name for name in imported(path) if "ticket_flow" in name}, path


def test_the_deployment_needs_no_tools(root: Path) -> None:
    for path in (root / "deployment").rglob("*.py"):
        assert not packages(path) & {"tools", "tests", "benchmarks"}, path


@pytest.mark.parametrize("package", ROOMS)
def test_nothing_points_back_up(root: Path, package: str) -> None:
    order = ROOMS[package]
    found = modules(root, package)
    assert set(found) == set(order)
    for name, path in found.items():
        below = order[: order.index(name)]
        own = {target.removeprefix(f"{package}.") for target in imported(path)} & set(order)
        assert own <= set(below), f"{name} imports {sorted(own - set(below))}"
