"""Check results that a hand-written flow reports, against those of the Dagster job."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest
from prefect.settings import (
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    temporary_settings,
)

from prefect_compat.comparison.judging.findings import Difference as D
from prefect_compat.comparison.record.record import Aspect, Record
from prefect_compat.comparison.sources.dagster_job import record_dagster
from prefect_compat.comparison.sources.foreign_flow import CandidateTask, record_candidate
from prefect_compat.comparison.sources.matching import step_facts
from prefect_compat.comparison.sources.meter import Meter
from prefect_compat.comparison.sources.side import SideTask
from prefect_compat.comparison.verdict import Verdict, judge
from prefect_compat.graph.job import JobChoice, read_plan
from prefect_compat.graph.project import Project

pytestmark = [
    pytest.mark.usefixtures("handed_over", "prefect_server"),
    pytest.mark.xdist_group("a flow by hand"),
]


@dg.asset
def numbers() -> list[int]:
    return list(map(int, os.environ["NUMBERS"].split()))


@dg.asset_check(asset=numbers, blocking=True, description="All are above 0.")
def are_positive(numbers: list[int]) -> dg.AssetCheckResult:
    least = min(numbers)
    return dg.AssetCheckResult(passed=least > 0, metadata={"least": least}, description="least")


@dg.asset(check_specs=[dg.AssetCheckSpec("is_even", asset="total")])
def total(numbers: list[int]) -> Iterator[dg.MaterializeResult[int]]:
    value = sum(numbers)
    even = dg.AssetCheckResult(passed=value % 2 == 0, severity=dg.AssetCheckSeverity.WARN)
    yield dg.MaterializeResult(value=value, check_results=[even])


DEFS = dg.Definitions([numbers, total], asset_checks=[are_positive])
PLAN = read_plan(DEFS.resolve_implicit_global_asset_job_def())

FLOW = """
import os

from prefect import flow, task
from prefect.artifacts import create_table_artifact


class CheckFailedError(Exception):
    pass


def report(asset, check, passed, **more):
    row = {"asset": asset, "check": check, "passed": passed, **more}
    create_table_artifact([row], key=f"check-{asset}-{check.replace('_', '-')}")


@task
def numbers():
    return list(map(int, os.environ["NUMBERS"].split()))


@task
def numbers_are_positive(numbers):
    passed = min(numbers) > 0
    report("numbers", "are_positive", passed)
    if not passed:
        raise CheckFailedError("numbers: are_positive")


@task
def total(numbers):
    value = sum(numbers)
    report("total", "is_even", value % 2 == 0, severity="WARN")
    return value


@flow
def everything():
    made = numbers.submit()
    checked = numbers_are_positive.submit(made)
    total.submit(made, wait_for=[checked]).result()
"""


@pytest.fixture(scope="module")
def by_dagster(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Record]:
    """Dagster's records, by the numbers: all is well, a check that only warns, one that blocks."""
    records = {}
    for values in ("1 3", "1 2", "-1 3"):
        home = str(tmp_path_factory.mktemp("dagster"))
        task = SideTask(Project(__name__), JobChoice(), None, "{}", "", home)
        with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
            patch.setenv("NUMBERS", values)
            records[values] = record_dagster(DEFS, task, instance, Meter())
    return records


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "flows.py"
    file.write_text(FLOW)
    return file


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new))


def by_prefect(file: Path, values: str) -> Record:
    home = file.parent / "home"
    home.mkdir()
    task = CandidateTask(
        entrypoint=f"{file}:everything",
        runs=((),),
        parameter=None,
        parameters="{}",
        steps=step_facts(PLAN),
        declared={},
        reads_results=True,
        record="",
        home=str(home),
        side="candidate",
    )
    results = {PREFECT_RESULTS_PERSIST_BY_DEFAULT: True, PREFECT_LOCAL_STORAGE_PATH: home}
    with pytest.MonkeyPatch.context() as patch, temporary_settings(results):
        patch.setenv("NUMBERS", values)
        return record_candidate(task)


def compared(by_dagster: Mapping[str, Record], file: Path, values: str) -> Verdict:
    return judge(by_dagster[values], by_prefect(file, values))


def results(record: Record) -> dict[str, tuple[bool, str]]:
    return {check.check.name: (check.passed, check.severity) for check in record.checks}


def states(record: Record) -> dict[str, str]:
    return {step.name: step.state for step in record.steps}


@pytest.mark.parametrize("values", ["1 3", "1 2"], ids=["they pass", "one warns"])
def test_the_same_results_are_equal(
    by_dagster: Mapping[str, Record], file: Path, values: str
) -> None:
    assert results(by_dagster[values])["is_even"] == (values == "1 3", "WARN")
    verdict = compared(by_dagster, file, values)
    assert verdict.findings == ()
    aspects = dict(verdict.not_compared)
    assert Aspect.CHECKS not in aspects
    assert aspects[Aspect.CHECK_METADATA] == "the flow reports the results alone"


def test_a_blocking_check_fails_alike(by_dagster: Mapping[str, Record], file: Path) -> None:
    """Its step fails on both sides, and what is downstream never starts."""
    expected = {"numbers": "succeeded", "numbers_are_positive": "failed", "total": "not started"}
    assert states(by_dagster["-1 3"]) == expected
    assert results(by_dagster["-1 3"]) == {"are_positive": (False, "ERROR")}
    candidate = by_prefect(file, "-1 3")
    assert states(candidate) == expected
    assert results(candidate) == {"are_positive": (False, "ERROR")}
    assert judge(by_dagster["-1 3"], candidate).findings == ()


PLANTED = {
    "another result": ("value % 2 == 0", "True", "total:is_even"),
    "another severity": ('severity="WARN"', 'severity="ERROR"', "total:is_even"),
    "a missing check": ('    report("total"', '    str("total")  # ', "total:is_even"),
    "another name": ('"total", "is_even"', '"total", "even"', "total:is_even"),
    "a partition": ('severity="WARN"', 'severity="WARN", partition="1"', "total[1]:is_even"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_another_result_is_found(
    by_dagster: Mapping[str, Record], file: Path, planted: str
) -> None:
    old, new, place = PLANTED[planted]
    change(file, old, new)
    findings = compared(by_dagster, file, "1 2").findings
    assert {finding.kind for finding in findings} == {D.CHECK}
    assert place in {finding.place for finding in findings}


def test_a_description_is_compared_if_the_flow_gives_one(
    by_dagster: Mapping[str, Record], file: Path
) -> None:
    change(file, '"are_positive", passed)', '"are_positive", passed, description="lowest")')
    (finding,) = compared(by_dagster, file, "1 3").findings
    assert (finding.kind, finding.left, finding.right) == (D.DESCRIPTION, "least", "lowest")


def test_without_artifacts_checks_are_unknown(by_dagster: Mapping[str, Record], file: Path) -> None:
    change(file, "    create_table_artifact(", "    dict(data=")
    verdict = compared(by_dagster, file, "1 3")
    assert verdict.findings == ()
    assert "reports none" in dict(verdict.not_compared)[Aspect.CHECKS]
