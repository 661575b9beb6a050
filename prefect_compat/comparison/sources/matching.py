"""Matches the tasks of a candidate flow with the steps of a job."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from prefect_compat.errors import ComparisonError
from prefect_compat.graph.plan import Plan


@dataclass(frozen=True)
class ValueFacts:
    """An output of a step: an asset, or (None) a value; a dynamic one has several, by key.

    Without `has_value` it only says that something is done.
    """

    name: str
    asset: tuple[str, ...] | None = None
    is_dynamic: bool = False
    has_value: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The keys under which a task's result may have the output."""
        return (self.name, "/".join(self.asset), self.asset[-1]) if self.asset else (self.name,)


@dataclass(frozen=True)
class StepFacts:
    """A step of the job: its name, and the asset that it makes if it makes exactly one.

    `outputs` are its assets, and values for other steps.
    """

    name: str
    asset: tuple[str, ...] | None = None
    is_partitioned: bool = False
    outputs: tuple[ValueFacts, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The names under which a task is taken for this step, in one spelling."""
        asset = self.asset or ()
        return frozenset(map(spelled, filter(None, (self.name, "__".join(asset), *asset[-1:]))))


def step_facts(
    plan: Plan, without_value: Collection[tuple[str, str]] = ()
) -> tuple[StepFacts, ...]:
    """The steps of a plan; `without_value` are outputs, by step and name, that have no value."""
    return tuple(
        StepFacts(
            step.name,
            step.asset_keys[0] if len(step.asset_keys) == 1 else None,
            step.partitions is not None,
            tuple(
                ValueFacts(
                    output.name,
                    output.asset_key,
                    output.is_dynamic,
                    (step.name, output.name) not in without_value,
                )
                for output in step.outputs
                if output.check_key is None
            ),
        )
        for step in plan.steps
    )


def parse_matches(texts: Iterable[str]) -> dict[str, str]:
    """Reads `--match TASK=STEP`; an empty TASK or STEP stands for none.

    Raises ComparisonError for text without `=`.
    """
    matches = {}
    for number, text in enumerate(texts):
        task, mark, step = text.partition("=")
        if not mark or not (task.strip() or step.strip()):
            raise ComparisonError(
                f"--match '{text}' is not understood; expected TASK=STEP, or TASK= for a task that"
                " stands for no step, or =STEP for a step without a task."
            )
        matches[task.strip() or f" {number}"] = step.strip()
    return matches


@dataclass(frozen=True)
class Matching:
    """The step of each task. `left_out` are the tasks and steps that were declared to have none."""

    steps: Mapping[str, str]
    left_out: tuple[str, ...]
    unmatched: tuple[str, ...]


def match_tasks(
    tasks: Iterable[str], steps: Iterable[StepFacts], declared: Mapping[str, str]
) -> Matching:
    """Matches by what was declared, then by equal names; `-` and `_` are one.

    A task of an asset's name, or of the last part of its key, stands for the asset's step. A task
    without a step is its own step, under its own name, and so are steps without a task.
    Raises ComparisonError if a declared step does not exist, or two tasks stand for one.
    """
    known = {step.name: step for step in steps}
    by_asset = {"/".join(step.asset): step.name for step in known.values() if step.asset}
    left_out = []
    found: dict[str, str] = {}
    wanted: dict[str, str] = {}
    for task, text in declared.items():
        step = by_asset.get(text, text)
        if step and step not in known:
            raise ComparisonError(
                f"'{text}' is matched with the task '{task}' and is no step or asset of the job;"
                f" there are {', '.join(sorted(known))}."
            )
        if task.startswith(" "):
            left_out.append(f"step {step}")
            known.pop(step, None)
        else:
            wanted[spelled(task)] = step
    unmatched = []
    for task in dict.fromkeys(tasks):
        if spelled(task) in wanted:
            step = wanted[spelled(task)]
            if not step:
                left_out.append(f"task {task}")
                continue
            found[task] = step
            continue
        same = [step.name for step in known.values() if spelled(task) in step.names]
        if len(same) == 1:
            found[task] = same[0]
        else:
            unmatched.append(task)
            found[task] = task
    _validate(found)
    return Matching(found, tuple(left_out), tuple(unmatched))


def _validate(found: Mapping[str, str]) -> None:
    by_step: dict[str, list[str]] = {}
    for task, step in found.items():
        by_step.setdefault(step, []).append(task)
    for step, tasks in by_step.items():
        if len(tasks) > 1:
            raise ComparisonError(
                f"The tasks {' and '.join(tasks)} both stand for the step {step}. Say which one"
                f" does: --match {tasks[0]}={step}, and --match {tasks[1]}= for the other."
            )


def spelled(name: str) -> str:
    """The name in the spelling in which tasks and steps are matched."""
    return name.replace("-", "_").replace(" ", "_").lower()
