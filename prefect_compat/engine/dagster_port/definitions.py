"""Facts about definitions, and the helpers of Dagster's own entry points."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._check import CheckError
from dagster._config import ConfigTypeKind
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from dagster._core.definitions.dependency import NodeHandle
from dagster._core.definitions.materialize import EPHEMERAL_JOB_NAME, _get_required_io_manager_keys
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.execution.execute_in_process import (
    _check_top_level_inputs,
    merge_run_tags,
    type_check_and_normalize_args,
)

__all__ = ["EPHEMERAL_JOB_NAME", "CheckError"]


# --- jobs --------------------------------------------------------------------------------------


def selected_keys(repository: dg.RepositoryDefinition, selection: Any) -> set[dg.AssetKey]:
    """The keys of a repository's assets that the selection matches and that can be run."""
    graph = repository.asset_graph
    keys: Any = dg.AssetSelection.from_coercible(selection).resolve(graph)
    return set(keys & graph.executable_asset_keys)


def job_of_assets(
    repository: dg.RepositoryDefinition, name: str, selection: Any
) -> dg.JobDefinition:
    """The job that the repository would have, were it defined by `dagster.define_asset_job`.

    Raises a DagsterError for a selection that Dagster refuses.
    """
    # The job of all assets has the executor and the loggers of the definitions.
    of_all = repository.get_implicit_global_asset_job_def()
    job = dg.define_asset_job(name, selection=selection).resolve(
        asset_graph=repository.asset_graph,
        default_executor_def=of_all.executor_def,
        resource_defs=repository.get_top_level_resources(),
    )
    job.validate_resource_requirements_satisfied()
    return job.with_logger_defs(of_all.loggers) if of_all.has_specified_loggers else job


# --- features ----------------------------------------------------------------------------------


def assets_definitions(job: dg.JobDefinition) -> list[dg.AssetsDefinition]:
    """The assets definitions that the job's nodes run."""
    defs = (job.asset_layer.get_assets_def_for_node(NodeHandle(n.name, None)) for n in job.nodes)
    return [assets_def for assets_def in defs if assets_def is not None]


def has_hooks(job: dg.JobDefinition) -> bool:
    """True if a hook is attached to any node of the job."""
    return any(job.get_all_hooks_for_handle(NodeHandle(node.name, None)) for node in job.nodes)


def has_config_class(op_def: dg.OpDefinition) -> bool:
    """True if the op's function declares a `Config` class."""
    compute_fn = op_def.compute_fn
    return isinstance(compute_fn, DecoratedOpFunction) and compute_fn.has_config_arg()


def has_config_schema(definition: Any) -> bool:
    """True if an op or a graph takes configuration; a schema of `Any` counts as none."""
    if isinstance(definition, dg.GraphDefinition):
        return bool(definition.has_config_mapping)
    field = definition.config_field
    return field is not None and field.config_type.kind is not ConfigTypeKind.ANY


def spec_fields(spec: dg.AssetSpec) -> set[str]:
    """The fields of an asset that its definition has set, by the names of their parameters."""
    names = inspect.signature(dg.AssetSpec).parameters
    return {name for name in names if getattr(spec, name, None)}


# --- partitions --------------------------------------------------------------------------------


def tags_of_run(
    job: dg.JobDefinition,
    partition_key: str | None,
    tags: Mapping[str, str] | None,
    instance: dg.DagsterInstance,
) -> dict[str, str]:
    """The tags that Dagster gives to a run of this one partition."""
    return dict(merge_run_tags(job, partition_key, tags, [], instance, None))


def partitions_subset(
    partitions_def: dg.PartitionsDefinition, keys: Sequence[str]
) -> PartitionsSubset:
    """The keys as Dagster's own set of partitions."""
    return partitions_def.empty_subset().with_partition_keys(keys)


# --- in-process execution ----------------------------------------------------------------------


def output_context(**options: Any) -> dg.OutputContext:
    """An output's context that is made without its step.

    Dagster 1.12.0 takes no spec and no partitions of the asset there: it reads them from the step.
    So an IO manager that asks `context.upstream_output` for them cannot load an output later; one
    that asks the input's own context can.
    """
    taken = inspect.signature(dg.OutputContext).parameters
    return dg.OutputContext(**{name: value for name, value in options.items() if name in taken})


def required_io_manager_keys(assets: Sequence[Any]) -> set[str]:
    """The resource keys of the IO managers that these assets use."""
    return set(_get_required_io_manager_keys(assets))


@dataclass(frozen=True)
class InProcessRun:
    """The arguments of `execute_in_process`, checked and put together as Dagster does it."""

    job: dg.JobDefinition
    run_config: Mapping[str, Any]
    tags: Mapping[str, str]
    asset_selection: frozenset[dg.AssetKey]


def in_process_run(
    job: dg.JobDefinition,
    *,
    run_config: Any,
    instance: dg.DagsterInstance | None,
    partition_key: str | None,
    op_selection: Sequence[str] | None,
    asset_selection: Sequence[dg.AssetKey] | None,
    input_values: Mapping[str, object] | None,
    tags: Mapping[str, str] | None,
    resources: Mapping[str, object] | None,
) -> InProcessRun:
    """Checks the arguments of `job.execute_in_process`. Raises what it raises."""
    config, ops, keys, resource_defs, partition_key, inputs = type_check_and_normalize_args(
        run_config=run_config,
        partition_key=partition_key,
        op_selection=op_selection,
        asset_selection=asset_selection,
        input_values=input_values,
        resources=resources,
    )
    run_tags = merge_run_tags(job, partition_key, tags, keys, instance, config)
    in_process = job.as_ephemeral_job(
        resource_defs=resource_defs,
        input_values=inputs,
        op_selection=ops,
        asset_selection=keys,
    )
    if partition_key and in_process.partitions_def:
        with dg.partition_loading_context(dynamic_partitions_store=instance) as context:
            in_process.validate_partition_key(
                partition_key, selected_asset_keys=set(keys), context=context
            )
    if not config and in_process.partitioned_config and partition_key:
        config = in_process.partitioned_config.get_run_config_for_partition_key(partition_key)
    _check_top_level_inputs(in_process)
    return InProcessRun(in_process, config, run_tags, frozenset(keys))
