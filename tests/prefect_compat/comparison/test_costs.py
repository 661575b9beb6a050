"""Figures over rounds: medians, spread, and what is the orchestrator's."""

from dataclasses import replace

import pytest

from prefect_compat.comparison.costs import Figure, summarise
from prefect_compat.comparison.record.record import Cost, Record, RecordedStep
from prefect_compat.graph.ids import StepId


def record(side: str, wall_s: float, warm_s: float | None = None) -> Record:
    first = RecordedStep(
        0,
        StepId("a"),
        "succeeded",
        started_s=10.0,
        ended_s=10.0 + wall_s,
        function_s=0.2,
        storage_s=0.1,
    )
    again = replace(first, run=1, function_s=0.3)
    never = RecordedStep(0, StepId("b"), "not started", (StepId("a"),), 0)
    return Record(side, (first, again, never), (), (), (), Cost(wall_s, 1.0, 0.5, 2.0, 100, warm_s))


def test_medians_with_their_spread() -> None:
    rounds = [record("dagster", wall) for wall in (3.0, 1.0, 2.0)]
    found = summarise(rounds, [record("prefect", 4.0)] * 3)
    assert found.rounds == 3
    assert found.dagster.cold_s == Figure(2.0, 1.0, 3.0)
    assert found.prefect.cold_s == Figure(4.0, 4.0, 4.0)
    assert found.dagster.warm_s is None
    assert found.dagster.peak_memory_b.median == 100


def test_the_floor_is_the_project_s_own_time_under_dagster() -> None:
    found = summarise([record("dagster", 1.0)], [record("prefect", 1.0)])
    assert found.floor_s.median == pytest.approx(0.7)
    assert found.dagster.function_s.median == pytest.approx(0.5)
    assert found.dagster.storage_s.median == pytest.approx(0.2)


def test_a_step_s_runs_are_added_up_and_one_that_never_ran_has_no_figures() -> None:
    found = summarise([record("dagster", 1.0, 0.5)], [record("prefect", 2.0, 0.6)])
    (step,) = found.steps
    assert (step.step, step.dagster_s.median, step.prefect_s.median) == ("a", 2.0, 4.0)
    assert step.dagster_own_s.median == pytest.approx(0.7)
    assert found.prefect.warm_s == Figure(0.6, 0.6, 0.6)
