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
    rounds = [record("dagster", wall) for wall in (9.0, 1.0, 2.0)]
    found = summarise(rounds, [record("prefect", 4.0)] * 3)
    assert found.rounds == 3
    assert found.left.cold_s == Figure(2.0, 1.0, 9.0)
    assert found.right.cold_s == Figure(4.0, 4.0, 4.0)
    assert found.left.warm_s is None
    assert found.left.peak_memory_b.median == 100


def test_the_floor_is_the_project_s_own_time_under_dagster() -> None:
    found = summarise([record("dagster", 1.0)], [record("prefect", 1.0)])
    assert found.floor_s.median == pytest.approx(0.7)
    assert found.left.function_s.median == pytest.approx(0.5)
    assert found.left.storage_s.median == pytest.approx(0.2)


def test_a_step_s_runs_are_added_up_and_one_that_never_ran_has_no_figures() -> None:
    found = summarise([record("dagster", 1.0, 0.5)], [record("prefect", 2.0, 0.6)])
    (step,) = found.steps
    assert (step.step, step.left_s.median, step.right_s.median) == ("a", 2.0, 4.0)
    assert step.left_own_s.median == pytest.approx(0.7)
    assert found.right.warm_s == Figure(0.6, 0.6, 0.6)


def test_each_figure_is_that_of_its_own_cost() -> None:
    found = summarise([record("dagster", 3.0)], [record("prefect", 4.0, 3.5)])
    assert (found.left.side, found.right.side) == ("dagster", "prefect")
    figures = (
        *(found.right.import_s, found.right.start_up_s, found.right.cold_s),
        *(found.right.warm_s, found.right.cpu_s, found.right.peak_memory_b),
    )
    assert [figure and figure.median for figure in figures] == [1.0, 0.5, 4.0, 3.5, 2.0, 100]


def test_the_figures_of_a_step_spread_over_the_rounds() -> None:
    dagster = [record("dagster", wall) for wall in (1.0, 3.0)]
    (step,) = summarise(dagster, [record("prefect", 2.0)] * 2).steps
    assert step.left_s == Figure(4.0, 2.0, 6.0)
    assert (step.left_own_s.median, step.right_own_s.median) == pytest.approx((0.7, 0.7))


@pytest.mark.parametrize("round_", [0, 1])
@pytest.mark.parametrize("side", ["dagster", "prefect"])
def test_a_step_that_one_round_did_not_run_has_no_figures(side: str, round_: int) -> None:
    rounds = {name: [record(name, 1.0), record(name, 1.0)] for name in ("dagster", "prefect")}
    changed = rounds[side][round_]
    rounds[side][round_] = replace(changed, steps=changed.steps[2:])
    assert summarise(rounds["dagster"], rounds["prefect"]).steps == ()


@pytest.mark.parametrize("missing", ["started_s", "ended_s"])
def test_a_step_without_a_start_or_an_end_has_no_figures(missing: str) -> None:
    step = replace(record("dagster", 1.0).steps[0], **{missing: None})  # type: ignore[arg-type]
    sides = [replace(record(side, 1.0), steps=(step,)) for side in ("dagster", "prefect")]
    assert summarise(sides[:1], sides[1:]).steps == ()
