"""What Dagster's events say of a run: its outputs and its checks, without what is of that run
alone. Both orchestrators run Dagster's own step code, which makes these events under each."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import (
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
)
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster_shared.serdes import serialize_value

from prefect_compat.comparison.record.record import (
    Pairs,
    RecordedCheck,
    RecordedObservation,
    unmapped,
)
from prefect_compat.graph.plan import CheckId, OutputId, Plan, StepOutputId, ValueId, read_plan

# They say where and when a run was, not what it made.
OF_THE_RUN = (
    dg.PathMetadataValue,
    dg.NotebookMetadataValue,
    dg.DagsterRunMetadataValue,
    dg.TimestampMetadataValue,
    dg.CodeReferencesMetadataValue,
)
SHOWN_LENGTH = 400
# Of an object in memory, in the message of an exception.
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


@dataclass(frozen=True)
class Made:
    """An output as the events tell of it; `is_stored` if it was handed to an IO manager."""

    output: ValueId
    is_stored: bool
    data_version: str | None = None
    metadata: Pairs = ()
    tags: Pairs = ()
    description: str | None = None


def declared_assets(plan: Plan) -> dict[str, frozenset[tuple[str, ...]]]:
    """The assets that each step declares; user code may log materializations of others."""
    return {step.name: frozenset(step.asset_keys) for step in plan.steps}


class EventReader:
    """Reads the events of one side's runs.

    `own` are texts that only this side has (its folder, its runs' ids); `ignored` are names of
    metadata that are not compared.
    """

    def __init__(
        self, job: dg.JobDefinition, own: Iterable[str], ignored: Iterable[str] = ()
    ) -> None:
        self._graph = job.asset_layer.asset_graph
        self._executable = set(job.asset_layer.selected_asset_keys)
        self._declared = {
            (step.name, output.name): output
            for step in read_plan(job).steps
            for output in step.outputs
        }
        self._own = sorted(own, key=len, reverse=True)
        self._ignored = frozenset(ignored)

    def outputs(self, runs: Iterable[Sequence[dg.DagsterEvent]]) -> list[Made]:
        """Every materialization and every stored op output, run by run."""
        found: list[Made] = []
        for number, events in enumerate(runs):
            stored = list(_stored_outputs(events))
            by_asset = {self._asset_of(output) for output, _ in stored}
            for event in events:
                if event.is_step_materialization:
                    made = event.step_materialization_data.materialization
                    is_stored = (event.step_key, tuple(made.asset_key.path)) in by_asset
                    found.append(self._made(made, is_stored))
            for output, metadata in stored:
                if self._is_of_op(output):
                    place = StepOutputId(
                        number, output.step_key, output.output_name, output.mapping_key
                    )
                    found.append(Made(place, True, metadata=self._metadata(metadata)))
        return found

    def observations(self, events: Iterable[dg.DagsterEvent]) -> tuple[RecordedObservation, ...]:
        """Every asset observation, in the order of the events."""
        return tuple(
            RecordedObservation(
                OutputId(tuple(seen.asset_key.path), seen.partition),
                _user_data_version(seen.tags),
                self._metadata(seen.metadata),
                _user_tags(seen.tags),
                seen.description,
            )
            for event in events
            if event.event_type is dg.DagsterEventType.ASSET_OBSERVATION
            for seen in [event.asset_observation_data.asset_observation]
        )

    def checks(self, events: Iterable[dg.DagsterEvent]) -> tuple[RecordedCheck, ...]:
        """Every evaluation of a check, in the order of the events."""
        return tuple(
            RecordedCheck(
                CheckId(tuple(seen.asset_key.path), seen.check_name),
                seen.passed,
                seen.severity.value,
                seen.partition,
                self._metadata(seen.metadata),
                seen.description,
            )
            for event in events
            if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
            for seen in [event.asset_check_evaluation_data]
        )

    def errors(self, events: Iterable[dg.DagsterEvent]) -> Pairs:
        """The exception of each failed attempt, as its type and its message."""
        causes = (_cause(event) for event in events)
        return tuple(
            (cause.cls_name or "", ADDRESS.sub("0x…", self._without_own(cause.message.strip())))
            for cause in causes
            if cause is not None
        )

    def _asset_of(self, output: StepOutputHandle) -> tuple[str, tuple[str, ...] | None]:
        declared = self._declared.get((unmapped(output.step_key), output.output_name))
        return output.step_key, declared.asset_key if declared else None

    def _is_of_op(self, output: StepOutputHandle) -> bool:
        declared = self._declared.get((unmapped(output.step_key), output.output_name))
        return declared is None or not (declared.asset_key or declared.check_key)

    def _made(self, found: dg.AssetMaterialization, is_stored: bool) -> Made:
        version = _user_data_version(found.tags)
        if version is None and found.asset_key in self._versioned:
            version = (found.tags or {}).get(DATA_VERSION_TAG)
        return Made(
            OutputId(tuple(found.asset_key.path), found.partition),
            is_stored,
            version,
            self._metadata(found.metadata),
            _user_tags(found.tags),
            found.description,
        )

    @cached_property
    def _versioned(self) -> frozenset[dg.AssetKey]:
        """The assets whose data version Dagster makes from code versions alone. Of an asset
        without one it takes the run's id in its place."""
        found: set[dg.AssetKey] = set()
        for key in self._graph.toposorted_asset_keys:
            node = self._graph.get(key)
            is_versioned = key in self._executable and node.code_version is not None
            if is_versioned and found.issuperset(node.parent_keys):
                found.add(key)
        return frozenset(found)

    def _metadata(self, values: Mapping[str, Any]) -> Pairs:
        return tuple(
            (name, self._text(value))
            for name, value in sorted(values.items())
            if name not in self._ignored and not isinstance(value, OF_THE_RUN)
        )

    def _text(self, value: Any) -> str:
        """The value with its type: to a reader `3` and `"3"`, or text and a URL, differ."""
        kind = type(value).__name__.removesuffix("MetadataValue").lower()
        # As Dagster stores it; a storage may return mappings in another order.
        stored = json.dumps(_known(json.loads(serialize_value(value))), sort_keys=True)
        text = f"{kind} {self._without_own(stored)}"
        if len(text) <= SHOWN_LENGTH:
            return text
        return f"{text[: SHOWN_LENGTH // 4]}… {hashlib.sha256(text.encode()).hexdigest()}"

    def _without_own(self, text: str) -> str:
        for own in self._own:
            text = text.replace(own, "…")
        return text


def _stored_outputs(
    events: Iterable[dg.DagsterEvent],
) -> Iterator[tuple[StepOutputHandle, Mapping[str, Any]]]:
    """Each output that an IO manager handled, with its metadata; of several attempts the last.

    Dagster's event of the handling names no mapping key. That of the yielded output does, and
    precedes it in the same step.
    """
    yielded: dict[tuple[str | None, str], dg.DagsterEvent] = {}
    stored: dict[StepOutputHandle, Mapping[str, Any]] = {}
    for event in events:
        if event.is_successful_output:
            name = event.step_output_data.step_output_handle.output_name
            yielded[event.step_key, name] = event
        elif event.is_handled_output:
            handled: Any = event.event_specific_data
            output = yielded[event.step_key, handled.output_name].step_output_data
            stored[output.step_output_handle] = {**output.metadata, **handled.metadata}
    yield from stored.items()


def _cause(event: dg.DagsterEvent) -> Any:
    """The error of a failed attempt: the user's own, where Dagster wrapped it."""
    if event.is_step_up_for_retry:
        error: Any = event.step_retry_data.error
    elif event.is_step_failure:
        error = event.step_failure_data.error
    else:
        return None
    return error and (error.cause or error)


def _user_tags(tags: Mapping[str, str] | None) -> Pairs:
    """Tags without Dagster's own, which name runs and events."""
    return tuple(
        sorted(
            (name, str(value))
            for name, value in (tags or {}).items()
            if not name.startswith("dagster/")
        )
    )


def _user_data_version(tags: Mapping[str, str] | None) -> str | None:
    found = tags or {}
    if found.get(DATA_VERSION_IS_USER_PROVIDED_TAG) != "true":
        return None
    return found.get(DATA_VERSION_TAG)


def _known(stored: Any) -> Any:
    """What a person has written of a stored value, without Dagster's names of its fields."""
    fields = stored if isinstance(stored, dict) else {}
    values = [value for name, value in fields.items() if name != "__class__"]
    return values[0] if "__class__" in fields and len(values) == 1 else stored
