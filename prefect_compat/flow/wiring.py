"""The steps' dependencies and tasks, which all runs of a flow share."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from prefect_compat.flow.task import DYNAMIC, StepTask, TaskOptions
from prefect_compat.graph.ids import StepId
from prefect_compat.graph.plan import Dependency, Edge, Plan, Step


@dataclass(frozen=True)
class WiredStep:
    """A step, and what its upstream decides.

    `dynamic_sources` are the steps whose dynamic outputs decide how often it runs. It `waits` if
    it, or a step that it depends on, has some. It `may_skip` if an upstream output may not be
    yielded.
    """

    step: Step
    edges: tuple[Edge, ...]
    dynamic_sources: frozenset[str]
    waits: bool
    may_skip: bool


class Wiring:
    """The steps of a plan in its order, or in Dagster's if they run one at a time; and the tasks
    that run them."""

    def __init__(
        self,
        plan: Plan,
        options: TaskOptions = TaskOptions(),  # noqa: B008  # it is frozen
    ) -> None:
        self.plan = plan
        self.one_at_a_time = options.one_at_a_time
        self.leaves_process = options.leaves_process
        self._options = options
        self._steps: dict[str, WiredStep] = {}
        self._tasks: dict[StepId, StepTask] = {}
        self._lock = threading.Lock()
        for name in plan.start_order if self.one_at_a_time else (s.name for s in plan.steps):
            self._steps[name] = self._wired(plan.step(name), plan.upstream_of(name))
        for wired in self:
            # The pieces of a mapped step are known only in a run.
            if wired.step.kind != "mapped":
                self.task(wired, StepId(wired.step.name))

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

    def takes_result(self, wired: WiredStep, edge: Edge | Dependency) -> bool:
        """True if the task takes the result of the upstream one; False if it only waits for it.

        A step must learn if an optional output was yielded. The cache key and the data version of
        a step depend on everything upstream.
        """
        options = self._options
        needs_all = wired.may_skip or options.caches_results or options.leaves_process
        return edge.kind == "value" or needs_all

    def task(self, wired: WiredStep, step_id: StepId) -> StepTask:
        """The task of a step, or of one of those that a mapped step has become."""
        # Several runs of the flow may ask for the pieces of a mapped step at the same time.
        with self._lock:
            if step_id not in self._tasks:
                taken = (edge.input_name for edge in wired.edges if self.takes_result(wired, edge))
                dynamic = [DYNAMIC] if wired.dynamic_sources else []
                inputs = tuple(dict.fromkeys([*taken, *dynamic]))
                assets = tuple(self.plan.asset(key) for key in wired.step.asset_keys)
                self._tasks[step_id] = StepTask(wired.step, step_id, assets, inputs, self._options)
            return self._tasks[step_id]
