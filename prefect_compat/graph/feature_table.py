"""The table of Dagster's features: what becomes of each under Prefect, and which test proves it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import dagster as dg

from prefect_compat.engine.dagster_port.definitions import (
    has_config_class,
    has_config_schema,
    has_hooks,
)
from prefect_compat.graph.plan import PRIORITY_TAG


class Treatment(StrEnum):
    """The treatment of a feature under Prefect."""

    SUPPORTED = "supported"  # the same behaviour
    EMULATED = "emulated"  # the same result by another mechanism, which `how` names
    REFUSED = "refused"  # the flow is not built
    NOT_RUN = "not run"  # not part of a job's graph: named, and left to Dagster
    UNKNOWN = "unknown"  # not in the table: it may be lost


@dataclass(frozen=True)
class Feature:
    """One feature of Dagster's definitions.

    `is_in` recognizes it in an AssetsDefinition, a JobDefinition, a schedule or a sensor. `proof`
    names the test that shows the treatment, below `tests/prefect_compat/`. `parameters` are those
    of Dagster's decorators that declare the feature.
    """

    name: str
    treatment: Treatment
    how: str
    is_in: Callable[[Any], bool]
    proof: str = ""
    parameters: tuple[str, ...] = ()


# Parameters of Dagster's decorators that change nothing in a run, and why.
WITHOUT_EFFECT: Mapping[str, str] = MappingProxyType(
    {
        "description": "shown as the flow's, task's or asset's description",
        "metadata": "recorded with each materialization by Dagster's step code",
        "tags": "recorded with each materialization, or with the run",
        "group_name": "shown in the lineage",
        "owners": "shown in the lineage and as the owners of Prefect's asset",
        "kinds": "shown in the lineage",
        "compute_kind": "a label in Dagster's UI",
        "kwargs": "Dagster's own deprecated parameters",
        "is_virtual": "a label for assets that nothing makes",
        **dict.fromkeys(
            (
                "job_name",
                "job",
                "jobs",
                "target",
                "asset_selection",
                "asset_key",
                "default_status",
                "cron_schedule",
                "tags_fn",
                "should_execute",
                "environment_vars",
                "execution_timezone",
                "minimum_interval_seconds",
            ),
            "part of a schedule or sensor, which Prefect does not run",
        ),
    }
)


def _asset(test: Callable[[dg.AssetsDefinition], Any]) -> Callable[[Any], bool]:
    return lambda definition: isinstance(definition, dg.AssetsDefinition) and bool(test(definition))


def _job(test: Callable[[dg.JobDefinition], Any]) -> Callable[[Any], bool]:
    return lambda definition: isinstance(definition, dg.JobDefinition) and bool(test(definition))


def _op(test: Callable[[dg.OpDefinition], Any]) -> Callable[[Any], bool]:
    """True if any op that the definition runs passes, inner ops of graphs included."""
    return lambda definition: any(test(op_def) for op_def in _ops(definition))


def _node(test: Callable[[Any], Any]) -> Callable[[Any], bool]:
    """True if any node of a job passes: tags and hooks are attached to nodes."""
    return lambda definition: (
        isinstance(definition, dg.JobDefinition) and any(map(test, definition.nodes))
    )


def _ops(definition: Any) -> list[dg.OpDefinition]:
    if isinstance(definition, dg.AssetsDefinition):
        return list(definition.node_def.iterate_op_defs()) if definition.is_executable else []
    if isinstance(definition, dg.JobDefinition) and not definition.asset_layer.selected_asset_keys:
        return list(definition.graph.iterate_op_defs())
    return []


def _function(op_def: dg.OpDefinition) -> Any:
    return getattr(op_def.compute_fn, "decorated_fn", None)


def _has_schema(op_def: dg.OpDefinition) -> bool:
    return has_config_schema(op_def) and not has_config_class(op_def)


def _any(*tests: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """True if one of the tests passes."""
    return lambda definition: any(test(definition) for test in tests)


def _is_partitioned_by(*kinds: type) -> Callable[[Any], bool]:
    return _asset(lambda a: isinstance(a.partitions_def, kinds))


def _partitions_per_run(assets_def: dg.AssetsDefinition) -> int | None:
    """The number of partitions that Dagster puts into one run; None for any number."""
    if not assets_def.partitions_def or not assets_def.keys:
        return None
    policy = assets_def.backfill_policy
    return policy.max_partitions_per_run if policy else 1


def _specs(test: Callable[[Any], Any]) -> Callable[[Any], bool]:
    return _asset(lambda a: any(test(spec) for spec in a.specs))


S, E, R, N = Treatment.SUPPORTED, Treatment.EMULATED, Treatment.REFUSED, Treatment.NOT_RUN

FEATURES: tuple[Feature, ...] = (
    Feature(
        "asset",
        S,
        "a task that materializes the asset's URI",
        _asset(lambda a: a.keys and a.is_executable),
        proof="scenarios/test_assets.py::test_prefixes_deps_and_metadata",
        parameters=(
            "name",
            "key",
            "key_prefix",
            "compute_fn",
            "observe_fn",
            "specs",
            "outs",
            "out",
            "output_required",
        ),
    ),
    Feature(
        "asset dependencies without values (`deps`)",
        S,
        "`wait_for`",
        _op(lambda op: any(i.dagster_type.is_nothing for i in op.input_defs)),
        proof="scenarios/test_assets.py::test_prefixes_deps_and_metadata",
        parameters=(
            "deps",
            "additional_deps",
            "internal_asset_deps",
        ),
    ),
    Feature(
        "multi-asset",
        S,
        "one task with an asset URI for each key",
        _asset(lambda a: len(a.keys) > 1),
        proof="scenarios/test_functions.py::test_a_multi_asset_with_internal_dependencies",
    ),
    Feature(
        "subsettable multi-asset",
        S,
        "the selected keys alone",
        _asset(lambda a: a.can_subset),
        proof="scenarios/test_functions.py::test_a_selection_of_a_subsettable_multi_asset",
        parameters=(
            "can_subset",
            "skippable",
        ),
    ),
    Feature(
        "graph-backed asset",
        S,
        "one task for each op, nested graphs too",
        _asset(lambda a: a.is_executable and isinstance(a.node_def, dg.GraphDefinition)),
        proof="scenarios/test_functions.py::test_nested_graphs_with_a_configuration_mapping",
        parameters=(
            "compose_fn",
            "input_defs",
            "output_defs",
        ),
    ),
    Feature(
        "dynamic outputs",
        S,
        "one task for each mapping key, submitted when the keys are known; a collecting task",
        _op(lambda op: any(output.is_dynamic for output in op.output_defs)),
        proof="scenarios/test_functions.py::test_dynamic_outputs_are_mapped_and_collected",
    ),
    Feature(
        "optional outputs",
        S,
        "a task whose input was not yielded ends in the state Skipped",
        _op(lambda op: any(not output.is_required for output in op.output_defs)),
        proof="scenarios/test_functions.py::test_what_waits_for_an_output_that_is_not_yielded_is_skipped_and_what_waits_for_it",
    ),
    Feature(
        "async function",
        S,
        "awaited in an event loop of the task's own",
        _op(lambda op: inspect.iscoroutinefunction(_function(op))),
        proof="scenarios/test_functions.py::test_generators_async_functions_and_async_generators",
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
        proof="scenarios/test_functions.py::test_generators_async_functions_and_async_generators",
    ),
    Feature(
        "external asset",
        S,
        "loaded through its IO manager, never made",
        _asset(lambda a: not a.is_executable and a.keys),
        proof="scenarios/test_assets.py::test_an_external_asset_is_loaded_through_its_io_manager",
    ),
    Feature(
        "observable source asset",
        S,
        "a task that records the observation",
        _asset(lambda a: a.is_observable),
        proof="scenarios/test_checks_and_retries.py::test_an_observable_source_asset_is_observed",
    ),
    Feature(
        "`Config` class",
        S,
        "a typed flow parameter named after the op",
        _op(has_config_class),
        proof="scenarios/test_assets.py::test_configuration",
    ),
    Feature(
        "config schema",
        S,
        "a flow parameter checked by Dagster's schema",
        _op(_has_schema),
        proof="scenarios/test_assets.py::test_configuration",
        parameters=("config_schema",),
    ),
    Feature(
        "resources",
        S,
        "set up once a flow run, torn down after it, also when it fails",
        _op(lambda op: op.required_resource_keys),
        proof="scenarios/test_assets.py::test_resources_of_every_kind",
        parameters=(
            "required_resource_keys",
            "resource_defs",
        ),
    ),
    Feature(
        "input manager",
        S,
        "loads the input, as under Dagster",
        _op(lambda op: any(i.input_manager_key for i in op.input_defs)),
        proof="scenarios/test_assets.py::test_io_managers_of_every_kind",
        parameters=(
            "ins",
            "additional_ins",
            "io_manager_key",
            "io_manager_def",
            "dagster_type",
        ),
    ),
    Feature(
        "static partitions",
        S,
        "flow parameter `partition`, validated before anything runs",
        _is_partitioned_by(dg.StaticPartitionsDefinition),
        proof="scenarios/test_partitions.py::test_one_key",
        parameters=("partitions_def",),
    ),
    Feature(
        "time-window partitions",
        S,
        "flow parameter `partition`: a key, `A...B`, or `*`",
        _is_partitioned_by(dg.TimeWindowPartitionsDefinition),
        proof="scenarios/test_partitions.py::test_one_key",
    ),
    Feature(
        "multi-dimensional partitions",
        S,
        "flow parameter `partition`: `a|b`, as in Dagster",
        _is_partitioned_by(dg.MultiPartitionsDefinition),
        proof="scenarios/test_partitions.py::test_one_key",
    ),
    Feature(
        "dynamic partitions",
        S,
        "their keys are read from the Dagster instance passed as `report_to`",
        _is_partitioned_by(dg.DynamicPartitionsDefinition),
        proof="scenarios/test_partitions.py::test_dynamic_keys_without_an_instance_are_asked_for",
    ),
    Feature(
        "partition mappings",
        S,
        "Dagster's own, when an input is loaded",
        _specs(lambda spec: any(dep.partition_mapping for dep in spec.deps)),
        proof="scenarios/test_partitions.py::test_mappings",
    ),
    Feature(
        "single-run backfill policy",
        S,
        "a range is one flow run",
        _asset(lambda a: a.partitions_def and a.keys and _partitions_per_run(a) is None),
        proof="scenarios/test_partitions.py::test_a_range_in_one_run",
        parameters=("backfill_policy",),
    ),
    Feature(
        "a run for each partition, or for each few",
        E,
        "a range is one flow run with a subflow for each run that Dagster would start",
        _asset(lambda a: _partitions_per_run(a) is not None),
        proof="scenarios/test_partitions.py::test_all_keys_one_run_each",
    ),
    Feature(
        "asset check",
        S,
        "a task of its own, or part of the asset's task if declared with `check_specs`; its result"
        " is recorded",
        _asset(lambda a: a.check_specs),
        proof="scenarios/test_checks_and_retries.py::test_checks_of_every_kind",
        parameters=(
            "asset",
            "check_specs",
        ),
    ),
    Feature(
        "blocking check",
        S,
        "a failure of severity ERROR fails the task, so that what is downstream never starts",
        _asset(lambda a: any(spec.blocking for spec in a.check_specs)),
        proof="scenarios/test_checks_and_retries.py::test_a_blocking_check",
        parameters=("blocking",),
    ),
    Feature(
        "retry policy",
        S,
        "Prefect's retries, as often and after as long as Dagster's policy (backoff, jitter) says",
        _op(lambda op: op.retry_policy is not None),
        proof="scenarios/test_checks_and_retries.py::test_a_retry_policy",
        parameters=(
            "retry_policy",
            "op_retry_policy",
        ),
    ),
    Feature(
        "code version",
        S,
        "data versions are computed by Dagster's code and recorded with the materialization",
        _specs(lambda spec: spec.code_version),
        proof="flow/test_native_gains.py::test_data_versions_are_those_that_dagster_computes",
        parameters=(
            "code_version",
            "version",
        ),
    ),
    Feature(
        "pool",
        E,
        "takes a slot of the Prefect concurrency limit with the pool's name; without such a limit,"
        " the step runs unlimited",
        _op(lambda op: op.pool is not None),
        proof="flow/test_native_gains.py::test_a_pool_is_the_concurrency_limit_of_its_name",
        parameters=("pool",),
    ),
    Feature(
        "op tags",
        S,
        "tags of the task run, `name=value`",
        _node(lambda node: node.tags),
        proof="flow/test_build.py::test_prefect_records_the_graph",
        parameters=("op_tags",),
    ),
    Feature(
        "priority",
        E,
        "tasks that run one at a time start in Dagster's order, by priority; in threads and"
        " processes each starts as soon as a worker is free",
        _node(lambda node: PRIORITY_TAG in node.tags),
        proof="graph/test_features.py::test_each_feature_is_found_where_it_is_used",
    ),
    Feature(
        "asset job",
        S,
        "a flow named after it",
        _job(lambda j: j.asset_layer.selected_asset_keys),
        proof="scenarios/test_assets.py::test_prefixes_deps_and_metadata",
        parameters=("selection",),
    ),
    Feature(
        "op job or graph job",
        S,
        "a flow named after it",
        _job(lambda j: not j.asset_layer.selected_asset_keys),
        proof="scenarios/test_functions.py::test_op_jobs_and_graph_jobs",
        parameters=("input_values",),
    ),
    Feature(
        "hooks",
        S,
        "called after the step, in its task",
        _any(_job(has_hooks), _asset(lambda a: a.hook_defs)),
        proof="scenarios/test_functions.py::test_hooks_are_called",
        parameters=("hooks",),
    ),
    Feature(
        "job configuration",
        S,
        "the default of the flow's parameters",
        _job(lambda j: j.run_config),
        proof="flow/test_build.py::TestRunConfig::test_its_ops_are_the_parameters_defaults",
        parameters=("config",),
    ),
    Feature(
        "configuration mapping of a job",
        S,
        "flow parameter `config`, mapped by Dagster",
        _job(lambda j: j.config_mapping),
        proof="scenarios/test_functions.py::test_nested_graphs_with_a_configuration_mapping",
    ),
    Feature(
        "configuration by partition",
        S,
        "computed for the partition when the flow run starts",
        _job(lambda j: j.partitioned_config and not j.asset_layer.selected_asset_keys),
        proof="scenarios/test_functions.py::test_op_jobs_and_graph_jobs",
    ),
    Feature(
        "loggers",
        S,
        "configured as under Dagster, beside Prefect's log",
        _job(lambda j: set(j.loggers) - {"console"}),
        proof="scenarios/test_functions.py::test_op_jobs_and_graph_jobs",
        parameters=("logger_defs",),
    ),
    Feature(
        "executor",
        E,
        "in process: one task at a time; multiprocess or another: a pool of processes, or threads"
        " where no other process can import the definitions; `--task-runner` overrides",
        _job(lambda j: j.executor_def is not dg.multi_or_in_process_executor),
        proof="flow/test_task_runners.py::test_threads",
        parameters=("executor_def",),
    ),
    Feature(
        "time limit of a run",
        R,
        f"the run tag {dg.MAX_RUNTIME_SECONDS_TAG} is enforced by Dagster's daemon alone; set"
        " `timeout_seconds` of the flow instead and remove the tag",
        _job(lambda j: dg.MAX_RUNTIME_SECONDS_TAG in j.run_tags),
        proof="graph/test_features.py::test_what_is_refused_is_named_with_its_reason_before_anything_runs",
        parameters=("run_tags",),
    ),
    Feature(
        "automation condition",
        N,
        "evaluated by Dagster's daemon alone",
        _specs(lambda spec: spec.automation_condition),
        proof="graph/test_features.py::test_each_feature_is_found_where_it_is_used",
        parameters=(
            "automation_condition",
            "freshness_policy",
        ),
    ),
    Feature(
        "schedule",
        N,
        "give the deployment of the flow a schedule of its own",
        lambda definition: isinstance(definition, dg.ScheduleDefinition),
        proof="graph/test_features.py::test_each_feature_is_found_where_it_is_used",
    ),
    Feature(
        "sensor",
        N,
        "evaluated by Dagster's daemon alone",
        lambda definition: isinstance(definition, dg.SensorDefinition),
        proof="graph/test_features.py::test_each_feature_is_found_where_it_is_used",
    ),
)
