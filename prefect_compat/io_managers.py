"""Inputs loaded and outputs stored through the assets' own IO managers, as Dagster does it."""

import inspect
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.dependency import NodeHandle

from prefect_compat.errors import PartitionError, StepError
from prefect_compat.execution import Execution
from prefect_compat.partitions import to_subset, upstream_keys
from prefect_compat.plan import Input, OutputId, Step, assets_def_of


def load(execution: Execution, step: Step, entry: Input) -> Any:
    """The input's value for the partitions of the run, read by the upstream's IO manager.

    Always read back, never handed over in memory: so a step sees what is stored, as under
    Dagster, and partition mappings apply.
    """
    key = dg.AssetKey(entry.asset_key)
    node = execution.job.asset_layer.asset_graph.get(key)
    input_def = assets_def_of(execution.job, step.name).node_def.input_def_named(entry.name)
    manager_key = input_def.input_manager_key or node.io_manager_key
    keys = _keys_to_load(execution, step, entry, node.partitions_def)
    context = dg.build_input_context(
        name=entry.name,
        definition_metadata=dict(input_def.metadata),
        upstream_output=_output_context(execution, key, node.assets_def, keys),
        dagster_type=input_def.dagster_type,
        resource_config=None,
        asset_key=key,
        asset_partitions_def=node.partitions_def,
        asset_partition_key_range=dg.PartitionKeyRange(keys[0], keys[-1]) if keys else None,
        partition_key=keys[0] if keys and len(keys) == 1 else None,
        instance=execution.instance,
    )
    return execution.resources[manager_key].load_input(context)


def _keys_to_load(
    execution: Execution,
    step: Step,
    entry: Input,
    upstream_def: dg.PartitionsDefinition | None,
) -> tuple[str, ...] | None:
    """The upstream keys in order, or None for an upstream without partitions."""
    if upstream_def is None:
        return None
    assets_def = assets_def_of(execution.job, step.name)
    owner = _owner(assets_def)
    upstream = dg.AssetKey(entry.asset_key)
    if owner == upstream:  # a check of the asset reads the run's own partitions of it
        return execution.keys
    mapping = execution.job.asset_layer.asset_graph.get_partition_mapping(owner, upstream)
    keys = execution.keys if step.partitions else None
    found = upstream_keys(mapping, assets_def.partitions_def or upstream_def, keys, upstream_def)
    if found.missing:
        raise PartitionError(
            f"{step.name}: its partition mapping asks for {len(found.missing)} partitions of"
            f" {upstream.to_user_string()} that do not exist, first '{found.missing[0]}'. Choose"
            " other partitions."
        )
    ranges = to_subset(upstream_def, found.existing).get_partition_key_ranges(upstream_def)
    if len(ranges) != 1:
        raise PartitionError(
            f"{step.name}: its input {entry.name} maps to {len(ranges)} separate partition ranges;"
            " only one contiguous range is loaded."
        )
    return found.existing


def _owner(assets_def: dg.AssetsDefinition) -> dg.AssetKey:
    """The asset that a step makes or checks."""
    keys = sorted(assets_def.keys) or [spec.asset_key for spec in assets_def.check_specs]
    return keys[0]


def store(execution: Execution, step: Step, value: Any) -> Mapping[str, Any]:
    """Hands the step's value to its IO manager; returns the metadata that this adds."""
    assets_def = assets_def_of(execution.job, step.name)
    (output_def,) = assets_def.node_def.output_defs
    if output_def.dagster_type.is_nothing:
        return {}
    keys = execution.keys if step.partitions else None
    context = _output_context(execution, assets_def.key, assets_def, keys)
    returned = execution.resources[output_def.io_manager_key].handle_output(context, value)
    if inspect.isgenerator(returned):
        raise StepError(f"{step.name}: an IO manager with a generator is not read yet.")
    return context.consume_logged_metadata()


def _output_context(
    execution: Execution,
    key: dg.AssetKey,
    assets_def: dg.AssetsDefinition,
    keys: tuple[str, ...] | None,
) -> dg.OutputContext:
    is_step = (
        execution.job.asset_layer.get_assets_def_for_node(
            NodeHandle(assets_def.node_def.name, None)
        )
        if assets_def.is_executable
        else None
    )
    op_def = assets_def.node_def if is_step is not None else None
    output_def = op_def.output_defs[0] if op_def else None
    return dg.build_output_context(
        step_key=op_def.name if op_def else None,
        name=output_def.name if output_def else "result",
        definition_metadata=dict(output_def.metadata) if output_def else {},
        run_id=execution.run_id,
        dagster_type=output_def.dagster_type if output_def else None,
        op_def=op_def,
        asset_key=key,
        partition_key=keys[0] if keys and len(keys) == 1 else None,
        asset_partitions_def=assets_def.partitions_def if keys else None,
        asset_partition_key_range=dg.PartitionKeyRange(keys[0], keys[-1]) if keys else None,
        instance=execution.instance,
        asset_spec=assets_def.specs_by_key.get(key),
    )


def read_back(execution: Execution, output: OutputId) -> Any:
    """One output as its own IO manager reads it for a step downstream."""
    key = dg.AssetKey(output.asset_key)
    node = execution.job.asset_layer.asset_graph.get(key)
    keys = (output.partition_key,) if output.partition_key is not None else None
    context = dg.build_input_context(
        name=key.path[-1],
        upstream_output=_output_context(execution, key, node.assets_def, keys),
        asset_key=key,
        asset_partitions_def=node.partitions_def,
        partition_key=output.partition_key,
        instance=execution.instance,
    )
    return execution.resources[node.io_manager_key].load_input(context)
