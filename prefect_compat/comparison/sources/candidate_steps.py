"""The steps that the task runs of a candidate flow stand for."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State, TaskRun

from prefect_compat.comparison.record.record import NOT_STARTED, RecordedCheck, RecordedStep
from prefect_compat.comparison.record.task_runs import retry_waits_s
from prefect_compat.comparison.sources.matching import Matching, StepFacts, spelled
from prefect_compat.graph.ids import StepId

STATES = {"COMPLETED": "succeeded", "PENDING": NOT_STARTED}
# Prefect names a task run by its task and the first 3 letters of the run's dynamic key.
SHORTEST_SUFFIX = 3
# A run of a mapped task that says which element it is of.
MAPPED = re.compile(r"(?P<task>[^\[\]]+)\[(?P<key>[^\[\]]+)\]")


@dataclass(frozen=True)
class FlowRunOf:
    """One flow run: the run of Dagster's to which it belongs, its partition, and its task runs.

    `checks` are the results that it reported; None if it reports none at all. `numbered` are the
    names of the runs that each stand for a step of their own, see `numbered_names`.
    """

    run: int
    partition: str | None
    state: State[Any]
    task_runs: tuple[TaskRun, ...]
    checks: tuple[RecordedCheck, ...] | None
    numbered: Mapping[UUID, str] = field(default_factory=dict)

    def name_of(self, run: TaskRun) -> str:
        """The name under which a task run is matched with a step."""
        return self.numbered.get(run.id) or task_name(run)


def steps_of(runs: Iterable[FlowRunOf], matching: Matching) -> Iterator[RecordedStep]:
    """The steps of each run; the task runs of several partitions in one run are one step."""
    by_step: dict[tuple[int, StepId], list[TaskRun]] = defaultdict(list)
    step_of: dict[UUID, StepId] = {}
    for flow_run in runs:
        ids = step_ids(flow_run, matching)
        step_of |= ids
        for run in sorted(flow_run.task_runs, key=_start):
            if run.id in ids:
                by_step[flow_run.run, ids[run.id]].append(run)
    for (number, step_id), task_runs in by_step.items():
        states = [_state(run) for run in task_runs]
        upstream = {
            step_of[entry.id]
            for run in task_runs
            for inputs in run.task_inputs.values()
            for entry in inputs
            if entry.input_type == "task_run" and entry.id in step_of
        }
        starts = [run.start_time.timestamp() for run in task_runs if run.start_time]
        ends = [run.end_time.timestamp() for run in task_runs if run.end_time]
        most = max(task_runs, key=lambda run: run.run_count)
        yield RecordedStep(
            run=number,
            step=step_id,
            state=next((state for state in states if state != "succeeded"), "succeeded"),
            upstream=tuple(sorted(upstream, key=str)),
            attempts=most.run_count,
            waits_s=retry_waits_s(most),
            started_s=min(starts, default=None),
            ended_s=max(ends, default=None),
        )


def step_ids(flow_run: FlowRunOf, matching: Matching) -> dict[UUID, StepId]:
    """The step of each task run that stands for one.

    A mapped task has a run for each of its elements. Its key is in the run's name, as in
    `clean[2019_01]`, or else the runs are numbered in the order of their starts.
    """
    found: dict[UUID, StepId] = {}
    totals = Counter(map(flow_run.name_of, flow_run.task_runs))
    counts: Counter[str] = Counter()
    for run in sorted(flow_run.task_runs, key=_start):
        name = flow_run.name_of(run)
        step = matching.steps.get(name)
        if step is None:
            continue
        named = None if run.id in flow_run.numbered else MAPPED.fullmatch(run.name)
        number = str(counts[name]) if totals[name] > 1 else None
        counts[name] += 1
        found[run.id] = StepId(step, named["key"] if named else number)
    return found


def numbered_names(
    runs: Iterable[TaskRun], steps: Collection[StepFacts], declared: Mapping[str, str]
) -> dict[UUID, str]:
    """Names for the runs of a task that ran several times: `load_1`, `load_2`, as they were made.

    Only where the job has a step `load_1`, or a declared match has that name, and none is `load`.
    """
    found: dict[UUID, str] = {}
    by_task: dict[str, list[TaskRun]] = defaultdict(list)
    for run in sorted(runs, key=creation):
        by_task[task_name(run)].append(run)
    for task, of_task in by_task.items():
        is_step = [_is_known(name, steps, declared) for name in (task, numbered(task, 1))]
        if len(of_task) > 1 and is_step == [False, True]:
            found |= {run.id: numbered(task, number) for number, run in enumerate(of_task, 1)}
    return found


def numbered(task: str, number: int) -> str:
    """The name of one run of a task."""
    return f"{task}_{number}"


def _is_known(task: str, steps: Iterable[StepFacts], declared: Mapping[str, str]) -> bool:
    same = spelled(task)
    return any(same in step.names for step in steps) or same in map(spelled, declared)


def creation(run: TaskRun) -> tuple[int, float]:
    """Sorts task runs by when the flow called or submitted them; threads start them in any order.

    By their ids, which begin with the time (UUID 7): see `ordered_task_runs`.
    """
    return (run.id.int, 0.0) if run.id.version == 7 else (0, _start(run))


def _start(run: TaskRun) -> float:
    at = run.start_time or run.expected_start_time
    return at.timestamp() if at else 0.0


def _state(run: TaskRun) -> str:
    if run.state_name == "Skipped":
        return "skipped"
    return STATES.get(run.state_type or "", "failed")


def task_name(run: TaskRun) -> str:
    """The task's name, without the part of a run's id that Prefect adds to it.

    A task that gives its runs names of their own goes by the name of its function.
    """
    if named := MAPPED.fullmatch(run.name):
        return named["task"]
    name, _, suffix = run.name.rpartition("-")
    if name and len(suffix) >= SHORTEST_SUFFIX and run.dynamic_key.startswith(suffix):
        return name
    return run.task_key.rpartition("-")[0].rpartition(".")[2] or run.name
