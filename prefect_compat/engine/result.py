"""The result of one step of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from prefect_compat.engine.dagster_port.attempt import OutputHandle
from prefect_compat.engine.dagster_port.events import data_version
from prefect_compat.graph.ids import CheckId, OutputId, StepId


@dataclass(frozen=True)
class Materialization:
    """One asset's materialization for one partition, by a step."""

    output: OutputId
    data_version: str | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class CheckEvaluation:
    """The result of one check: of a partition, or (None) of everything that the run covers."""

    check: CheckId
    partition_key: str | None
    passed: bool
    severity: str
    blocking: bool
    description: str | None
    metadata: Mapping[str, Any]


class StepResult:
    """Dagster's events of a step: of its last attempt, and (`earlier`) of those before it.

    Only the process that ran the earlier attempts knows their events. Events hold references,
    never the values, which lie where the IO managers put them.

    Not a dataclass, because Prefect would search every field of one for futures.
    """

    def __init__(
        self,
        step: StepId,
        run_id: str,
        events: tuple[dg.DagsterEvent, ...],
        skipped: bool = False,
        earlier: tuple[dg.DagsterEvent, ...] = (),
        cache_key: str | None = None,
    ) -> None:
        self.step = step
        self.run_id = run_id
        self.events = events
        self.skipped = skipped
        self.earlier = earlier
        self.cache_key = cache_key

    @property
    def has_succeeded(self) -> bool:
        return any(event.is_step_success for event in self.events)

    @property
    def materializations(self) -> tuple[Materialization, ...]:
        return tuple(
            _materialization(event.step_materialization_data.materialization)
            for event in self.events
            if event.is_step_materialization
        )

    @property
    def checks(self) -> tuple[CheckEvaluation, ...]:
        return tuple(
            _evaluation(event.asset_check_evaluation_data)
            for event in self.events
            if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        )

    @property
    def produced(self) -> tuple[OutputHandle, ...]:
        return tuple(
            event.step_output_data.step_output_handle
            for event in self.events
            if event.is_successful_output
        )

    def mapping_keys(self, output: str) -> list[str]:
        """The keys under which the step yielded a dynamic output, in its order."""
        return [
            handle.mapping_key
            for handle in self.produced
            if handle.output_name == output and handle.mapping_key is not None
        ]


class RetryRequestedError(Exception):
    """The step failed, and its policy or its own code asks for another attempt after `wait_s`."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message, wait_s)
        self.message = message
        self.wait_s = wait_s

    def __str__(self) -> str:
        return self.message


def _materialization(materialization: dg.AssetMaterialization) -> Materialization:
    return Materialization(
        OutputId(tuple(materialization.asset_key.path), materialization.partition),
        data_version(materialization.tags),
        materialization.metadata,
    )


def _evaluation(evaluation: dg.AssetCheckEvaluation) -> CheckEvaluation:
    return CheckEvaluation(
        check=CheckId(tuple(evaluation.asset_key.path), evaluation.check_name),
        # An evaluation has a partition since Dagster 1.13.
        partition_key=getattr(evaluation, "partition", None),
        passed=evaluation.passed,
        severity=evaluation.severity.value,
        blocking=bool(evaluation.blocking),
        description=evaluation.description,
        metadata=evaluation.metadata,
    )
