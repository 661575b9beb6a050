"""Inputs loaded and outputs stored through the assets' own IO managers, as Dagster does it."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.resource_definition import Resources
from dagster._core.execution.context_creation_job import initialize_console_manager

from prefect_compat.errors import PartitionError, StepError
from prefect_compat.execution import Execution
from prefect_compat.partitions import to_subset, upstream_keys
from prefect_compat.plan import Input, OutputId, Step, assets_def_of, op_def_of, owner_of


def load(execution: Execution, step: Step, entry: Input) -> Any:
    """The input's value for the partitions of the run, read by the upstream's IO manager.

    Always read back, never handed over in memory: so a step sees what is stored, as under
    Dagster, and partition mappings apply.
    """
    input_def = op_def_of(execution.job, step.name).input_def_named(entry.name)
    upstream = execution.job.asset_layer.asset_graph.get(dg.AssetKey(entry.asset_key))
    context = _input_context(
        execution,
        dg.AssetKey(entry.asset_key),
        _keys_to_load(execution, step, entry, upstream.partitions_def),
        input_def,
    )
    manager_key = input_def.input_manager_key or upstream.io_manager_key
    return _manager(execution, manager_key).load_input(context)


def store(execution: Execution, step: Step, value: Any) -> Mapping[str, Any]:
    """Hands the step's value to its IO manager; returns the metadata that this adds."""
    (output_def,) = op_def_of(execution.job, step.name).output_defs
    if output_def.dagster_type.is_nothing:
        return {}
    key = assets_def_of(execution.job, step.name).key
    context = _output_context(execution, key, execution.keys if step.partitions else None)
    returned = _manager(execution, output_def.io_manager_key).handle_output(context, value)
    if inspect.isgenerator(returned):
        raise StepError(f"{step.name}: an IO manager with a generator is not read yet.")
    return context.consume_logged_metadata()


def read_back(execution: Execution, output: OutputId) -> Any:
    """One output as its own IO manager reads it for a step downstream."""
    key = dg.AssetKey(output.asset_key)
    keys = None if output.partition_key is None else (output.partition_key,)
    manager_key = execution.job.asset_layer.asset_graph.get(key).io_manager_key
    return _manager(execution, manager_key).load_input(_input_context(execution, key, keys))


def _manager(execution: Execution, key: str) -> Any:
    return getattr(execution.resources, key)


def _keys_to_load(
    execution: Execution, step: Step, entry: Input, upstream_def: dg.PartitionsDefinition | None
) -> tuple[str, ...] | None:
    """The upstream keys, or None for an upstream without partitions."""
    if upstream_def is None:
        return None
    assets_def = assets_def_of(execution.job, step.name)
    owner, upstream = owner_of(assets_def), dg.AssetKey(entry.asset_key)
    if owner == upstream:  # a check reads the run's own partitions of the asset that it checks
        return execution.keys
    mapping = execution.job.asset_layer.asset_graph.get_partition_mapping(owner, upstream)
    downstream_def = execution.job.asset_layer.asset_graph.get(owner).partitions_def
    keys = execution.keys if downstream_def else None
    found = upstream_keys(mapping, downstream_def, keys, upstream_def)
    if found.missing:
        raise PartitionError(
            f"{step.name}: its partition mapping asks for {len(found.missing)} partitions of"
            f" {upstream.to_user_string()} that do not exist, first '{found.missing[0]}'. Choose"
            " other partitions."
        )
    return found.existing


def _input_context(
    execution: Execution,
    key: dg.AssetKey,
    keys: Sequence[str] | None,
    input_def: Any = None,  # Dagster's InputDefinition, where a step asks
) -> dg.InputContext:
    """Made directly: `build_input_context` sets up a Dagster instance of its own each time
    (80 ms), takes contiguous ranges only, and hands the IO manager no resources."""
    partitions_def = execution.job.asset_layer.asset_graph.get(key).partitions_def
    return dg.InputContext(
        name=input_def.name if input_def else key.path[-1],
        definition_metadata=dict(input_def.metadata) if input_def else {},
        upstream_output=_output_context(execution, key, keys),
        dagster_type=input_def.dagster_type if input_def else None,
        log_manager=initialize_console_manager(None),
        resources=_resources(execution),
        asset_key=key,
        partition_key=keys[0] if keys and len(keys) == 1 else None,
        asset_partitions_subset=to_subset(partitions_def, keys)
        if partitions_def is not None and keys is not None
        else None,
        asset_partitions_def=partitions_def,
        instance=execution.instance,
    )


def _output_context(
    execution: Execution, key: dg.AssetKey, keys: Sequence[str] | None
) -> dg.OutputContext:
    node = execution.job.asset_layer.asset_graph.get(key)
    op_def = node.assets_def.node_def if node.assets_def.is_executable else None
    output_def = op_def.output_defs[0] if op_def else None
    return dg.OutputContext(
        step_key=op_def.name if op_def else "none",
        name=output_def.name if output_def else "result",
        job_name=execution.job.name,
        run_id=execution.run_id,
        definition_metadata=dict(output_def.metadata) if output_def else {},
        op_def=op_def if isinstance(op_def, dg.OpDefinition) else None,
        dagster_type=output_def.dagster_type if output_def else None,
        log_manager=initialize_console_manager(None),
        resources=_resources(execution),
        asset_key=key,
        partition_key=keys[0] if keys and len(keys) == 1 else None,
        asset_partitions_def=node.partitions_def,
        asset_partitions_subset=to_subset(node.partitions_def, keys)
        if node.partitions_def is not None and keys is not None
        else None,
        asset_spec=node.assets_def.specs_by_key.get(key),
    )


def _resources(execution: Execution) -> Resources:
    found: Resources = execution.resources
    return found
