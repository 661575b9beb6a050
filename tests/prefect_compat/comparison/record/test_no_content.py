"""Outputs without a stored value are compared by their records, and nothing more is claimed."""

from pathlib import Path

import dagster as dg
import pytest

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.judging.findings import Difference
from prefect_compat.comparison.report.text import describe
from prefect_compat.comparison.sources.dagster_job import record_dagster
from prefect_compat.comparison.sources.derived_flow import record_prefect
from prefect_compat.comparison.sources.meter import Meter
from prefect_compat.comparison.sources.side import SideTask
from prefect_compat.comparison.sources.work import Work
from prefect_compat.comparison.verdict import judge
from prefect_compat.graph.ids import StepId, StepOutputId
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project

pytestmark = pytest.mark.usefixtures("prefect_server")


def comparison(root: Path, dagster: dg.Definitions, prefect: dg.Definitions) -> Comparison:
    """The definitions' job `the_job` under either orchestrator."""
    tasks = {
        side: SideTask(
            Project("p"), JobChoice("the_job"), None, "{}", record="", home=str(root / side)
        )
        for side in ("dagster", "prefect")
    }
    with dg.DagsterInstance.ephemeral() as instance:
        left = record_dagster(dagster, tasks["dagster"], instance, Meter())
    right = record_prefect(prefect, tasks["prefect"], Meter())
    work = Work(Project("p"), JobChoice("the_job"), None, "{}", ("MY_STORE",))
    return Comparison(work, left, right, judge(left, right), (), None)


def assets(rows: int = 3) -> dg.Definitions:
    @dg.asset
    def told() -> None: ...

    @dg.asset
    def bare() -> dg.MaterializeResult[object]:
        return dg.MaterializeResult(metadata={"rows": rows})

    @dg.asset(deps=[bare])
    def by_hand(context: dg.AssetExecutionContext) -> dg.Output[None]:
        return dg.Output(None, metadata={"rows": rows})

    return dg.Definitions(
        [told, bare, by_hand],
        jobs=[dg.define_asset_job("the_job")],
        resources={"io_manager": dg.mem_io_manager},
        executor=dg.in_process_executor,
    )


def test_assets_without_a_stored_value_raise_no_alarm(tmp_path: Path) -> None:
    found = comparison(tmp_path, assets(), assets())
    assert found.verdict.holds, found.verdict.findings
    assert (found.verdict.compared, found.verdict.without_content) == (0, 3)
    text = describe(found).splitlines()
    assert text[1].split() == ["bare", "1", "1", "0", "1", "without", "content", "to", "compare"]
    assert text[-1] == "Identical under both: 3 assets were recorded, with no content to compare."


def test_what_was_recorded_of_them_still_counts(tmp_path: Path) -> None:
    found = comparison(tmp_path, assets(), assets(rows=4))
    assert [(f.kind, f.place) for f in found.verdict.findings] == [
        (Difference.METADATA, "bare, rows"),
        (Difference.METADATA, "by_hand, rows"),
    ]


def ops(manager: object) -> dg.Definitions:
    @dg.op
    def one() -> int:
        return 1

    @dg.op(out=dg.DynamicOut())
    def several(one: int):  # type: ignore[no-untyped-def]
        for name in "ab":
            yield dg.DynamicOutput(one, mapping_key=name)

    @dg.op
    def done(part: int) -> None: ...

    @dg.job(
        resource_defs={"io_manager": manager},  # type: ignore[dict-item]
        executor_def=dg.in_process_executor,
    )
    def the_job() -> None:
        several(one()).map(done)

    return dg.Definitions(jobs=[the_job])


def test_each_output_of_an_op_is_compared_a_dynamic_one_by_its_key(tmp_path: Path) -> None:
    sides = (
        ops(dg.FilesystemIOManager(base_dir=str(tmp_path / side / "store")))
        for side in ("dagster", "prefect")
    )
    found = comparison(tmp_path, *sides)
    assert found.verdict.holds, found.verdict.findings
    assert {entry.output for entry in found.left.outputs} == {
        StepOutputId(0, StepId("one"), "result"),
        StepOutputId(0, StepId("several"), "result", "a"),
        StepOutputId(0, StepId("several"), "result", "b"),
    }
    assert (found.verdict.identical, found.verdict.compared) == (3, 3)
    assert found.left.files == found.right.files
    assert "run 1/several/result/a" in found.left.files


def test_values_that_were_kept_in_memory_are_not_called_different(tmp_path: Path) -> None:
    found = comparison(tmp_path, ops(dg.mem_io_manager), ops(dg.mem_io_manager))
    assert found.verdict.holds, found.verdict.findings
    assert found.verdict.without_content == 3
    assert describe(found).splitlines()[-1] == (
        "Identical under both: 3 outputs were recorded, with no content to compare."
    )
