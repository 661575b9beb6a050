"""The result of a flow run."""

from collections.abc import Mapping
from uuid import UUID

from prefect_compat.engine.result import CheckEvaluation, Materialization, StepResult
from prefect_compat.graph.ids import StepId


class FlowResult:
    """The results of the steps of a flow run, in the plan's order.

    `task_runs` maps the id of each of Prefect's task runs to its step, those that never started
    included. A flow run of subflows has the task runs of all its subflows.

    Not a dataclass, because Prefect would search every field of one for futures.
    """

    def __init__(
        self, steps: tuple[StepResult, ...], task_runs: Mapping[UUID, StepId] | None = None
    ) -> None:
        self.steps = steps
        self.task_runs = dict(task_runs or {})

    @property
    def materializations(self) -> tuple[Materialization, ...]:
        return tuple(made for step in self.steps for made in step.materializations)

    @property
    def checks(self) -> tuple[CheckEvaluation, ...]:
        return tuple(check for step in self.steps for check in step.checks)

    def __add__(self, other: "FlowResult") -> "FlowResult":
        return FlowResult(self.steps + other.steps, {**self.task_runs, **other.task_runs})
