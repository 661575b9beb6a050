"""Compares runs and steps: the graph, states, attempts, waits and exceptions."""

from collections.abc import Container, Iterable, Iterator

from prefect_compat.comparison.judging.findings import ABSENT, Difference, Finding, one_line
from prefect_compat.comparison.record.record import Aspect, Record, RecordedStep
from prefect_compat.graph.ids import StepId

# Prefect asks its server for the time of a retry; Dagster waits in its own process.
WAIT_TOLERANCE_S = 0.5

THE_RUN = "the whole run"


def judge_behaviour(
    first: Record, second: Record, known: Container[Aspect] = frozenset(Aspect)
) -> Iterator[Finding]:
    """Yields the differences between the runs, then between their graphs, then between steps.

    `known` are the aspects that both sides know.
    """
    if Aspect.RUN in known:
        yield from _runs(first, second)
    if Aspect.STEPS in known:
        yield from _graphs(first.steps, second.steps, Aspect.DEPENDENCIES in known)
        yield from _steps(first.steps, second.steps, known)


def failure_of(record: Record) -> str | None:
    """The failed steps with their last errors, on one line; None if no step failed."""
    failed = (step for step in record.steps if step.state == "failed")
    reasons = (
        f"{step.name}: {one_line(step.errors[-1][1])}" if step.errors else step.name
        for step in failed
    )
    return "; ".join(reasons) or None


def _runs(first: Record, second: Record) -> Iterator[Finding]:
    """Yields a finding if one run failed alone, failed outside any step, or ran nothing."""
    sides = (first, second)
    has_failed_step = [any(step.state == "failed" for step in side.steps) for side in sides]
    # Without a failed step on each side, nothing shows that both failed for the same reason.
    if bool(first.error) != bool(second.error) or (first.error and not all(has_failed_step)):
        left, right = (one_line(side.error) or "success" for side in sides)
        yield Finding(Difference.RUN, THE_RUN, left, right)
    elif not any(step.attempts for side in sides for step in side.steps):
        yield Finding(Difference.NOTHING, THE_RUN, "no step", "no step")


def _graphs(
    first: Iterable[RecordedStep], second: Iterable[RecordedStep], with_dependencies: bool
) -> Iterator[Finding]:
    """Compares the recorded steps and dependencies, over all runs together."""
    left, right = _dependencies(first), _dependencies(second)
    for name in sorted({*left} ^ {*right}):
        sides = ("the step" if name in side else ABSENT for side in (left, right))
        yield Finding(Difference.STEP, name, *sides)
    common = {*left} & {*right}
    for name in sorted(common) if with_dependencies else ():
        # An edge to a step of one side alone follows from that step, a finding already.
        for upstream in sorted((left[name] ^ right[name]) & common):
            sides = (
                "the dependency" if upstream in side[name] else ABSENT for side in (left, right)
            )
            yield Finding(Difference.EDGE, f"{upstream} -> {name}", *sides)


def _dependencies(steps: Iterable[RecordedStep]) -> dict[str, set[str]]:
    """The upstream steps of each step, by the names they have in the plan."""
    upstream: dict[str, set[str]] = {}
    for step in steps:
        upstream.setdefault(step.step.name, set()).update(above.name for above in step.upstream)
    return upstream


def _steps(
    first: Iterable[RecordedStep], second: Iterable[RecordedStep], known: Container[Aspect]
) -> Iterator[Finding]:
    left, right = ({(step.run, step.step): step for step in side} for side in (first, second))
    for run, step in sorted({*left} & {*right}, key=_order):
        yield from _step(_place(run, step), left[run, step], right[run, step], known)
    steps = {step for _, step in left} & {step for _, step in right}
    for run, step in sorted({*left} ^ {*right}, key=_order):
        states = [
            side[run, step].state if (run, step) in side else ABSENT for side in (left, right)
        ]
        # A step that the other side has in no run is already a finding of the graph. The graph
        # knows a mapped step by its name in the plan only, so its instances are compared here.
        if step in steps:
            yield Finding(Difference.STEP_STATE, f"{step} in run {run + 1}", *states)
        elif step.mapping_key is not None:
            yield Finding(Difference.STEP_STATE, str(step), *states)


def _order(place: tuple[int, StepId]) -> tuple[int, str]:
    return place[0], str(place[1])


def _place(run: int, step: StepId) -> str:
    return str(step) if run == 0 else f"{step} in run {run + 1}"


def _step(
    place: str, left: RecordedStep, right: RecordedStep, known: Container[Aspect]
) -> Iterator[Finding]:
    """Yields the first difference only: later ones follow from it."""
    if left.state != right.state:
        yield Finding(Difference.STEP_STATE, place, left.state, right.state)
    elif Aspect.ATTEMPTS in known and left.attempts != right.attempts:
        yield Finding(Difference.ATTEMPTS, place, str(left.attempts), str(right.attempts))
    elif Aspect.ATTEMPTS in known and not _same_waits(left.waits_s, right.waits_s):
        waits = (_seconds(step.waits_s) for step in (left, right))
        yield Finding(Difference.RETRY_WAIT, place, *waits)
    elif Aspect.EXCEPTIONS in known:
        yield from _exceptions(place, left, right)


def _exceptions(place: str, left: RecordedStep, right: RecordedStep) -> Iterator[Finding]:
    """Compares the exception types of all attempts, and the message of the one that failed."""
    mine, other = ([kind for kind, _ in step.errors] for step in (left, right))
    if mine != other:
        sides = (", ".join(kinds) or ABSENT for kinds in (mine, other))
        yield Finding(Difference.EXCEPTION, place, *sides)
    elif left.state == "failed" and left.errors and left.errors[-1] != right.errors[-1]:
        sides = (one_line(step.errors[-1][1]) for step in (left, right))
        yield Finding(Difference.EXCEPTION, place, *sides)


def _same_waits(left: tuple[float, ...], right: tuple[float, ...]) -> bool:
    return len(left) == len(right) and all(
        abs(mine - other) <= WAIT_TOLERANCE_S for mine, other in zip(left, right, strict=True)
    )


def _seconds(waits: tuple[float, ...]) -> str:
    return ", ".join(f"{wait:.1f} s" for wait in waits) or ABSENT
