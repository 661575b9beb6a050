"""Faults put into a step: both sides meet them, and behave the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.injection import injected
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.verdict import Verdict, judge
from prefect_compat.errors import ComparisonError
from tests.prefect_compat.comparison.shop import Shop, slowly
from tests.prefect_compat.comparison.shop_runs import SIDES, run

STEADY = replace(Shop(), fails=0)


@contextmanager
def both(root: Path, fault: Fault, shop: Shop = STEADY) -> Iterator[tuple[Verdict, Record]]:
    """The verdict on both sides with the fault, and what Dagster recorded."""
    with injected(fault):
        sides = {side: run(side, root / side, shop) for side in SIDES}
    yield judge(*(sides[name] for name in SIDES)), sides["dagster"]


def states(record: Record) -> dict[str, str]:
    return {step.name: step.state for step in record.steps}


@pytest.mark.usefixtures("prefect_server")
class TestBothSides:
    def test_an_error_stops_what_is_downstream(self, tmp_path: Path) -> None:
        with both(tmp_path, Fault("forecast")) as (verdict, dagster):
            assert verdict.holds, verdict.findings
        assert states(dagster)["forecast"] == "failed"
        assert states(dagster)["score"] == "not started"
        assert states(dagster)["unsteady"] == "succeeded"

    def test_a_retry_that_succeeds(self, tmp_path: Path) -> None:
        waits = replace(STEADY, delay_s=0.6)
        with both(tmp_path, Fault("unsteady", 1), waits) as (verdict, dagster):
            assert verdict.holds, verdict.findings
        (step,) = (step for step in dagster.steps if step.name == "unsteady")
        assert (step.state, step.attempts, step.waits_s) == ("succeeded", 2, (0.6,))

    def test_retries_that_are_exhausted(self, tmp_path: Path) -> None:
        with both(tmp_path, Fault("unsteady")) as (verdict, dagster):
            assert verdict.holds, verdict.findings
        (step,) = (step for step in dagster.steps if step.name == "unsteady")
        assert (step.state, step.attempts) == ("failed", 3)

    def test_a_blocking_check_that_fails(self, tmp_path: Path) -> None:
        fault = Fault("log_has_rows", kind="failed checks")
        with both(tmp_path, fault) as (verdict, dagster):
            assert verdict.holds, verdict.findings
        assert states(dagster)["sampled"] == "not started"
        assert states(dagster)["log"] == "succeeded"

    def test_a_fault_on_one_side_alone_is_found(self, tmp_path: Path) -> None:
        with injected(Fault("forecast")):
            dagster = run("dagster", tmp_path / "dagster", STEADY)
        prefect = run("prefect", tmp_path / "prefect", STEADY)
        assert not judge(dagster, prefect).holds

    @pytest.mark.nightly
    def test_the_function_s_time_is_told_from_the_orchestrator_s(self, tmp_path: Path) -> None:
        for side in SIDES:
            record = run(side, tmp_path / side, replace(STEADY, before=slowly))
            (step,) = (step for step in record.steps if step.name == "log")
            assert step.started_s is not None
            assert step.ended_s is not None
            assert 0.05 <= step.function_s <= step.ended_s - step.started_s
            assert 0 < step.storage_s < step.ended_s - step.started_s


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a", Fault("a")),
        ("a:2", Fault("a", 2)),
        ("a__b.c[x]", Fault("a__b.c[x]")),
    ],
)
def test_what_is_to_fail_is_read(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize("text", ["a:0", "a:-1", "a:x", "a:"])
def test_a_wrong_count_is_refused(text: str) -> None:
    with pytest.raises(ComparisonError, match="how many attempts fail"):
        Fault.parse(text)
