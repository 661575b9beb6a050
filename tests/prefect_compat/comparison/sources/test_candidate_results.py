"""The outputs that a task's result stands for."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import TaskRun
from prefect.states import Completed

from prefect_compat.comparison.sources import candidate_results
from prefect_compat.comparison.sources.candidate_results import TaskResult, results_of
from prefect_compat.comparison.sources.candidate_steps import FlowRunOf
from prefect_compat.comparison.sources.foreign_flow import CandidateTask
from prefect_compat.comparison.sources.matching import Matching, StepFacts, ValueFacts
from prefect_compat.graph.ids import OutputId, StepId, StepOutputId

FILE = str(Path("home", "results", "key"))
CASES: dict[str, tuple[tuple[ValueFacts, ...], Any, dict[Any, Any]]] = {
    "an asset": (
        (ValueFacts("result", ("shop", "sales")),),
        3,
        {OutputId(("shop", "sales"), "2024"): TaskResult(FILE)},
    ),
    "an asset without a value": (
        (ValueFacts("result", ("sales",), has_value=False),),
        None,
        {OutputId(("sales",), "2024"): None},
    ),
    "a value for other steps": (
        (ValueFacts("result"),),
        3,
        {StepOutputId(0, StepId("sell"), "result"): TaskResult(FILE)},
    ),
    "several assets, one of them not made": (
        (ValueFacts("a", ("a",)), ValueFacts("b", ("shop", "b")), ValueFacts("c", ("c",))),
        {"a": 1, "shop/b": 2},
        {
            OutputId(("a",), "2024"): TaskResult(FILE, "a"),
            OutputId(("shop", "b"), "2024"): TaskResult(FILE, "shop/b"),
        },
    ),
    "dynamic values": (
        (ValueFacts("result", is_dynamic=True),),
        {"x": 1, "y": 2},
        {
            StepOutputId(0, StepId("sell"), "result", "x"): TaskResult(FILE, "x"),
            StepOutputId(0, StepId("sell"), "result", "y"): TaskResult(FILE, "y"),
        },
    ),
    "several assets, and a task that returns something else": (
        (ValueFacts("a", ("a",)), ValueFacts("b", ("b",))),
        [1, 2],
        {},
    ),
}


class Stored:
    """The reference to a result in a state."""

    storage_key = "key"


@pytest.mark.parametrize("name", CASES)
def test_a_result_stands_for_the_outputs_of_its_step(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, value, expected = CASES[name]
    monkeypatch.setattr(candidate_results, "stored_result", lambda path: value)
    run = TaskRun(
        id=UUID(int=1), name="sell-abc", task_key="sell-1", dynamic_key="abcdef", state=Completed()
    )
    assert run.state is not None
    run.state.data = Stored()
    flow_run = FlowRunOf(0, "2024", run.state, (run,), None)
    step = StepFacts("sell", is_partitioned=True, outputs=outputs)
    matching = Matching({"sell": "sell"}, (), ())
    assert dict(results_of(Path("home"), [step], [flow_run], matching)) == expected


def test_a_task_survives_its_json() -> None:
    task = CandidateTask(
        entrypoint="flows.py:daily",
        runs=(("2024", "2025"), ()),
        parameter=None,
        parameters="{}",
        steps=(StepFacts("sell", ("sales",), True, CASES["an asset"][0]), StepFacts("check")),
        declared={"a": "b"},
        reads_results=True,
        record="record.json",
        home="home",
        side="candidate",
        moved={"tasks.shop": "shop"},
    )
    assert CandidateTask.from_json(task.as_json()) == task
