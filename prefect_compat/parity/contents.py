"""What lies in the store, read back output by output through the assets' own IO managers."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.execution.context_creation_job import initialize_console_manager

from prefect_compat.parity.events import Made
from prefect_compat.parity.fingerprint import UNKNOWN, Fingerprint, fingerprint
from prefect_compat.parity.record import RecordedOutput
from prefect_compat.partitions import to_subset
from prefect_compat.plan import OutputId

Load = Callable[[OutputId], Any]


def read_contents(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    resource_config: Mapping[str, Any],
    outputs: Iterable[Made],
) -> tuple[RecordedOutput, ...]:
    """Each output that an orchestrator says it made, with the fingerprint of its content.

    What cannot be read back is of an unknown kind: it equals nothing.
    """
    with open_store(job, instance, resource_config) as load:
        return tuple(
            RecordedOutput(
                made.output, _fingerprint(load, made.output), made.data_version, made.metadata
            )
            for made in outputs
        )


@contextmanager
def open_store(
    job: dg.JobDefinition, instance: dg.DagsterInstance, resource_config: Mapping[str, Any]
) -> Iterator[Load]:
    """How to load an output. It raises what the IO manager raises."""
    with dg.build_resources(
        job.resource_defs, instance=instance, resource_config=dict(resource_config)
    ) as resources:

        def load(output: OutputId) -> Any:
            key = dg.AssetKey(output.asset_key)
            manager = getattr(resources, job.asset_layer.asset_graph.get(key).io_manager_key)
            context = _input_context(job, instance, resources, key, output.partition_key)
            return manager.load_input(context)

        yield load


def _fingerprint(load: Load, output: OutputId) -> Fingerprint:
    try:
        return fingerprint(load(output))
    except Exception as error:  # whatever a user's IO manager raises is this output's finding
        return Fingerprint(UNKNOWN, f"cannot be read back: {error}")


def _input_context(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    resources: Any,
    key: dg.AssetKey,
    partition: str | None,
) -> dg.InputContext:
    """Made directly: `build_input_context` sets up a Dagster instance of its own each time
    (80 ms), and hands the IO manager no resources."""
    node = job.asset_layer.asset_graph.get(key)
    partitions_def = node.partitions_def
    subset = (
        to_subset(partitions_def, [partition])
        if partitions_def is not None and partition is not None
        else None
    )
    handle = job.asset_layer.get_op_output_handle(key)
    op_def: Any = job.get_op(handle.node_handle).definition
    output_def = op_def.output_def_named(handle.output_name)
    shared = {
        "log_manager": initialize_console_manager(None),
        "resources": resources,
        "asset_key": key,
        "partition_key": partition,
        "asset_partitions_def": partitions_def,
        "asset_partitions_subset": subset,
    }
    written = dg.OutputContext(
        step_key=str(handle.node_handle),
        name=output_def.name,
        job_name=job.name,
        definition_metadata=dict(output_def.metadata),
        op_def=op_def,
        dagster_type=output_def.dagster_type,
        asset_spec=node.assets_def.specs_by_key.get(key),
        **shared,
    )
    return dg.InputContext(
        name=key.path[-1],
        upstream_output=written,
        dagster_type=output_def.dagster_type,
        instance=instance,
        **shared,
    )
