"""The standard set of failures: which steps they are done to, and a kill for real."""

import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from prefect_compat.comparison.failure_matrix import failure_cases
from prefect_compat.comparison.sources.work import Work
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project
from tests.prefect_compat.comparison.shop import JOB, Shop, build

WORK = Work(Project("shop"), JobChoice(JOB), "2016-05-03", "{}", ("STORE",))


def test_each_failure_finds_its_step(tmp_path: Path) -> None:
    job = build(tmp_path, Shop()).resolve_job_def(JOB)
    found = {
        case.name: case for case in failure_cases(replace(WORK, empty_partition="2016-05-01"), job)
    }
    assert {
        name: str(case.work.fault or case.work.partition)
        for name, case in found.items()
        if case.work
    } == {
        "an error in the middle": "sampled: error in all attempts",
        "a retry that succeeds": "unsteady: error in the first 1",
        "retries exhausted": "unsteady: error in all attempts",
        "a blocking check that fails": "log_has_rows: failed checks in all attempts",
        "an empty partition": "2016-05-01",
        "a kill and a second run": "sampled: kill in all attempts",
    }


def test_what_cannot_be_done_to_a_job_is_said() -> None:
    @dg.asset
    def alone() -> None: ...

    job = dg.Definitions([alone], jobs=[dg.define_asset_job("j")]).resolve_job_def("j")
    cases = list(failure_cases(WORK, job))
    assert all(case.work is None for case in cases)
    assert [case.reason for case in cases] == [
        "no step has others before and after it",
        "no step has a retry policy",
        "no step has a retry policy",
        "no check of the job blocks",
        "none is named: --empty-partition KEY",
        "no step has others before and after it",
    ]


SOURCE = """
    import dagster as dg


    @dg.asset
    def first():
        return 1


    @dg.asset
    def second(first):
        return first + 1


    @dg.asset
    def third(second):
        return {"third": second + 1}


    defs = dg.Definitions([first, second, third], jobs=[dg.define_asset_job("numbers")])
"""


@pytest.mark.nightly
def test_a_run_that_is_killed_can_be_run_again(tmp_path: Path) -> None:
    """Under both, as the failure matrix of the command line does it."""
    (tmp_path / "project.py").write_text(textwrap.dedent(SOURCE))
    command = [Path(sys.executable).parent / "prefect-compat", "compare", "-f", "project.py"]
    found = subprocess.run(
        [*command, "-j", "numbers", "--store-env", "DAGSTER_HOME", "--failure-matrix"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    lines = [" ".join(line.split()) for line in found.stdout.splitlines()]
    for case in (
        "an error in the middle identical under both (second: error in all attempts)",
        "a kill and a second run identical under both (second: kill in all attempts)",
        "a retry that succeeds not run: no step has a retry policy",
    ):
        assert case in lines, found.stdout
