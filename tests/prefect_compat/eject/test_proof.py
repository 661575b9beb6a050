"""A written project is the same as the Dagster job, and what is wrong in one is found."""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from prefect_compat.comparison.sources.prefect_server import RunningServer
from prefect_compat.comparison.verdict import Verdict, judge
from tests.prefect_compat.eject.bakery_faults import FAULTS, HARMLESS, UNSEEN
from tests.prefect_compat.eject.bakery_runs import (
    CASES,
    STORES,
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


BLOCKED = ("dagster", "dagster_shared", "prefect_compat")


@pytest.fixture
def without_dagster(tmp_path: Path) -> dict[str, str]:
    """The environment of a process in which neither Dagster nor this library can be imported."""
    at_start = tmp_path / "at_start"
    at_start.mkdir()
    # Python reads this file at the start of each process that has its folder on the path.
    code = f"import sys\nsys.modules.update(dict.fromkeys({BLOCKED}))\n"
    (at_start / "sitecustomize.py").write_text(code)
    stores = {name: str(tmp_path / "store") for name in STORES}
    return {**os.environ, **stores, "PYTHONPATH": str(at_start)}


def imported(code: str) -> set[str]:
    """The packages that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_the_written_code_imports_prefect_and_no_dagster(files: Mapping[str, str]) -> None:
    python = {name: text for name, text in files.items() if name.endswith(".py")}
    for name, text in python.items():
        compile(text, name, "exec")
    packages = set().union(*map(imported, python.values()))
    assert packages >= {"prefect", "pandas", "tasks"}
    assert not packages & {*BLOCKED, "bakery"}


def test_the_written_code_is_formatted_and_clean(project: Path) -> None:
    for arguments in (("check", "."), ("format", "--check", ".")):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache"],
            cwd=project,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_second_ejection_gives_the_same_bytes(files: Mapping[str, str], tmp_path: Path) -> None:
    assert ejected_files(tmp_path) == files


def test_the_written_flow_is_identical(dagster: DagsterRuns, project: Path) -> None:
    verdict = compared(dagster, project)
    assert verdict.findings == ()
    # Seven assets and the output of an op, on two days, in nine steps of two runs.
    assert (verdict.compared, verdict.identical, verdict.steps) == (16, 16, 18)


def test_the_written_flow_runs_without_dagster(
    project: Path, without_dagster: Mapping[str, str], session_server: RunningServer, tmp_path: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "from flows.daily import daily; daily('2024-01-01')"],
        cwd=project,
        env={**without_dagster, "PREFECT_API_URL": session_server.url},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {path.parent.name for path in (tmp_path / "store").rglob("2024-01-01*")} == {
        *("orders", "small_orders", "large_orders", "totals", "trend", "closing_note", "report")
    }


@pytest.mark.nightly
def test_the_written_tests_pass(project: Path, without_dagster: Mapping[str, str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        env=without_dagster,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "9 passed" in ran.stdout


@pytest.mark.nightly
@pytest.mark.parametrize("name", CASES)
def test_each_case_is_identical(dagster: DagsterRuns, project: Path, name: str) -> None:
    """Failures, retries with their waits, and a check that blocks: the same states."""
    assert compared(dagster, project, name).findings == ()


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
