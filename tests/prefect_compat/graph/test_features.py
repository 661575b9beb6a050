"""The table of features is what the code does, and what the documentation says."""

import ast
import inspect
from pathlib import Path

import dagster as dg
import pytest

from prefect_compat import as_flow
from prefect_compat.errors import DefinitionError
from prefect_compat.graph import features
from prefect_compat.graph.feature_table import FEATURES, WITHOUT_EFFECT, Treatment
from prefect_compat.graph.features import PARAMETERS, explain, markdown
from tests.prefect_compat.graphs import DAYS, project


def features_of(defs: dg.Definitions) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in explain(defs):
        found.setdefault(entry.definition, set()).add(entry.feature.name)
    return found


def test_each_feature_is_found_where_it_is_used(tmp_path: Path) -> None:
    class Size(dg.Config):
        size: int = 1

    @dg.op(out=dg.DynamicOut(int))
    def pieces():  # type: ignore[no-untyped-def]  # Dagster reads the annotation
        yield dg.DynamicOutput(1, mapping_key="a")

    @dg.op(pool="database", retry_policy=dg.RetryPolicy(max_retries=1))
    def total(values: list[int]) -> int:
        return sum(values)

    @dg.graph_asset
    def collected() -> int:
        return total(pieces().collect())  # type: ignore[no-any-return]

    @dg.asset(partitions_def=DAYS, deps=[collected], code_version="1")
    async def daily(config: Size) -> int:
        return 1

    @dg.multi_asset(specs=[dg.AssetSpec("one"), dg.AssetSpec("two")], can_subset=True)
    def several():  # type: ignore[no-untyped-def]  # Dagster reads the annotation
        ...

    @dg.asset_check(asset=daily, blocking=True)
    def gate() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    found = features_of(project(tmp_path, [collected, daily, several, dg.AssetSpec("far")], [gate]))
    assert found["collected"] >= {"graph-backed asset", "dynamic outputs", "pool", "retry policy"}
    assert found["daily"] >= {
        "async function",
        "`Config` class",
        "time-window partitions",
        "a run for each partition, or for each few",
        "asset dependencies without values (`deps`)",
        "code version",
    }
    assert found["one, two"] >= {"multi-asset", "subsettable multi-asset"}
    assert found["daily:gate"] >= {"asset check", "blocking check"}
    assert "external asset" in found["far"]
    assert "asset job" in found["the_job"]


def test_what_is_refused_is_named_with_its_reason_before_anything_runs() -> None:
    @dg.asset
    def thing() -> int:
        return 1

    limited = dg.define_asset_job("limited", tags={"dagster/max_runtime": "60"})
    defs = dg.Definitions([thing], jobs=[limited])
    with pytest.raises(DefinitionError, match=r"'limited' uses time limit of a run: .*timeout"):
        as_flow(defs, job="limited")
    assert [e.definition for e in explain(defs) if e.feature.treatment is Treatment.REFUSED] == [
        "limited"
    ]


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({}, "The project has no assets that can be run and no jobs."),
        ({"job": "a", "selection": "*"}, "Pass the name of a job or a selection of assets, not"),
    ],
)
def test_a_job_without_anything_to_run_is_refused(kwargs: dict[str, str], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        as_flow(dg.Definitions(), **kwargs)


@pytest.mark.parametrize("selection", ["key:nothing_like_it", "key:(", ["missing"]])
def test_a_selection_of_nothing_is_refused(selection: object) -> None:
    @dg.asset
    def thing() -> int:
        return 1

    with pytest.raises(
        DefinitionError,
        match=r"selects no asset that can be run; there are thing|Dagster refuses the selection",
    ):
        as_flow(dg.Definitions([thing]), selection=selection)


def test_names_are_unique() -> None:
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)


def test_the_documentation_has_the_table_as_it_is_in_the_code(root: Path) -> None:
    """`python -m prefect_compat.graph.features` makes it anew."""
    assert markdown() in (root / "docs" / "features.md").read_text(encoding="utf-8")


DECORATORS = (
    dg.asset,
    dg.multi_asset,
    dg.graph_asset,
    dg.graph_multi_asset,
    dg.observable_source_asset,
    dg.multi_observable_source_asset,
    dg.asset_check,
    dg.multi_asset_check,
    dg.op,
    dg.graph,
    dg.job,
    dg.define_asset_job,
    dg.schedule,
    dg.sensor,
    dg.AssetSpec,
)


@pytest.mark.parametrize("decorator", DECORATORS, ids=lambda decorator: decorator.__name__)
def test_each_parameter_of_dagster_s_decorators_has_a_treatment(decorator: object) -> None:
    """Fails when a version of Dagster brings a parameter that nobody has decided about."""
    assert callable(decorator)
    undecided = set(inspect.signature(decorator).parameters) - PARAMETERS
    assert undecided == set()


def test_no_parameter_has_two_treatments() -> None:
    names = [name for feature in FEATURES for name in feature.parameters]
    assert sorted(names) == sorted({*names} - {*WITHOUT_EFFECT})


def test_each_feature_is_proved_by_a_test_that_exists(root: Path) -> None:
    missing = []
    for feature in FEATURES:
        file, *names = feature.proof.split("::")
        tree = ast.parse((root / "tests" / "prefect_compat" / file).read_text(encoding="utf-8"))
        body: list[ast.stmt] = tree.body
        for name in names:
            entries = [
                node
                for node in body
                if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name
            ]
            if not entries:
                missing.append(feature.proof)
            body = entries[0].body if entries else []
    assert missing == []


def test_what_the_table_does_not_know_is_reported_as_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown_of(defs: dg.Definitions) -> list[tuple[str, str]]:
        return [
            (entry.definition, entry.feature.name)
            for entry in explain(defs)
            if entry.feature.treatment is Treatment.UNKNOWN
        ]

    defs = dg.Definitions([dg.AssetSpec("a", code_version="1"), dg.AssetSpec("b")])
    assert unknown_of(defs) == []
    # As if this version of Dagster had brought the parameter `code_version`.
    monkeypatch.setattr(features, "PARAMETERS", PARAMETERS - {"code_version"})
    assert unknown_of(defs) == [("a, b", "`code_version` of an asset")]


def test_hooks_of_an_asset_are_listed() -> None:
    @dg.success_hook
    def announce(context: dg.HookContext) -> None: ...

    @dg.asset(hooks={announce})
    def loud() -> None: ...

    names = {entry.feature.name for entry in explain(dg.Definitions([loud]))}
    assert "hooks" in names
