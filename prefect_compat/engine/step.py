"""One attempt at one step: its inputs loaded, its function called, its outputs stored.

All of it is done by Dagster's own step code (the part that Dagster's executors call in whatever
process they choose), so that type checks, partition mappings, IO managers, hooks and events are
Dagster's. Direct invocation, Dagster's public way to call an asset, has no inputs from IO
managers, no partition mappings, no graph-backed assets and no run in its context.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.errors import DagsterMaxRetriesExceededError
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.execution.plan.execute_plan import _trigger_hook, dagster_event_sequence_for_step
from dagster._core.execution.plan.inputs import FromMultipleSources, StepInput
from dagster._core.execution.plan.outputs import StepOutputHandle

from prefect_compat.engine.run import Execution
from prefect_compat.graph.plan import CheckId, OutputId

METADATA = Mapping[str, Any]


@dataclass(frozen=True)
class Materialization:
    """What a step made of one asset for one partition."""

    output: OutputId
    data_version: str | None
    metadata: METADATA


@dataclass(frozen=True)
class CheckEvaluation:
    """The result of one check: of a partition, or (None) of all that the run covers."""

    check: CheckId
    partition_key: str | None
    passed: bool
    severity: str
    blocking: bool
    description: str | None
    metadata: METADATA


class StepResult:
    """Dagster's events of a step: of its last attempt, and (`earlier`) of those before it.

    The earlier ones are known in the process that ran them. Events hold references, never the
    values, which lie where the IO managers put them.

    Not a dataclass, because Prefect would search every field of one for futures.
    """

    def __init__(
        self,
        step: str,
        run_id: str,
        events: tuple[DagsterEvent, ...],
        skipped: bool = False,
        earlier: tuple[DagsterEvent, ...] = (),
    ) -> None:
        self.step = step
        self.run_id = run_id
        self.events = events
        self.skipped = skipped
        self.earlier = earlier
        self.cache_key: str | None = None

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
            if event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION
        )

    @property
    def produced(self) -> tuple[StepOutputHandle, ...]:
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


class TryAgain(Exception):
    """The step failed, and its policy or its own code asks for another attempt after `wait_s`."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message, wait_s)
        self.message = message
        self.wait_s = wait_s

    def __str__(self) -> str:
        return self.message


def run_step(execution: Execution, key: str, attempts_before: int) -> StepResult:
    """Runs a step once. Raises TryAgain where it is to be tried again, else what its code raised.

    A step of which an input was not yielded upstream is skipped, as Dagster skips it.
    """
    earlier = execution.events_of(key) if attempts_before else ()
    with execution.step_context(key, attempts_before) as context:
        if any(_is_lacking(execution, step_input) for step_input in context.step.step_inputs):
            skipped = _recorded(execution, [DagsterEvent.step_skipped_event(context)])
            return StepResult(key, context.run_id, tuple(skipped), skipped=True)
        events = _recorded(execution, dagster_event_sequence_for_step(context))
        events += _recorded(execution, _trigger_hook(context, events))
        for event in events:
            if event.is_step_up_for_retry:
                again = event.step_retry_data
                cause = again.error.cause or again.error
                raise TryAgain(cause.message.strip(), float(again.seconds_to_wait or 0))
            if event.is_step_failure:
                failure = context.step_exception
                assert failure is not None  # Dagster captures it with the event
                execution.failures[key] = _as_dagster_raises(failure, event)
                raise _as_user_raised(failure)
    return StepResult(key, execution.run.run_id, tuple(events), earlier=earlier)


def _recorded(execution: Execution, events: Iterable[DagsterEvent]) -> list[DagsterEvent]:
    found = []
    for event in events:
        execution.record(event)
        found.append(event)
    return found


def _as_dagster_raises(failure: BaseException, event: DagsterEvent) -> BaseException:
    """What Dagster's own in-process execution raises for this failure."""
    if isinstance(failure, dg.RetryRequested):
        exceeded: BaseException = DagsterMaxRetriesExceededError.from_error_info(
            event.step_failure_data.error
        )
        return exceeded
    return failure


def _as_user_raised(failure: BaseException) -> BaseException:
    """The user's own error, where a retry policy wrapped it."""
    if isinstance(failure, dg.RetryRequested) and failure.__cause__ is not None:
        return failure.__cause__
    return failure


def _is_lacking(execution: Execution, step_input: StepInput) -> bool:
    """Whether the one output that the input takes was not yielded, or none of those of a fan-in.
    Check results gate nothing by their absence."""
    handles = [
        handle
        for handle in step_input.get_step_output_handle_dependencies()
        if execution.plan.get_step_output(handle).properties.asset_check_key is None
    ]
    missing = [
        handle
        for handle in handles
        if handle.step_key in execution.ended and handle not in execution.produced
    ]
    if isinstance(step_input.source, FromMultipleSources):
        return bool(handles) and len(missing) == len(handles)
    return bool(missing)


def _materialization(found: dg.AssetMaterialization) -> Materialization:
    return Materialization(
        OutputId(tuple(found.asset_key.path), found.partition),
        (found.tags or {}).get(DATA_VERSION_TAG),
        found.metadata,
    )


def _evaluation(found: Any) -> CheckEvaluation:  # Dagster's AssetCheckEvaluation
    return CheckEvaluation(
        check=CheckId(tuple(found.asset_key.path), found.check_name),
        partition_key=found.partition,
        passed=found.passed,
        severity=found.severity.value,
        blocking=bool(found.blocking),
        description=found.description,
        metadata=found.metadata,
    )
