"""The table of features is what the code does, and what the documentation says."""

from pathlib import Path

import dagster as dg
import pytest

from prefect_compat import as_flow
from prefect_compat.errors import DefinitionError
from prefect_compat.graph.features import FEATURES, Verdict, explain, markdown
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
    assert [e.definition for e in explain(defs) if e.feature.verdict is Verdict.REFUSED] == [
        "limited"
    ]


@pytest.mark.parametrize("kwargs", [{}, {"job": "a", "selection": "*"}])
def test_a_job_or_a_selection_is_asked_for(kwargs: dict[str, str]) -> None:
    with pytest.raises(DefinitionError, match="one of them"):
        as_flow(dg.Definitions(), **kwargs)


@pytest.mark.parametrize("selection", ["key:nothing_like_it", "key:(", ["missing"]])
def test_a_selection_of_nothing_is_refused(selection: object) -> None:
    @dg.asset
    def thing() -> int:
        return 1

    with pytest.raises(DefinitionError, match=r"selection|selects no executable asset"):
        as_flow(dg.Definitions([thing]), selection=selection)


def test_names_are_unique() -> None:
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)


def test_the_documentation_has_the_table_as_it_is_in_the_code(root: Path) -> None:
    """`python -m prefect_compat.graph.features` makes it anew."""
    assert markdown() in (root / "docs" / "features.md").read_text(encoding="utf-8")
