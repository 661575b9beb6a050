"""What every run of a flow has in common: how the steps hang together, and their tasks."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import dagster as dg

from prefect_compat.flow.task import DYNAMIC, StepTask, TaskOptions
from prefect_compat.graph.plan import Edge, Plan, Step


@dataclass(frozen=True)
class WiredStep:
    """A step, and what its upstream decides.

    `dynamic_sources` are the steps whose dynamic outputs decide how often it runs; it `waits`
    where it, or a step that it depends on, has some. It `may_skip` where an upstream output may
    not be yielded.
    """

    step: Step
    edges: tuple[Edge, ...]
    dynamic_sources: frozenset[str]
    waits: bool
    may_skip: bool


class Wiring:
    """The steps of a plan in its order, and the tasks that they run as."""

    def __init__(
        self,
        plan: Plan,
        job: dg.JobDefinition,
        options: TaskOptions = TaskOptions(),  # noqa: B008  # it is frozen
    ) -> None:
        self._job = job
        self._options = options
        self._steps: dict[str, WiredStep] = {}
        self._tasks: dict[str, StepTask] = {}
        for step in plan.steps:
            self._steps[step.name] = self._wired(step, plan.upstream_of(step.name))
        for wired in self:
            if wired.step.kind != "mapped":
                self.task(wired, wired.step.name)

    def __iter__(self) -> Iterator[WiredStep]:
        return iter(self._steps.values())

    def __getitem__(self, step: str) -> WiredStep:
        return self._steps[step]

    def _wired(self, step: Step, edges: tuple[Edge, ...]) -> WiredStep:
        upstream = [self._steps[edge.upstream] for edge in edges]
        sources = frozenset(chain.from_iterable(self._dynamic_sources(wired) for wired in upstream))
        return WiredStep(
            step=step,
            edges=edges,
            dynamic_sources=sources,
            waits=bool(sources) or any(wired.waits for wired in upstream),
            may_skip=any(
                wired.may_skip or not all(output.is_required for output in wired.step.outputs)
                for wired in upstream
            ),
        )

    def _dynamic_sources(self, upstream: WiredStep) -> Iterator[str]:
        """The steps whose dynamic outputs decide how often a step downstream of this one runs."""
        if upstream.step.is_dynamic:
            yield upstream.step.name
        if upstream.step.kind == "mapped":
            yield from upstream.dynamic_sources

    def takes_result(self, wired: WiredStep, edge: Edge) -> bool:
        """Whether the task takes the result of the upstream one, or only waits for it.

        Of an output that may not be yielded, the step must learn whether it was; a cached step is
        known by all that is upstream of it; a data version is made from those upstream.
        """
        options = self._options
        needs_all = wired.may_skip or options.caches_results or options.leaves_process
        return edge.kind == "value" or needs_all

    def task(self, wired: WiredStep, key: str) -> StepTask:
        """The task of a step, or of one of those that a mapped step has become."""
        if key not in self._tasks:
            taken = (edge.input_name for edge in wired.edges if self.takes_result(wired, edge))
            known = [DYNAMIC] if wired.dynamic_sources else []
            inputs = tuple(dict.fromkeys([*taken, *known]))
            self._tasks[key] = StepTask(self._job, wired.step, key, inputs, self._options)
        return self._tasks[key]
