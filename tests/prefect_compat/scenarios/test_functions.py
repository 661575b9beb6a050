"""Multi-assets, graphs, dynamic outputs, generators, async functions, hooks."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prefect_compat import as_flow
from prefect_compat.flow.build import FlowResult
from tests.prefect_compat.graphs import project, stored
from tests.prefect_compat.scenarios.agreement import agree

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_multi_asset_with_internal_dependencies(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.multi_asset(
            outs={"one": dg.AssetOut(), "two": dg.AssetOut(is_required=False)},
            internal_asset_deps={"one": set(), "two": {dg.AssetKey("one")}},
        )
        def both() -> Iterator[dg.Output[int]]:
            yield dg.Output(1, "one")
            yield dg.Output(2, "two")

        @dg.asset
        def total(one: int, two: int) -> int:
            return one + two

        return project(root, [both, total])

    assert agree(tmp_path, build).stored == {"one": 1, "two": 2, "total": 3}


def test_what_waits_for_an_output_that_is_not_yielded_is_skipped_and_what_waits_for_it(
    tmp_path: Path,
) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.multi_asset(
            specs=[dg.AssetSpec("kept", skippable=True), dg.AssetSpec("left_out", skippable=True)]
        )
        def some() -> Iterator[dg.MaterializeResult[Any]]:
            yield dg.MaterializeResult("kept")

        @dg.asset(deps=["kept"])
        def after_kept() -> int:
            return 1

        @dg.asset(deps=["left_out"])
        def after_left_out() -> int:
            return 1

        @dg.asset
        def further(after_left_out: int) -> int:
            return after_left_out

        return project(root, [some, after_kept, after_left_out, further])

    outcome = agree(tmp_path, build)
    assert outcome.states == {
        "some": "Completed",
        "after_kept": "Completed",
        "after_left_out": "Skipped",
        "further": "Skipped",
    }


def test_a_selection_of_a_subsettable_multi_asset(tmp_path: Path) -> None:
    @dg.multi_asset(
        outs={name: dg.AssetOut(is_required=False) for name in ("one", "two", "three")},
        can_subset=True,
    )
    def several(context: dg.AssetExecutionContext) -> Iterator[dg.Output[int]]:
        for name in sorted(context.op_execution_context.selected_output_names):
            yield dg.Output(len(context.selected_asset_keys), name)

    defs = dg.Definitions([several], resources=project(tmp_path, []).resources)
    as_flow(defs, selection="key:one or key:three")()
    assert stored(tmp_path) == {"one": 2, "three": 2}


def test_nested_graphs_with_a_configuration_mapping(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.op(config_schema={"by": int})
        def times(context: dg.OpExecutionContext, value: int) -> int:
            return int(value * context.op_config["by"])

        @dg.op
        def plus_one(value: int) -> int:
            return value + 1

        @dg.graph(
            config=dg.ConfigMapping(lambda c: {"times": {"config": {"by": c["k"]}}}, {"k": int})
        )
        def scaled(value: int) -> int:
            return plus_one(times(value))  # type: ignore[no-any-return]

        @dg.asset
        def start() -> int:
            return 5

        @dg.graph_asset
        def grown(start: int) -> int:
            return scaled(scaled.alias("first")(start))  # type: ignore[no-any-return]

        @dg.graph_multi_asset(outs={"low": dg.AssetOut(), "high": dg.AssetOut()})
        def split(grown: int) -> dict[str, Any]:
            return {"low": plus_one(grown), "high": plus_one.alias("again")(plus_one(grown))}

        return project(root, [start, grown, split])

    ops = {"first": {"config": {"k": 2}}, "scaled": {"config": {"k": 3}}}
    outcome = agree(tmp_path, build, run_config={"ops": {"grown": {"ops": ops}}})
    assert outcome.stored["grown"] == (5 * 2 + 1) * 3 + 1
    assert "grown.first.times" in outcome.states


@pytest.mark.parametrize("count", [0, 3])
def test_dynamic_outputs_are_mapped_and_collected(tmp_path: Path, count: int) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.op(out=dg.DynamicOut(int))
        def pieces() -> Iterator[dg.DynamicOutput[int]]:
            for number in range(count):
                yield dg.DynamicOutput(number, mapping_key=f"n{number}")

        @dg.op
        def double(value: int) -> int:
            return 2 * value

        @dg.op
        def total(values: list[int]) -> int:
            return sum(values)

        @dg.graph_asset
        def summed() -> int:
            return total(pieces().map(double).map(double.alias("again")).collect())  # type: ignore[no-any-return]

        @dg.asset
        def after(summed: int) -> int:
            return summed + 1

        return project(root, [summed, after])

    outcome = agree(tmp_path, build)
    assert outcome.stored["after"] == 4 * sum(range(count)) + 1
    assert ("summed.again[n2]" in outcome.states) is (count > 0)


def test_a_piece_that_fails_leaves_the_others_running(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.op(out=dg.DynamicOut(int))
        def pieces() -> Iterator[dg.DynamicOutput[int]]:
            yield dg.DynamicOutput(0, mapping_key="zero")
            yield dg.DynamicOutput(1, mapping_key="one")

        @dg.op
        def inverse(value: int) -> float:
            return 1 / value

        @dg.op
        def total(values: list[float]) -> float:
            return sum(values)

        @dg.graph_asset
        def summed() -> float:
            return total(pieces().map(inverse).collect())  # type: ignore[no-any-return]

        return project(root, [summed])

    outcome = agree(tmp_path, build)
    assert outcome.states["summed.inverse[zero]"] == "Failed"
    assert outcome.states["summed.inverse[one]"] == "Completed"
    assert "summed.total" not in outcome.states


def test_generators_async_functions_and_async_generators(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.asset
        async def waited() -> int:
            await asyncio.sleep(0.01)
            return 1

        @dg.asset
        def generated(context: dg.AssetExecutionContext) -> Iterator[Any]:
            yield dg.AssetObservation("elsewhere", metadata={"seen": 1})
            yield dg.Output(2, metadata={"by": "generator"})

        @dg.multi_asset(outs={"one": dg.AssetOut(), "two": dg.AssetOut()})
        async def streamed():  # type: ignore[no-untyped-def]  # Dagster reads the annotation
            yield dg.Output(1, "one")
            await asyncio.sleep(0.01)
            yield dg.Output(2, "two")

        return project(root, [waited, generated, streamed])

    assert agree(tmp_path, build).stored == {"waited": 1, "generated": 2, "one": 1, "two": 2}


def test_hooks_are_called(tmp_path: Path) -> None:
    called: list[tuple[str, str]] = []

    def build(root: Path) -> dg.Definitions:
        @dg.success_hook
        def praise(context: dg.HookContext) -> None:
            called.append((root.name, f"praise {context.op.name}"))

        @dg.failure_hook
        def blame(context: dg.HookContext) -> None:
            called.append((root.name, f"blame {context.op_exception}"))

        @dg.asset(hooks={praise, blame})
        def good() -> int:
            return 1

        @dg.asset(hooks={praise, blame})
        def bad() -> int:
            raise ValueError("no")

        return project(root, [good, bad])

    agree(tmp_path, build)
    by_side = {side: sorted(text for name, text in called if name == side) for side, _ in called}
    assert by_side == {side: ["blame no", "praise good"] for side in ("dagster", "prefect")}


def test_op_jobs_and_graph_jobs(tmp_path: Path) -> None:
    @dg.op
    def number() -> int:
        return 20

    @dg.op
    def half(value: int) -> int:
        return value // 2

    @dg.op
    def total(values: list[int]) -> int:
        return sum(values)

    @dg.job(tags={"kind": "op job"})
    def the_job() -> None:
        total([half(number()), number.alias("other")()])

    defs = dg.Definitions(jobs=[the_job])
    result: FlowResult = as_flow(defs, job="the_job")()
    assert [str(step.step) for step in result.steps] == ["number", "half", "other", "total"]
