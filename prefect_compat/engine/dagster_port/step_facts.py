"""Facts of a job's steps that only its definitions have: functions, arguments, IO managers."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._config import process_config
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction

from prefect_compat.engine.dagster_port.graph import op_definition
from prefect_compat.graph.plan import AssetPath, Step


@dataclass(frozen=True)
class FunctionArguments:
    """The names of a step function's parameters, by what Dagster passes for them."""

    context: str | None
    config: str | None
    config_class: type[Any] | None
    resources: tuple[str, ...]


@dataclass(frozen=True)
class InputFacts:
    """Where an input's value is stored, and with which metadata."""

    io_manager: str
    metadata: Mapping[str, Any] = field(default_factory=dict, compare=False)
    output_metadata: Mapping[str, Any] = field(default_factory=dict, compare=False)
    mapping: dg.PartitionMapping | None = field(default=None, compare=False)
    has_input_manager: bool = False


@dataclass(frozen=True)
class OutputFacts:
    """Where an output is stored, and with which metadata."""

    io_manager: str
    metadata: Mapping[str, Any] = field(default_factory=dict, compare=False)
    is_nothing: bool = False


def function_arguments(op_def: dg.OpDefinition) -> FunctionArguments:
    """The parameters of an op's function; an op without a decorated function has none."""
    function = op_def.compute_fn
    if not isinstance(function, DecoratedOpFunction):
        return FunctionArguments(None, None, None, ())
    config = function.get_config_arg() if function.has_config_arg() else None
    return FunctionArguments(
        context=_first_parameter(function) if function.has_context_arg() else None,
        config=config.name if config else None,
        config_class=config.annotation if config else None,
        resources=tuple(entry.name for entry in function.get_resource_args()),
    )


def _first_parameter(function: DecoratedOpFunction) -> str:
    return next(iter(inspect.signature(function.decorated_fn).parameters))


def output_facts(job: dg.JobDefinition, step: Step, name: str) -> OutputFacts:
    """The facts of a step's output."""
    output = op_definition(job, step.node).output_def_named(name)
    key = next((o.asset_key for o in step.outputs if o.name == name), None)
    manager = output.io_manager_key
    if key is not None:
        manager = job.asset_layer.asset_graph.get(dg.AssetKey(key)).io_manager_key or manager
    return OutputFacts(manager, dict(output.metadata or {}), output.dagster_type.is_nothing)


def asset_input_facts(job: dg.JobDefinition, step: Step, name: str, key: AssetPath) -> InputFacts:
    """The facts of an input that is an asset."""
    graph = job.asset_layer.asset_graph
    own = op_definition(job, step.node).input_def_named(name)
    node = graph.get(dg.AssetKey(key))
    owner = next(iter(step.asset_keys), None)
    mapping = None
    if owner is not None and node.partitions_def is not None:
        mapping = graph.get_partition_mapping(dg.AssetKey(owner), node.key)
    return InputFacts(
        io_manager=node.io_manager_key,
        metadata=dict(own.metadata or {}),
        output_metadata=dict(node.metadata or {}),
        mapping=mapping,
        has_input_manager=bool(own.input_manager_key),
    )


def input_has_default(job: dg.JobDefinition, step: Step, name: str) -> bool:
    """True if the function itself has a value for the input."""
    return bool(op_definition(job, step.node).input_def_named(name).has_default_value)


def partitions_of_asset(job: dg.JobDefinition, key: AssetPath) -> dg.PartitionsDefinition | None:
    """The partitions of an asset of the job, or of one that it reads."""
    partitions: dg.PartitionsDefinition | None = job.asset_layer.asset_graph.get(
        dg.AssetKey(key)
    ).partitions_def
    return partitions


def partitions_of_step(job: dg.JobDefinition, step: Step) -> dg.PartitionsDefinition | None:
    """The partitions of what a step makes or checks."""
    if step.partitions is None:
        return None
    keys = (*step.asset_keys, *step.owner_keys, *(check.asset_key for check in step.check_keys))
    return next((found for key in keys if (found := partitions_of_asset(job, key))), None)


def has_check_partitions(job: dg.JobDefinition, step: Step) -> bool:
    """True if the step's checks have partitions of their own, as they can since Dagster 1.13."""
    graph = job.asset_layer.asset_graph
    specs = [
        graph.get(dg.AssetCheckKey(dg.AssetKey(check.asset_key), check.name))
        for check in step.check_keys
    ]
    return any(getattr(spec, "partitions_def", None) is not None for spec in specs)


def resource_object(resource_def: dg.ResourceDefinition) -> Any:
    """The object that was given as a resource: a ConfigurableResource, or None for a function."""
    return getattr(resource_def.resource_fn, "__self__", None)


def is_default_io_manager(resource_def: dg.ResourceDefinition) -> bool:
    """True for the IO manager of a job that declares none."""
    name: str = getattr(resource_def.resource_fn, "__name__", "")
    return name.startswith("default_job_io_manager")


def processed_config(definition: Any, given: Any) -> Any:
    """The configuration of an op or a resource as its schema has it, with `success`, `value` and
    `errors`."""
    return process_config(definition.config_schema.config_type, given)


def static_mapping(mapping: dg.StaticPartitionMapping) -> Mapping[str, set[str]]:
    """The downstream keys of each upstream key."""
    downstream: Mapping[str, set[str]] = mapping._mapping
    return downstream
