"""The comparison finds the written assets the same as the flow, and names one that was changed."""

from pathlib import Path

import dagster as dg
import pytest
from prefect.settings import (
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    temporary_settings,
)

from prefect_compat.comparison.judging.findings import Difference as D
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.dagster_job import record_dagster
from prefect_compat.comparison.sources.foreign_flow import CandidateTask, record_candidate
from prefect_compat.comparison.sources.matching import step_facts
from prefect_compat.comparison.sources.meter import Meter
from prefect_compat.comparison.sources.side import SideTask
from prefect_compat.comparison.verdict import judge
from prefect_compat.graph.job import JobChoice, read_plan, resolve_job
from prefect_compat.graph.project import Project
from tests.prefect_compat.skeleton.recorded import load, record, write
from tests.prefect_compat.skeleton.shop import write_shop

pytest.importorskip("ruff", reason="needs prefect-compat[eject]")
pytestmark = pytest.mark.usefixtures("prefect_server")


def dagster_record(folder: Path, defs: dg.Definitions) -> Record:
    task = SideTask(Project("written"), JobChoice(), None, "{}", "", str(folder / "dagster"))
    with dg.DagsterInstance.ephemeral() as instance:
        return record_dagster(defs, task, instance, Meter())


def flow_record(folder: Path, flow: str, defs: dg.Definitions) -> Record:
    home = folder / "candidate"
    home.mkdir()
    task = CandidateTask(
        entrypoint=flow,
        runs=((),),
        parameter=None,
        parameters="{}",
        steps=step_facts(read_plan(resolve_job(defs, JobChoice()))),
        declared={},
        reads_results=True,
        record="",
        home=str(home),
        side="candidate",
    )
    settings = {
        PREFECT_RESULTS_PERSIST_BY_DEFAULT: True,
        PREFECT_LOCAL_STORAGE_PATH: str(home / "results"),
    }
    with temporary_settings(settings):
        return record_candidate(task)


PLANTED = {
    "a constant": ("factor=3", "factor=4", {(D.CONTENT, "scale_1")}),
    "an element": ("number=numbers[1]", "number=numbers[0]", {(D.CONTENT, "scale_2")}),
    "a wait": ("deps=[prepare], ", "", {(D.EDGE, "prepare -> numbers")}),
    "a value of the flow": ("COUNT = 3", "COUNT = 4", {(D.CONTENT, "numbers")}),
}


def test_the_assets_are_identical_and_each_planted_fault_is_named(folder: Path) -> None:
    flow = f"{write_shop(folder)}:shop"
    path = write(folder, record(flow))
    text = path.read_text(encoding="utf-8")
    defs = load(path)
    right = flow_record(folder, flow, defs)
    verdict = judge(dagster_record(folder, defs), right)
    assert verdict.findings == ()
    assert {asset.asset: asset.identical for asset in verdict.assets if asset.identical} == (
        dict.fromkeys(("numbers", "scale_1", "scale_2", "scale_3", "sum_up", "doubled"), 1)
    )
    for name, (old, new, expected) in PLANTED.items():
        assert text.count(old) >= 1, old
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        found = judge(dagster_record(folder, load(path)), right).findings
        places = {(finding.kind, finding.place.partition(",")[0]) for finding in found}
        assert expected <= places, name
        # Nothing that is not downstream of the fault.
        untouched = {"prepare", "numbers", "scale_1", "scale_3"} - {place for _, place in expected}
        assert not untouched & {place for _, place in places}, name
