"""What of Dagster is carried over to Prefect, and how: the table that `explain`, the documentation
and the refusals share.

`python -m prefect_compat.graph.features` prints it as Markdown.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import dagster as dg
from dagster._config import ConfigTypeKind
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from dagster._core.definitions.dependency import NodeHandle
from dagster._core.definitions.executor_definition import multi_or_in_process_executor
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG, PRIORITY_TAG

from prefect_compat.errors import DefinitionError


class Verdict(StrEnum):
    """What becomes of a feature under Prefect."""

    SUPPORTED = "supported"  # the same behaviour
    EMULATED = "emulated"  # the same result by another mechanism, which `how` names
    REFUSED = "refused"  # the flow is not built
    NOT_RUN = "not run"  # no part of a job's graph: named, and left to Dagster


@dataclass(frozen=True)
class Feature:
    """One feature of Dagster's definitions. `is_in` finds it in an AssetsDefinition, a
    JobDefinition, a schedule or a sensor."""

    name: str
    verdict: Verdict
    how: str
    is_in: Callable[[Any], bool]


@dataclass(frozen=True)
class Explanation:
    """A feature that a definition of a project uses."""

    definition: str
    feature: Feature


def explain(defs: dg.Definitions) -> tuple[Explanation, ...]:
    """Every feature that every definition of the project uses, in a fixed order."""
    return tuple(
        Explanation(name, feature)
        for name, definition in _definitions(defs)
        for feature in FEATURES
        if feature.is_in(definition)
    )


def demand_carried_over(job: dg.JobDefinition) -> None:
    """Raises DefinitionError naming what of this job is refused, all of it."""
    used = [(job.name, job), *((_name_of(found), found) for found in _assets_of(job))]
    refused = [
        f"'{name}' uses {feature.name}: {feature.how}"
        for name, definition in used
        for feature in FEATURES
        if feature.verdict is Verdict.REFUSED and feature.is_in(definition)
    ]
    if refused:
        raise DefinitionError(
            f"{job.name} cannot be carried over to Prefect:\n  " + "\n  ".join(refused)
        )


def markdown() -> str:
    """The table of all features."""
    rows = [f"| {f.name} | {f.verdict} | {f.how} |" for f in FEATURES]
    return "\n".join(["| Dagster | verdict | under Prefect |", "|---|---|---|", *rows]) + "\n"


def _definitions(defs: dg.Definitions) -> Iterator[tuple[str, Any]]:
    repository = defs.get_repository_def()
    found: dict[int, dg.AssetsDefinition] = {
        id(assets_def): assets_def
        for assets_def in (
            *repository.assets_defs_by_key.values(),
            *repository.asset_checks_defs_by_key.values(),
        )
    }
    yield from sorted(((_name_of(a), a) for a in found.values()), key=lambda entry: entry[0])
    for name in sorted(repository.job_names):
        if not name.startswith("__"):
            yield name, repository.get_job(name)
    timers: list[dg.ScheduleDefinition | dg.SensorDefinition] = [
        *repository.schedule_defs,
        *repository.sensor_defs,
    ]
    yield from ((timer.name, timer) for timer in timers)


def _name_of(assets_def: dg.AssetsDefinition) -> str:
    keys = sorted(key.to_user_string() for key in assets_def.keys)
    checks = sorted(f"{s.asset_key.to_user_string()}:{s.name}" for s in assets_def.check_specs)
    return ", ".join(keys or checks)


def _assets_of(job: dg.JobDefinition) -> list[dg.AssetsDefinition]:
    found = (job.asset_layer.get_assets_def_for_node(NodeHandle(n.name, None)) for n in job.nodes)
    return [assets_def for assets_def in found if assets_def is not None]


def _asset(test: Callable[[dg.AssetsDefinition], Any]) -> Callable[[Any], bool]:
    return lambda found: isinstance(found, dg.AssetsDefinition) and bool(test(found))


def _job(test: Callable[[dg.JobDefinition], Any]) -> Callable[[Any], bool]:
    return lambda found: isinstance(found, dg.JobDefinition) and bool(test(found))


def _op(test: Callable[[dg.OpDefinition], Any]) -> Callable[[Any], bool]:
    """Of any op that the definition runs, inner ones of graphs too."""
    return lambda found: any(test(op_def) for op_def in _ops(found))


def _node(test: Callable[[Any], Any]) -> Callable[[Any], bool]:
    """Of any node of a job, where tags and hooks stand."""
    return lambda found: isinstance(found, dg.JobDefinition) and any(map(test, found.nodes))


def _ops(found: Any) -> list[dg.OpDefinition]:
    if isinstance(found, dg.AssetsDefinition):
        return list(found.node_def.iterate_op_defs()) if found.is_executable else []
    if isinstance(found, dg.JobDefinition) and not found.asset_layer.selected_asset_keys:
        return list(found.graph.iterate_op_defs())
    return []


def _has_hooks(job: dg.JobDefinition) -> bool:
    return any(job.get_all_hooks_for_handle(NodeHandle(node.name, None)) for node in job.nodes)


def _function(op_def: dg.OpDefinition) -> Any:
    return getattr(op_def.compute_fn, "decorated_fn", None)


def _has_config_class(op_def: dg.OpDefinition) -> bool:
    compute_fn = op_def.compute_fn
    return isinstance(compute_fn, DecoratedOpFunction) and compute_fn.has_config_arg()


def _has_schema(op_def: dg.OpDefinition) -> bool:
    field = op_def.config_field
    any_kind = field is None or field.config_type.kind is ConfigTypeKind.ANY
    return not any_kind and not _has_config_class(op_def)


def _is_partitioned_by(*kinds: type) -> Callable[[Any], bool]:
    return _asset(lambda a: isinstance(a.partitions_def, kinds))


def _partitions_per_run(assets_def: dg.AssetsDefinition) -> int | None:
    """How many partitions Dagster puts into one run; None: any number."""
    if not assets_def.partitions_def or not assets_def.keys:
        return None
    policy = assets_def.backfill_policy
    return policy.max_partitions_per_run if policy else 1


def _specs(test: Callable[[Any], Any]) -> Callable[[Any], bool]:
    return _asset(lambda a: any(test(spec) for spec in a.specs))


S, E, R, N = Verdict.SUPPORTED, Verdict.EMULATED, Verdict.REFUSED, Verdict.NOT_RUN

FEATURES: tuple[Feature, ...] = (
    Feature(
        "asset",
        S,
        "a task that materializes the asset's URI",
        _asset(lambda a: a.keys and a.is_executable),
    ),
    Feature(
        "asset dependencies without values (`deps`)",
        S,
        "`wait_for`",
        _op(lambda op: any(i.dagster_type.is_nothing for i in op.input_defs)),
    ),
    Feature(
        "multi-asset",
        S,
        "one task with an asset URI for each key",
        _asset(lambda a: len(a.keys) > 1),
    ),
    Feature(
        "subsettable multi-asset", S, "the selected keys alone", _asset(lambda a: a.can_subset)
    ),
    Feature(
        "graph-backed asset",
        S,
        "one task for each op, nested graphs too",
        _asset(lambda a: a.is_executable and isinstance(a.node_def, dg.GraphDefinition)),
    ),
    Feature(
        "dynamic outputs",
        S,
        "one task for each mapping key, submitted when the keys are known; a collecting task",
        _op(lambda op: any(output.is_dynamic for output in op.output_defs)),
    ),
    Feature(
        "optional outputs",
        S,
        "a task whose input was not yielded ends in the state Skipped",
        _op(lambda op: any(not output.is_required for output in op.output_defs)),
    ),
    Feature(
        "async function",
        S,
        "awaited in an event loop of the task's own",
        _op(lambda op: inspect.iscoroutinefunction(_function(op))),
    ),
    Feature(
        "generator function",
        S,
        "its events are read as Dagster reads them",
        _op(
            lambda op: (
                inspect.isgeneratorfunction(_function(op))
                or inspect.isasyncgenfunction(_function(op))
            )
        ),
    ),
    Feature(
        "external asset",
        S,
        "loaded through its IO manager, never made",
        _asset(lambda a: not a.is_executable and a.keys),
    ),
    Feature(
        "observable source asset",
        S,
        "a task that records the observation",
        _asset(lambda a: a.is_observable),
    ),
    Feature(
        "`Config` class", S, "a typed flow parameter named after the op", _op(_has_config_class)
    ),
    Feature("config schema", S, "a flow parameter checked by Dagster's schema", _op(_has_schema)),
    Feature(
        "resources",
        S,
        "set up once a flow run, torn down after it, also when it fails",
        _op(lambda op: op.required_resource_keys),
    ),
    Feature(
        "input manager",
        S,
        "loads the input, as under Dagster",
        _op(lambda op: any(i.input_manager_key for i in op.input_defs)),
    ),
    Feature(
        "static partitions",
        S,
        "flow parameter `partition`, validated before anything runs",
        _is_partitioned_by(dg.StaticPartitionsDefinition),
    ),
    Feature(
        "time-window partitions",
        S,
        "flow parameter `partition`: a key, `A...B`, or `*`",
        _is_partitioned_by(dg.TimeWindowPartitionsDefinition),
    ),
    Feature(
        "multi-dimensional partitions",
        S,
        "flow parameter `partition`: `a|b`, as in Dagster",
        _is_partitioned_by(dg.MultiPartitionsDefinition),
    ),
    Feature(
        "dynamic partitions",
        S,
        "their keys are read from the Dagster instance passed as `report_to`",
        _is_partitioned_by(dg.DynamicPartitionsDefinition),
    ),
    Feature(
        "partition mappings",
        S,
        "Dagster's own, when an input is loaded",
        _specs(lambda spec: any(dep.partition_mapping for dep in spec.deps)),
    ),
    Feature(
        "single-run backfill policy",
        S,
        "a range is one flow run",
        _asset(lambda a: a.partitions_def and a.keys and _partitions_per_run(a) is None),
    ),
    Feature(
        "a run for each partition, or for each few",
        E,
        "a range is one flow run with a subflow for each run that Dagster would start",
        _asset(lambda a: _partitions_per_run(a) is not None),
    ),
    Feature(
        "asset check", S, "part of a task; its result is recorded", _asset(lambda a: a.check_specs)
    ),
    Feature(
        "blocking check",
        S,
        "a failure of severity ERROR fails the task, so that what is downstream never starts",
        _asset(lambda a: any(spec.blocking for spec in a.check_specs)),
    ),
    Feature(
        "retry policy",
        S,
        "Prefect's retries, as often and after as long as Dagster's policy (backoff, jitter) says",
        _op(lambda op: op.retry_policy is not None),
    ),
    Feature(
        "code version",
        S,
        "data versions are computed by Dagster's code and recorded with the materialization",
        _specs(lambda spec: spec.code_version),
    ),
    Feature(
        "pool",
        E,
        "the Prefect concurrency limit of the same name holds, where one is set",
        _op(lambda op: op.pool is not None),
    ),
    Feature("op tags", S, "tags of the task run, `name=value`", _node(lambda node: node.tags)),
    Feature(
        "priority",
        E,
        "no order among ready tasks: Prefect starts each as soon as it can",
        _node(lambda node: PRIORITY_TAG in node.tags),
    ),
    Feature(
        "asset job", S, "a flow named after it", _job(lambda j: j.asset_layer.selected_asset_keys)
    ),
    Feature(
        "op job or graph job",
        S,
        "a flow named after it",
        _job(lambda j: not j.asset_layer.selected_asset_keys),
    ),
    Feature(
        "hooks",
        S,
        "called after the step, in its task",
        _job(_has_hooks),
    ),
    Feature(
        "job configuration",
        S,
        "the default of the flow's parameters",
        _job(lambda j: j.run_config),
    ),
    Feature(
        "configuration mapping of a job",
        S,
        "flow parameter `config`, mapped by Dagster",
        _job(lambda j: j.config_mapping),
    ),
    Feature(
        "configuration by partition",
        S,
        "computed for the partition when the flow run starts",
        _job(lambda j: j.partitioned_config and not j.asset_layer.selected_asset_keys),
    ),
    Feature(
        "loggers",
        S,
        "configured as under Dagster, beside Prefect's log",
        _job(lambda j: set(j.loggers) - {"console"}),
    ),
    Feature(
        "executor",
        E,
        "Prefect's task runner takes its place: thread pool unless another is passed",
        _job(lambda j: j.executor_def is not multi_or_in_process_executor),
    ),
    Feature(
        "time limit of a run",
        R,
        f"the run tag {MAX_RUNTIME_SECONDS_TAG} is enforced by Dagster's daemon alone; set"
        " `timeout_seconds` of the flow instead and remove the tag",
        _job(lambda j: MAX_RUNTIME_SECONDS_TAG in j.run_tags),
    ),
    Feature(
        "automation condition",
        N,
        "evaluated by Dagster's daemon alone",
        _specs(lambda spec: spec.automation_condition),
    ),
    Feature(
        "schedule",
        N,
        "give the deployment of the flow a schedule of its own",
        lambda found: isinstance(found, dg.ScheduleDefinition),
    ),
    Feature(
        "sensor",
        N,
        "evaluated by Dagster's daemon alone",
        lambda found: isinstance(found, dg.SensorDefinition),
    ),
)

if __name__ == "__main__":
    sys.stdout.write(markdown())
