"""The runs of a task that ran several times stand for steps of its name and a number."""

from collections.abc import Sequence
from uuid import UUID

from prefect.client.schemas.objects import TaskRun
from prefect.states import Completed

from prefect_compat.comparison.sources.candidate_steps import (
    FlowRunOf,
    numbered_names,
    step_ids,
    steps_of,
)
from prefect_compat.comparison.sources.matching import StepFacts, match_tasks
from prefect_compat.graph.ids import StepId


def runs_of(*tasks: str) -> list[TaskRun]:
    """Task runs in the order in which they are made; they have no start time."""
    return [
        TaskRun(
            id=UUID(f"0190a000-0000-7{number:03x}-8000-000000000000"),
            name=f"{task}-abc",
            task_key=f"{task}-1",
            dynamic_key="abcdef",
            run_count=1,
            state=Completed(),
        )
        for number, task in enumerate(tasks)
    ]


def ids_of(runs: Sequence[TaskRun], *steps: str) -> dict[UUID, StepId]:
    facts = [StepFacts(step) for step in steps]
    numbered = numbered_names(runs, facts, {})
    flow_run = FlowRunOf(0, None, Completed(), tuple(runs), None, numbered)
    matching = match_tasks(map(flow_run.name_of, runs), facts, {})
    assert {step.step for step in steps_of([flow_run], matching)} == set(
        step_ids(flow_run, matching).values()
    )
    return step_ids(flow_run, matching)


def test_runs_are_numbered_as_the_flow_made_them() -> None:
    first, other, second = runs_of("load", "save", "load")
    assert ids_of([second, other, first], "load_1", "load_2", "save") == {
        first.id: StepId("load_1"),
        second.id: StepId("load_2"),
        other.id: StepId("save"),
    }


def test_a_run_too_many_is_a_step_of_its_own() -> None:
    runs = runs_of("load", "load", "load")
    assert ids_of(runs, "load_1", "load_2")[runs[2].id] == StepId("load_3")


def test_a_step_of_the_task_itself_comes_first() -> None:
    runs = runs_of("load", "load")
    assert {str(step) for step in ids_of(runs, "load", "load_1").values()} == {
        "load[0]",
        "load[1]",
    }


def test_one_run_has_no_number() -> None:
    (run,) = runs_of("load")
    assert ids_of([run], "load_1") == {run.id: StepId("load")}
