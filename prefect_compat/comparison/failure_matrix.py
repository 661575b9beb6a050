"""The standard set of failures, each put into both orchestrators and compared."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg

from prefect_compat.comparison.comparison import Comparison, compare_sources
from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.sources.empty_store import EmptyStore
from prefect_compat.comparison.sources.source import RunSource
from prefect_compat.comparison.sources.work import Work
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.job import read_plan
from prefect_compat.graph.plan import Plan, Step
from prefect_compat.progress import Progress

# The exit code that `subprocess` gives a process that this signal ended.
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Case:
    """One failure and the work that provokes it, or the reason why this job cannot have it."""

    name: str
    work: Work | None = None
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """A case and its comparison, which is None if the case could not be run."""

    case: Case
    comparison: Comparison | None

    @property
    def holds(self) -> bool:
        return self.comparison is None or self.comparison.verdict.holds


def run_matrix(
    sources: tuple[RunSource, RunSource],
    folder: Path,
    empty: EmptyStore,
    progress: Progress,
    *,
    has_checks: bool = True,
) -> tuple[Outcome, ...]:
    """Runs every case of the set on both sides, each in its own folder.

    With `has_checks` False the checks of one of the sides cannot be made to fail.
    """
    outcomes = []
    for number, case in enumerate(failure_cases(empty.work, empty.job, has_checks=has_checks)):
        if case.work is None:
            outcomes.append(Outcome(case, None))
            continue
        progress.line(f"{case.name}: {case.work.fault or case.work.partition}")
        place = folder / f"failure-{number + 1}"
        work = case.work
        if work.fault is not None and work.fault.kind == "kill":
            # In the folders of the runs that follow: those must cope with what the kill left.
            _kill_both(_of(work, sources, empty), work, place, progress)
            work = replace(work, fault=None)
        sides = _of(work, sources, empty)
        outcomes.append(Outcome(case, compare_sources(sides, work, place, progress, empty)))
    return tuple(outcomes)


def _of(
    work: Work, sources: tuple[RunSource, RunSource], empty: EmptyStore
) -> tuple[RunSource, RunSource]:
    left, right = sources
    keys = empty.keys_of(work.partition) or ()
    return left.of(work, keys), right.of(work, keys)


def failure_cases(work: Work, job: dg.JobDefinition, *, has_checks: bool = True) -> Iterator[Case]:
    """The cases, with the steps of this job to which they are done."""
    plan = read_plan(job)
    # The matrix is about behaviour. One round shows it; more would only refine the times.
    once = replace(work, rounds=1)

    def case(name: str, step: Step | None, fault: Fault | None, reason: str) -> Case:
        if step is None or fault is None:
            return Case(name, reason=reason)
        return Case(name, replace(once, fault=replace(fault, step=step.name)))

    middle = _middle(plan)
    steady = "no step has others before and after it"
    # The faults name no step yet: `case` puts it in.
    yield case("an error in the middle", middle, Fault(""), steady)
    retried = next((step for step in _plain(plan) if step.retry.delays_s), None)
    policy = "no step has a retry policy"
    yield case("a retry that succeeds", retried, Fault("", 1), policy)
    yield case("retries exhausted", retried, Fault(""), policy)
    blocking = next((step for step in _plain(plan) if _blocks(step)), None)
    own = "a candidate's checks cannot be made to fail"
    yield case(
        "a blocking check that fails",
        blocking if has_checks else None,
        Fault("", kind="failed checks"),
        "no check of the job blocks" if has_checks else own,
    )
    if work.empty_partition is None:
        yield Case("an empty partition", reason="none is named: --empty-partition KEY")
    else:
        yield Case("an empty partition", replace(once, partition=work.empty_partition))
    yield case("a kill and a second run", middle, Fault("", kind="kill"), steady)


def _plain(plan: Plan) -> list[Step]:
    return [step for step in plan.steps if step.kind == "plain"]


def _middle(plan: Plan) -> Step | None:
    """A step that has others on both sides; rather one that makes an asset and is not retried."""
    upstream = {edge.upstream for edge in plan.edges}
    candidates = [s for s in _plain(plan) if s.name in upstream and plan.upstream_of(s.name)]
    return min(
        candidates, key=lambda step: (not step.asset_keys, len(step.retry.delays_s)), default=None
    )


def _blocks(step: Step) -> bool:
    return any(output.is_blocking for output in step.outputs)


def _kill_both(
    sources: tuple[RunSource, RunSource], work: Work, folder: Path, progress: Progress
) -> None:
    """Runs each side until its process is killed in the middle of its run. The server lives on.

    Raises ComparisonError if one ended in another way.
    """
    for source in sources:
        code = source.exit_code(folder, progress)
        if code != KILLED:
            raise ComparisonError(
                f"{source.name} was to be killed in {work.fault}, and ended with exit code {code};"
                f" see {folder / source.name / 'log.txt'}."
            )
