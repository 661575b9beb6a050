"""The verdict on two records: is everything equal, and if not, what differs."""

from dataclasses import dataclass

from prefect_compat.comparison.judging.behaviour import failure_of, judge_behaviour
from prefect_compat.comparison.judging.catalogue import (
    judge_catalogues,
    judge_dynamic_partitions,
    judge_files,
)
from prefect_compat.comparison.judging.described import judge_checks, judge_observations
from prefect_compat.comparison.judging.findings import Finding
from prefect_compat.comparison.judging.outputs import AssetVerdict, OutputVerdict, judge_outputs
from prefect_compat.comparison.record.record import Record
from prefect_compat.graph.ids import ValueId


@dataclass(frozen=True)
class Verdict:
    """The verdict on each output, the number of steps in all runs, and every difference.

    `failure` tells how both runs failed, if both failed in the same way.
    """

    assets: tuple[AssetVerdict, ...]
    steps: int
    findings: tuple[Finding, ...]
    failure: str | None = None

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
    def without_content(self) -> int:
        return sum(asset.without_content for asset in self.assets)

    @property
    def differing(self) -> tuple[ValueId, ...]:
        """The outputs that both sides have with contents that do not match."""
        return tuple(entry.output for entry in self.outputs if entry.differs)


def judge(dagster: Record, prefect: Record) -> Verdict:
    """The verdict on two records of the same work.

    Two runs that fail at the same steps for the same reasons behave the same.
    """
    assets, output_findings = judge_outputs(dagster.outputs, prefect.outputs)
    findings = (
        *judge_behaviour(dagster, prefect),
        *output_findings,
        *judge_checks(dagster.checks, prefect.checks),
        *judge_observations(dagster.observations, prefect.observations),
        *judge_dynamic_partitions(dagster.dynamic_partitions, prefect.dynamic_partitions),
        *judge_catalogues(dagster, prefect),
        *judge_files(dagster.files, prefect.files),
    )
    return Verdict(
        assets=assets,
        steps=len({(step.run, step.step) for step in (*dagster.steps, *prefect.steps)}),
        findings=findings,
        # Without findings both failed alike, so one side's reason serves for both.
        failure=failure_of(dagster) if dagster.error and not findings else None,
    )
