"""Reads outputs back from the store through the assets' own IO managers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import dagster as dg

from prefect_compat.comparison.fingerprint.fingerprint import UNKNOWN, Fingerprint, fingerprint
from prefect_compat.comparison.record.events import Made
from prefect_compat.comparison.record.record import NO_CONTENT, RecordedOutput
from prefect_compat.engine.dagster_port.definitions import output_context, partitions_subset
from prefect_compat.engine.dagster_port.graph import op_definition
from prefect_compat.engine.dagster_port.run_config import resolved_configs
from prefect_compat.graph.ids import OutputId, StepOutputId, ValueId
from prefect_compat.graph.job import read_plan
from prefect_compat.graph.plan import Step

Load = Callable[[ValueId], Any]


class NotKept(Exception):
    """The IO manager keeps nothing beyond its process, so there is nothing to read back."""


def read_contents(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    resource_config: Mapping[str, Any],
    outputs: Iterable[Made],
    run_ids: Sequence[str],
) -> tuple[RecordedOutput, ...]:
    """Each output that an orchestrator says it made, with the fingerprint of its content.

    `run_ids` are those of the runs, in their order. What cannot be read back is of an unknown
    kind: it equals nothing.
    """
    with open_store(job, instance, resource_config, run_ids) as load:
        return tuple(
            RecordedOutput(
                made.output,
                _fingerprint(load, made.output) if made.is_stored else NO_CONTENT,
                made.data_version,
                made.metadata,
                made.tags,
                made.description,
            )
            for made in outputs
        )


@contextmanager
def open_store(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    resource_config: Mapping[str, Any],
    run_ids: Sequence[str] = (),
) -> Iterator[Load]:
    """Yields a function that loads an output.

    It raises NotKept for an output in memory, and whatever the IO manager raises.
    """
    steps = {step.name: step for step in read_plan(job).steps}
    # An IO manager for a database reads its connection from the context.
    configs = resolved_configs(job, resource_config)
    with dg.build_resources(
        job.resource_defs, instance=instance, resource_config=dict(resource_config)
    ) as resources:

        def load(output: ValueId) -> Any:
            if isinstance(output, StepOutputId):
                step = steps[output.step.name]
                key, context = _op_context(job, instance, resources, step, output, run_ids, configs)
            else:
                key, context = _asset_context(job, instance, resources, output, configs)
            manager = getattr(resources, key)
            # This is a new manager with an empty memory: its KeyError would look like a loss.
            if isinstance(manager, dg.InMemoryIOManager):
                raise NotKept
            return manager.load_input(context)

        yield load


def _fingerprint(load: Load, output: ValueId) -> Fingerprint:
    try:
        return fingerprint(load(output))
    except NotKept:
        return NO_CONTENT
    except Exception as error:  # whatever a user's IO manager raises is this output's finding
        return Fingerprint(UNKNOWN, f"cannot be read back: {error}")


def _asset_context(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    resources: Any,
    output: OutputId,
    configs: Mapping[str, Any],
) -> tuple[str, dg.InputContext]:
    """The IO manager's key, and the context in which it loads the output."""
    key = dg.AssetKey(output.asset_key)
    node = job.asset_layer.asset_graph.get(key)
    partitions_def = node.partitions_def
    partition = output.partition_key
    subset = (
        partitions_subset(partitions_def, [partition])
        if partitions_def is not None and partition is not None
        else None
    )
    handle = job.asset_layer.get_op_output_handle(key)
    op_def: Any = job.get_op(handle.node_handle).definition
    of_asset = {
        "asset_key": key,
        "partition_key": partition,
        "asset_partitions_def": partitions_def,
        "asset_partitions_subset": subset,
    }
    written = _written(
        job,
        resources,
        op_def,
        handle.output_name,
        step_key=str(handle.node_handle),
        asset_spec=node.assets_def.specs_by_key.get(key),
        **of_asset,
    )
    config = configs.get(node.io_manager_key)
    return node.io_manager_key, _read(
        instance, resources, key.path[-1], written, resource_config=config, **of_asset
    )


def _op_context(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    resources: Any,
    step: Step,
    output: StepOutputId,
    run_ids: Sequence[str],
    configs: Mapping[str, Any],
) -> tuple[str, dg.InputContext]:
    """The key and context for an output that is not an asset, stored by run, step and output."""
    op_def: Any = op_definition(job, step.node)
    written = _written(
        job,
        resources,
        op_def,
        output.output,
        step_key=str(output.step),
        run_id=run_ids[output.run],
        mapping_key=output.mapping_key,
    )
    manager_key: str = op_def.output_def_named(output.output).io_manager_key
    config = configs.get(manager_key)
    return manager_key, _read(instance, resources, output.output, written, resource_config=config)


@cache
def _silent_log() -> Any:
    """A log for IO managers, which write a line for each output that they read."""
    return dg.DagsterLogManager.create(loggers=[])


def _written(
    job: dg.JobDefinition, resources: Any, op_def: Any, name: str, **options: Any
) -> dg.OutputContext:
    """The context in which the output was written.

    Made directly: `build_output_context` and `build_input_context` set up a Dagster instance of
    their own each time (80 ms), and hand the IO manager no resources.
    """
    output_def = op_def.output_def_named(name)
    return output_context(
        name=name,
        job_name=job.name,
        definition_metadata=dict(output_def.metadata),
        op_def=op_def,
        dagster_type=output_def.dagster_type,
        log_manager=_silent_log(),
        resources=resources,
        **options,
    )


def _read(
    instance: dg.DagsterInstance,
    resources: Any,
    name: str,
    written: dg.OutputContext,
    **options: Any,
) -> dg.InputContext:
    return dg.InputContext(
        name=name,
        upstream_output=written,
        dagster_type=written.dagster_type,
        instance=instance,
        log_manager=_silent_log(),
        resources=resources,
        **options,
    )
