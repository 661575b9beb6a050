"""Facts in Dagster's events that have no public accessor."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import (
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
)
from dagster._core.execution.plan.outputs import StepOutputHandle

from prefect_compat.engine.dagster_port.graph import parse_step_key
from prefect_compat.graph.ids import StepId


def data_version(tags: Mapping[str, str] | None) -> str | None:
    """The data version in the tags of an asset event."""
    return (tags or {}).get(DATA_VERSION_TAG)


def user_data_version(tags: Mapping[str, str] | None) -> str | None:
    """The data version, if the user's own code gave it."""
    is_users = (tags or {}).get(DATA_VERSION_IS_USER_PROVIDED_TAG) == "true"
    return data_version(tags) if is_users else None


def stored_metadata(value: Any) -> Any:
    """A metadata value as plain JSON-like data, in the way Dagster stores it."""
    return json.loads(dg.serialize_value(value))


@dataclass(frozen=True)
class StoredOutput:
    """An output that an IO manager handled, with its metadata."""

    step: StepId
    name: str
    mapping_key: str | None
    metadata: Mapping[str, Any]


def stored_outputs(events: Iterable[dg.DagsterEvent]) -> Iterator[StoredOutput]:
    """Yields each output that an IO manager handled; of several attempts the last.

    The event of the handling has no mapping key. The event of the yielded output has it, and
    comes earlier in the same step.
    """
    yielded: dict[tuple[str | None, str], dg.DagsterEvent] = {}
    stored: dict[StepOutputHandle, Mapping[str, Any]] = {}
    for event in events:
        if event.is_successful_output:
            name = event.step_output_data.step_output_handle.output_name
            yielded[event.step_key, name] = event
        elif event.is_handled_output:
            handled: Any = event.event_specific_data
            # Dagster stores an output before it takes the next, so the last of that name is it.
            output = yielded[event.step_key, handled.output_name].step_output_data
            stored[output.step_output_handle] = {**output.metadata, **handled.metadata}
    for handle, metadata in stored.items():
        yield StoredOutput(
            parse_step_key(handle.step_key), handle.output_name, handle.mapping_key, metadata
        )


def upstream_steps(instance: dg.DagsterInstance, run_id: str) -> dict[StepId, tuple[StepId, ...]]:
    """The steps in the execution plan that Dagster stored with the run, each with its upstream.

    A mapped step stands for all that it became, without a mapping key.
    """
    run = instance.get_run_by_id(run_id)
    assert run is not None  # it has just ended
    assert run.execution_plan_snapshot_id is not None
    snapshot = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    return {
        parse_step_key(step.key): tuple(
            sorted(
                {parse_step_key(key) for entry in step.inputs for key in entry.upstream_step_keys},
                key=str,
            )
        )
        for step in snapshot.steps
    }
