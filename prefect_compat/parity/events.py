"""What Dagster's events say of a run: its outputs and its checks, without what is of that run
alone. Both orchestrators run Dagster's own step code, which makes these events under each."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import (
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
)
from dagster_shared.serdes import serialize_value

from prefect_compat.parity.record import RecordedCheck
from prefect_compat.plan import CheckId, OutputId

# They say where and when a run was, not what it made.
OF_THE_RUN = (
    dg.PathMetadataValue,
    dg.NotebookMetadataValue,
    dg.DagsterRunMetadataValue,
    dg.TimestampMetadataValue,
    dg.CodeReferencesMetadataValue,
)
SHOWN_LENGTH = 400


@dataclass(frozen=True)
class Made:
    """An output as its materialization tells."""

    output: OutputId
    data_version: str | None
    metadata: tuple[tuple[str, str], ...]


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
        self._own = sorted(own, key=len, reverse=True)
        self._ignored = frozenset(ignored)

    def outputs(self, events: Sequence[dg.DagsterEvent]) -> list[Made]:
        """Every materialization, in the order of the events."""
        return [
            self._made(event.step_materialization_data.materialization)
            for event in events
            if event.is_step_materialization
        ]

    def checks(self, events: Sequence[dg.DagsterEvent]) -> tuple[RecordedCheck, ...]:
        """Every evaluation of a check, in the order of the events."""
        evaluations = [
            event.asset_check_evaluation_data
            for event in events
            if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ]
        return tuple(
            RecordedCheck(
                CheckId(tuple(found.asset_key.path), found.check_name),
                found.passed,
                found.severity.value,
                found.partition,
                self._metadata(found.metadata),
            )
            for found in evaluations
        )

    def _made(self, found: dg.AssetMaterialization) -> Made:
        tags = found.tags or {}
        tells = tags.get(DATA_VERSION_IS_USER_PROVIDED_TAG) == "true" or found.asset_key in (
            self._versioned
        )
        return Made(
            OutputId(tuple(found.asset_key.path), found.partition),
            tags.get(DATA_VERSION_TAG) if tells else None,
            self._metadata(found.metadata),
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

    def _metadata(self, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, self._text(value))
            for name, value in sorted(values.items())
            if name not in self._ignored and not isinstance(value, OF_THE_RUN)
        )

    def _text(self, value: Any) -> str:
        # As Dagster stores it; a storage may return mappings in another order.
        text = json.dumps(_known(json.loads(serialize_value(value))), sort_keys=True)
        for own in self._own:
            text = text.replace(own, "…")
        if len(text) <= SHOWN_LENGTH:
            return text
        return f"{text[: SHOWN_LENGTH // 4]}… {hashlib.sha256(text.encode()).hexdigest()}"


def _known(stored: Any) -> Any:
    """What a person has written of a stored value, without Dagster's names of its fields."""
    fields = stored if isinstance(stored, dict) else {}
    values = [value for name, value in fields.items() if name != "__class__"]
    return values[0] if "__class__" in fields and len(values) == 1 else stored
