"""A project run under Dagster and as a flow under Prefect: what both left and recorded."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import (
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
)
from prefect import State

from prefect_compat import as_flow
from prefect_compat.comparison.record.flow_runs import read_flow_run
from prefect_compat.comparison.sources.derived_flow import keep_results
from prefect_compat.errors import StepError
from prefect_compat.flow.build import FlowResult
from prefect_compat.graph.partitions import run_keys, run_tags
from tests.prefect_compat.graphs import stored

Project = Callable[[Path], dg.Definitions]
STATES = {
    dg.DagsterEventType.STEP_SUCCESS: "Completed",
    dg.DagsterEventType.STEP_FAILURE: "Failed",
    dg.DagsterEventType.STEP_SKIPPED: "Skipped",
}


@dataclass(frozen=True)
class Outcome:
    """The store's content after a run, each step's last state, materializations and checks.

    Materializations are (key, partition, metadata, data version), checks (asset, name, passed,
    severity).
    """

    stored: dict[str, Any]
    states: dict[str, str]
    materializations: list[tuple[Any, ...]]
    checks: list[tuple[Any, ...]]


def agree(
    root: Path,
    project: Project,
    partition: str | None = None,
    run_config: Mapping[str, Any] | None = None,
    job: str = "the_job",
) -> Outcome:
    """Runs the project under both, each with a store of its own; they must leave the same.

    Step states are what Prefect's API recorded, against Dagster's events.
    """
    dagster = _under_dagster(root / "dagster", project, partition, run_config or {}, job)
    prefect = _under_prefect(root / "prefect", project, partition, run_config or {}, job)
    assert prefect == dagster
    return prefect


def _under_dagster(
    root: Path, project: Project, partition: str | None, run_config: Mapping[str, Any], job: str
) -> Outcome:
    job_def = project(root).resolve_job_def(job)
    with _instance(job_def) as instance:
        keys = run_keys(job_def, partition, instance)
        result = job_def.execute_in_process(
            instance=instance,
            run_config=dict(run_config),
            partition_key=keys[0] if keys and len(keys) == 1 else None,
            tags=run_tags(job_def, keys, None, instance) if keys and len(keys) > 1 else None,
            raise_on_error=False,
        )
    events = result.all_events
    states = {str(e.step_key): STATES[e.event_type] for e in events if e.event_type in STATES}
    return _outcome(root, states, events)


def _under_prefect(
    root: Path, project: Project, partition: str | None, run_config: Mapping[str, Any], job: str
) -> Outcome:
    defs = project(root)
    with _instance(defs.resolve_job_def(job)) as instance:
        flow = as_flow(defs, job=job, run_config=run_config, report_to=instance)
        returned = keep_results(flow)
        state: State[Any] = flow(**_parameters(partition), return_state=True)
    found = returned[-1] if returned else state.result(raise_on_failure=False)
    result: FlowResult = found.result if isinstance(found, StepError) else found
    assert isinstance(result, FlowResult), found
    recorded = read_flow_run(state, result).by_step
    states = {str(step): str(run.state_name) for step, run in recorded.items()}
    # The others were never ready to start; the API may not have heard of that yet.
    started = {name: state for name, state in states.items() if state in STATES.values()}
    return _outcome(root, started, [event for step in result.steps for event in step.events])


def _parameters(partition: str | None) -> dict[str, str]:
    return {"partition": partition} if partition else {}


def _instance(job: dg.JobDefinition) -> dg.DagsterInstance:
    """In memory, with the keys `one` and `two` where the job's partitions are dynamic."""
    instance = dg.DagsterInstance.ephemeral()
    if isinstance(job.partitions_def, dg.DynamicPartitionsDefinition):
        instance.add_dynamic_partitions(str(job.partitions_def.name), ["one", "two"])
    return instance


def _outcome(root: Path, states: dict[str, str], events: Iterable[dg.DagsterEvent]) -> Outcome:
    made, checks = [], []
    for event in events:
        if event.is_step_materialization:
            made.append(_facts(event.step_materialization_data.materialization))
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            found = event.asset_check_evaluation_data
            name = found.asset_key.to_user_string()
            checks.append((name, found.check_name, found.passed, str(found.severity)))
    return Outcome(stored(root) if root.exists() else {}, states, sorted(made), sorted(checks))


def _facts(made: dg.AssetMaterialization) -> tuple[str, str, str, str | None]:
    """Without paths, which lie in either side's store, and without data versions that Dagster
    makes up: they depend on the run's id."""
    tags = made.tags or {}
    version = tags.get(DATA_VERSION_TAG) if DATA_VERSION_IS_USER_PROVIDED_TAG in tags else None
    metadata = {
        name: value.value
        for name, value in sorted(made.metadata.items())
        if not isinstance(value, dg.PathMetadataValue)
    }
    return made.asset_key.to_user_string(), made.partition or "", repr(metadata), version
