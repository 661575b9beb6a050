"""The verdict on two records: is everything equal, and if not, what differs."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace

from prefect_compat.comparison.judging.behaviour import failure_of, judge_behaviour
from prefect_compat.comparison.judging.catalogue import (
    judge_catalogues,
    judge_dynamic_partitions,
    judge_files,
)
from prefect_compat.comparison.judging.described import judge_checks, judge_observations
from prefect_compat.comparison.judging.findings import Finding
from prefect_compat.comparison.judging.outputs import (
    AssetVerdict,
    OutputOutcome,
    OutputVerdict,
    judge_outputs,
)
from prefect_compat.comparison.record.record import Aspect, Pairs, Record
from prefect_compat.graph.ids import ValueId


@dataclass(frozen=True)
class Verdict:
    """The verdict on each output, the number of steps in all runs, and every difference.

    `sides` are the names of the left side and the right one. `failure` tells how both runs failed,
    if both failed in the same way. `not_compared` has each aspect that a side knows nothing of,
    with the reason. `declared` says, for each output that is equal only as declared, what was.
    `noise` are differences in what one side does not make the same way twice, `waived` those that
    someone has accepted; neither counts. `noisy_parts` are the columns or entries that are noise of
    outputs that differ in others too.
    """

    assets: tuple[AssetVerdict, ...]
    steps: int
    findings: tuple[Finding, ...]
    failure: str | None = None
    sides: tuple[str, str] = ("left", "right")
    not_compared: Pairs = ()
    declared: tuple[tuple[ValueId, str], ...] = ()
    noise: tuple[Finding, ...] = ()
    waived: tuple[tuple[Finding, str], ...] = ()
    noisy_parts: tuple[tuple[ValueId, tuple[str, ...]], ...] = ()

    @property
    def holds(self) -> bool:
        """True if something was run and nothing differs or is missing."""
        return not self.findings

    @property
    def outputs(self) -> tuple[OutputVerdict, ...]:
        """The verdicts on all outputs, sorted by the outputs' text form."""
        entries = (entry for asset in self.assets for entry in asset.outputs)
        return tuple(sorted(entries, key=lambda entry: str(entry.output)))

    @property
    def compared(self) -> int:
        """The number of outputs that have content on at least one side."""
        return sum(entry.has_content for entry in self.outputs)

    @property
    def identical(self) -> int:
        return sum(asset.identical for asset in self.assets)

    @property
    def equal_as_declared(self) -> int:
        """The number of outputs that are equal only by what was declared."""
        return sum(asset.equal_as_declared for asset in self.assets)

    @property
    def same_rows(self) -> int:
        """The number of outputs that have the same content in another form."""
        return sum(asset.same_rows for asset in self.assets)

    @property
    def without_content(self) -> int:
        return sum(asset.without_content for asset in self.assets)

    @property
    def differing(self) -> tuple[ValueId, ...]:
        """The outputs that both sides have with contents that do not match."""
        return tuple(entry.output for entry in self.outputs if entry.differs)


def judge(left: Record, right: Record, accepted: Mapping[ValueId, str] | None = None) -> Verdict:
    """The verdict on two records of the same work.

    Two runs that fail at the same steps for the same reasons behave the same. What one of the
    records cannot know is not compared. `accepted` are outputs whose contents have different
    hashes and are equal by what was declared, with the words for it, or without any words have the
    same rows in another form.
    """
    accepted = accepted or {}
    outcomes = {
        output: OutputOutcome.EQUAL if words else OutputOutcome.SAME_ROWS
        for output, words in accepted.items()
    }
    known = left.known & right.known
    assets, output_findings = judge_outputs(left.outputs, right.outputs, known, outcomes)
    sides = (left.side, right.side)
    findings = tuple(
        replace(finding, sides=sides)
        for finding in (
            *judge_behaviour(left, right, known),
            *output_findings,
            *_beside_outputs(left, right, known),
        )
    )
    return Verdict(
        assets=assets,
        steps=len({(step.run, step.step) for step in (*left.steps, *right.steps)}),
        findings=findings,
        # Without findings both failed alike, so one side's reason serves for both.
        failure=failure_of(left) if left.error and not findings else None,
        sides=sides,
        not_compared=tuple({**dict(right.unknown), **dict(left.unknown)}.items()),
        declared=tuple((output, words) for output, words in accepted.items() if words),
    )


def _beside_outputs(left: Record, right: Record, known: Set[Aspect]) -> Iterator[Finding]:
    if Aspect.CHECKS in known:
        described = [side.knows(Aspect.CHECK_METADATA) for side in (left, right)]
        yield from judge_checks(left.checks, right.checks, (described[0], described[1]))
    if Aspect.OBSERVATIONS in known:
        yield from judge_observations(left.observations, right.observations)
    if Aspect.DYNAMIC_PARTITIONS in known:
        yield from judge_dynamic_partitions(left.dynamic_partitions, right.dynamic_partitions)
    if Aspect.CATALOGUE in known:
        yield from judge_catalogues(left, right)
    if Aspect.FILES in known:
        yield from judge_files(left, right, of_assets=Aspect.OTHER_FILES not in known)
