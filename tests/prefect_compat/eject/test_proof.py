"""A written project is the same as the Dagster job, and what is wrong in one is found."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from prefect_compat.comparison.verdict import Verdict, judge
from tests.prefect_compat.eject.bakery_faults import FAULTS, HARMLESS, UNSEEN
from tests.prefect_compat.eject.bakery_runs import (
    CASES,
    DagsterRuns,
    candidate_record,
    ejected_files,
    written,
)

pytestmark = [
    pytest.mark.usefixtures("handed_over", "prefect_server"),
    pytest.mark.xdist_group("the bakery ejected"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The files of the written project."""
    return ejected_files(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> DagsterRuns:
    """Dagster's records, made once for all tests of this module."""
    return DagsterRuns(tmp_path_factory.mktemp("dagster"))


@pytest.fixture
def project(files: Mapping[str, str], tmp_path: Path) -> Path:
    return written(tmp_path / "out", files)


def compared(dagster: DagsterRuns, project: Path, case: str = "two days") -> Verdict:
    return judge(dagster.record(case), candidate_record(project, CASES[case], dagster.plan))


@pytest.mark.nightly
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_written_code_is_found(
    dagster: DagsterRuns, project: Path, name: str
) -> None:
    fault = FAULTS[name]
    fault.plant(project)
    findings = compared(dagster, project, fault.case).findings
    assert [f for f in findings if f.kind is fault.kind and f.place.startswith(fault.place)], [
        f"{finding.kind}: {finding.place}" for finding in findings
    ]


@pytest.mark.nightly
@pytest.mark.parametrize("name", UNSEEN)
def test_a_fault_that_is_not_seen(dagster: DagsterRuns, project: Path, name: str) -> None:
    """Each has its reason in the table; one that is found belongs to the faults."""
    fault = UNSEEN[name]
    fault.plant(project)
    assert compared(dagster, project, fault.case).findings == ()


@pytest.mark.nightly
@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_edit_raises_no_alarm(dagster: DagsterRuns, project: Path, name: str) -> None:
    HARMLESS[name].plant(project)
    assert compared(dagster, project).findings == ()
