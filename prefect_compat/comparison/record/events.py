"""Reads Dagster's events of a run: outputs, checks and observations.

Whatever belongs to that one run, such as its id, is left out. Both orchestrators run Dagster's
own step code, so both produce these events.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg

from prefect_compat.comparison.record.record import (
    Pairs,
    RecordedCheck,
    RecordedObservation,
)
from prefect_compat.engine.dagster_port.events import (
    StoredOutput,
    data_version,
    stored_metadata,
    stored_outputs,
    user_data_version,
)
from prefect_compat.engine.dagster_port.graph import parse_step_key
from prefect_compat.graph.ids import CheckId, OutputId, StepOutputId, ValueId
from prefect_compat.graph.plan import AssetPath, Plan

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
    """An output in the events; `is_stored` if it was handed to an IO manager."""

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

    def __init__(self, plan: Plan, own: Iterable[str], ignored: Iterable[str] = ()) -> None:
        self._plan = plan
        self._declared = {
            (step.name, output.name): output for step in plan.steps for output in step.outputs
        }
        # The longest first: one of these texts may be a part of another.
        self._own = sorted(own, key=len, reverse=True)
        self._ignored = frozenset(ignored)

    def outputs(self, runs: Iterable[Sequence[dg.DagsterEvent]]) -> list[Made]:
        """Every materialization and every stored op output, run by run."""
        outputs: list[Made] = []
        for number, events in enumerate(runs):
            stored = list(stored_outputs(events))
            stored_assets = {(entry.step, self._asset_of(entry)) for entry in stored}
            for event in events:
                if event.is_step_materialization:
                    made = event.step_materialization_data.materialization
                    step = parse_step_key(str(event.step_key))
                    is_stored = (step, tuple(made.asset_key.path)) in stored_assets
                    outputs.append(self._made(made, is_stored))
            # Assets are in the materializations, and results of checks are compared apart.
            for entry in stored:
                if self._is_of_op(entry):
                    place = StepOutputId(number, entry.step, entry.name, entry.mapping_key)
                    outputs.append(Made(place, True, metadata=self._metadata(entry.metadata)))
        return outputs

    def observations(self, events: Iterable[dg.DagsterEvent]) -> tuple[RecordedObservation, ...]:
        """Every asset observation, in the order of the events."""
        return tuple(
            RecordedObservation(
                OutputId(tuple(seen.asset_key.path), seen.partition),
                user_data_version(seen.tags),
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
                # An evaluation has a partition since Dagster 1.13.
                getattr(seen, "partition", None),
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

    def _asset_of(self, output: StoredOutput) -> tuple[str, ...] | None:
        declared = self._declared.get((output.step.name, output.name))
        return declared.asset_key if declared else None

    def _is_of_op(self, output: StoredOutput) -> bool:
        declared = self._declared.get((output.step.name, output.name))
        return declared is None or not (declared.asset_key or declared.check_key)

    def _made(self, event: dg.AssetMaterialization, is_stored: bool) -> Made:
        version = user_data_version(event.tags)
        if version is None and tuple(event.asset_key.path) in self._versioned:
            version = data_version(event.tags)
        return Made(
            OutputId(tuple(event.asset_key.path), event.partition),
            is_stored,
            version,
            self._metadata(event.metadata),
            _user_tags(event.tags),
            event.description,
        )

    @cached_property
    def _versioned(self) -> frozenset[AssetPath]:
        """The assets whose data version Dagster makes from code versions alone.

        For an asset without a code version it uses the run's id instead.
        """
        versioned: set[AssetPath] = set()
        for asset in self._plan.assets:
            upstream = {parent.asset_key for parent in asset.upstream}
            # A plan has each asset after its upstream, so one pass settles them all.
            if asset.is_made and asset.code_version is not None and versioned >= upstream:
                versioned.add(asset.key)
        return frozenset(versioned)

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
        stored = json.dumps(_known(stored_metadata(value)), sort_keys=True)
        text = f"{kind} {self._without_own(stored)}"
        if len(text) <= SHOWN_LENGTH:
            return text
        # The digest stands for the rest, so that a difference beyond the shown text is found.
        return f"{text[: SHOWN_LENGTH // 4]}… {hashlib.sha256(text.encode()).hexdigest()}"

    def _without_own(self, text: str) -> str:
        for own in self._own:
            text = text.replace(own, "…")
        return text


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


def _known(stored: Any) -> Any:
    """The part of a stored value that a person wrote, without Dagster's field names."""
    fields = stored if isinstance(stored, dict) else {}
    values = [value for name, value in fields.items() if name != "__class__"]
    return values[0] if "__class__" in fields and len(values) == 1 else stored
