"""The graph of a Dagster job as plain, frozen data: what runs, on what, after what.

`read_plan` is the one place that reads Dagster's definitions; flow, lineage and comparison
read the `Plan`. What the plan cannot express is refused here, before anything is built.
"""

import hashlib
import inspect
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import dagster as dg
from dagster._config import ConfigTypeKind
from dagster._core.definitions.assets.job.asset_layer import AssetLayer
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from dagster._core.definitions.dependency import (
    BlockingAssetChecksDependencyDefinition,
    DependencyDefinition,
    NodeHandle,
)
from dagster._core.definitions.policy import calculate_delay

from prefect_compat.errors import DefinitionError


@dataclass(frozen=True)
class OutputId:
    """One asset's content for one partition, or the whole of an unpartitioned asset."""

    asset_key: tuple[str, ...]
    partition_key: str | None = None

    def __str__(self) -> str:
        """The reversible text form: JSON of key path and partition."""
        return json.dumps([list(self.asset_key), self.partition_key], ensure_ascii=False)

    @classmethod
    def parse(cls, text: str) -> "OutputId":
        """The inverse of `str`."""
        path, partition = json.loads(text)
        return cls(tuple(path), partition)

    @property
    def label(self) -> str:
        """For people; not to be parsed."""
        name = "/".join(self.asset_key)
        return name if self.partition_key is None else f"{name}[{self.partition_key}]"


@dataclass(frozen=True, order=True)
class CheckId:
    """A check of an asset."""

    asset_key: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Input:
    """What a step reads: an asset's value, or only its being there (`is_value` False)."""

    name: str
    asset_key: tuple[str, ...]
    is_value: bool
    partition_mapping: str | None


@dataclass(frozen=True)
class Retry:
    """How often and when a failed step is tried again: one delay in seconds each time."""

    delays_s: tuple[float, ...]


@dataclass(frozen=True)
class Step:
    """One op of the job: an asset or a check."""

    name: str
    asset_keys: tuple[tuple[str, ...], ...]
    check_keys: tuple[CheckId, ...]
    inputs: tuple[Input, ...]
    config_model: str | None
    resource_keys: tuple[str, ...]
    retry: Retry
    partitions: str | None
    spans_partitions: bool
    description: str | None


@dataclass(frozen=True)
class Edge:
    """`downstream` starts after `upstream`: to read its value, or for the order alone."""

    upstream: str
    downstream: str
    kind: Literal["value", "order"]
    input_name: str


@dataclass(frozen=True)
class Plan:
    """A job's graph; steps in an order in which they can run."""

    name: str
    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]
    external_keys: tuple[tuple[str, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def digest(self) -> str:
        """A sha256 that is the same for the same graph on any machine."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def step(self, name: str) -> Step:
        (found,) = [step for step in self.steps if step.name == name]
        return found

    def upstream_of(self, name: str) -> tuple[Edge, ...]:
        return tuple(edge for edge in self.edges if edge.downstream == name)

    @property
    def is_partitioned(self) -> bool:
        return any(step.partitions is not None for step in self.steps)


def resolve_job(defs: dg.Definitions, job: str) -> dg.JobDefinition:
    """The job of that name. Raises DefinitionError listing the jobs there are."""
    known = sorted(job_def.name for job_def in defs.resolve_all_job_defs())
    if job not in known:
        shown = ", ".join(name for name in known if not name.startswith("__")) or "none"
        raise DefinitionError(f"There is no job '{job}' in the definitions; there are: {shown}.")
    return defs.resolve_job_def(job)


def read_plan(job: dg.JobDefinition) -> Plan:
    """The plan of an asset job.

    Raises DefinitionError naming the first definition and feature that cannot be carried over.
    """
    if job.hook_defs:
        raise _refusal(job.name, "job hooks", "they would not be called")
    names = list(_topological(job))
    steps = tuple(_read_step(job, name) for name in names)
    made = {key for step in steps for key in step.asset_keys}
    read = {entry.asset_key for step in steps for entry in step.inputs}
    return Plan(
        name=job.name,
        steps=steps,
        edges=tuple(edge for name in names for edge in _read_edges(job, name)),
        external_keys=tuple(sorted(read - made)),
    )


def assets_def_of(job: dg.JobDefinition, step: str) -> dg.AssetsDefinition:
    """The definition that the step was read from."""
    assets_def = job.asset_layer.get_assets_def_for_node(NodeHandle(step, None))
    if assets_def is None:
        raise _refusal(step, "an op that makes no asset", "only assets and checks are carried over")
    return assets_def


def op_def_of(job: dg.JobDefinition, step: str) -> dg.OpDefinition:
    """The op that the step runs."""
    op_def = assets_def_of(job, step).node_def
    if not isinstance(op_def, dg.OpDefinition):
        raise _refusal(step, "a graph-backed asset", "its inner ops are not read yet")
    return op_def


def owner_of(assets_def: dg.AssetsDefinition) -> dg.AssetKey:
    """The asset that a step makes or checks."""
    keys = sorted(assets_def.keys) or sorted(spec.asset_key for spec in assets_def.check_specs)
    return keys[0]


def _refusal(name: str, feature: str, reason: str) -> DefinitionError:
    return DefinitionError(
        f"'{name}' uses {feature}, which is not carried over to Prefect: {reason}. Take it out of"
        " the selection."
    )


def _read_step(job: dg.JobDefinition, name: str) -> Step:
    assets_def = assets_def_of(job, name)
    op_def = _demand_plain_op(job, name, assets_def)
    compute_fn = op_def.compute_fn
    assert isinstance(compute_fn, DecoratedOpFunction)  # _demand_plain_op refuses others
    config = compute_fn.get_config_arg() if compute_fn.has_config_arg() else None
    partitions_def = _partitions_of(assets_def)
    policy = assets_def.backfill_policy
    return Step(
        name=name,
        asset_keys=tuple(sorted(tuple(key.path) for key in assets_def.keys)),
        check_keys=tuple(
            sorted(
                CheckId(tuple(spec.asset_key.path), spec.name) for spec in assets_def.check_specs
            )
        ),
        inputs=tuple(_read_inputs(job, name, op_def)),
        config_model=config.annotation.__qualname__ if config else None,
        resource_keys=tuple(sorted(op_def.required_resource_keys)),
        retry=_read_retry(job, name, op_def),
        partitions=partitions_def.get_serializable_unique_identifier() if partitions_def else None,
        spans_partitions=policy is not None and policy.max_partitions_per_run is None
        if assets_def.keys
        else True,
        description=op_def.description or inspect.getdoc(compute_fn.decorated_fn),
    )


def _partitions_of(assets_def: dg.AssetsDefinition) -> dg.PartitionsDefinition | None:
    """The partitions of the asset, or of the asset check."""
    found = {spec.partitions_def for spec in assets_def.check_specs}
    return assets_def.partitions_def or (found.pop() if len(found) == 1 else None)


def _demand_plain_op(
    job: dg.JobDefinition, name: str, assets_def: dg.AssetsDefinition
) -> dg.OpDefinition:
    """The op of a step that this library can call. Raises DefinitionError for any other."""
    op_def = op_def_of(job, name)
    if not isinstance(op_def.compute_fn, DecoratedOpFunction):
        raise _refusal(name, "an op without a decorated function", "it cannot be called directly")
    function = op_def.compute_fn.decorated_fn
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise _refusal(name, "an async function", "it would not be awaited")
    if inspect.isgeneratorfunction(function):
        raise _refusal(name, "a generator function", "its yielded events are not read yet")
    if len(op_def.output_defs) != 1 or op_def.output_defs[0].is_dynamic:
        raise _refusal(name, "several or dynamic outputs", "one asset or check a step is read")
    takes_any = op_def.config_schema.as_field().config_type.kind is ConfigTypeKind.ANY
    if not (takes_any or op_def.compute_fn.has_config_arg()):
        raise _refusal(name, "a legacy config_schema", "declare a dagster.Config class")
    if op_def.pool:
        raise _refusal(name, f"the pool '{op_def.pool}'", "its limit would not hold")
    if job.graph.node_named(name).hook_defs:
        raise _refusal(name, "hooks", "they would not be called")
    partitions_def = _partitions_of(assets_def)
    if isinstance(partitions_def, (dg.MultiPartitionsDefinition, dg.DynamicPartitionsDefinition)):
        raise _refusal(name, type(partitions_def).__name__, "its keys are not read yet")
    return op_def


def _read_inputs(job: dg.JobDefinition, name: str, op_def: dg.OpDefinition) -> Iterator[Input]:
    layer: AssetLayer = job.asset_layer
    owner = owner_of(assets_def_of(job, name))
    for input_def in sorted(op_def.input_defs, key=lambda input_def: input_def.name):
        key = layer.get_asset_key_for_node_input(NodeHandle(name, None), input_def.name)
        if key is None:
            raise _refusal(name, f"the input '{input_def.name}'", "it is not an asset")
        yield Input(
            name=input_def.name,
            asset_key=tuple(key.path),
            is_value=not input_def.dagster_type.is_nothing,
            partition_mapping=_mapping_text(layer, owner, key),
        )


def _mapping_text(layer: AssetLayer, downstream: dg.AssetKey, upstream: dg.AssetKey) -> str | None:
    graph = layer.asset_graph
    if downstream == upstream or graph.get(upstream).partitions_def is None:
        return None
    return repr(graph.get_partition_mapping(downstream, upstream))


def _read_retry(job: dg.JobDefinition, name: str, op_def: dg.OpDefinition) -> Retry:
    policy = op_def.retry_policy or job.get_retry_policy_for_handle(NodeHandle(name, None))
    if policy is None:
        return Retry(())
    if policy.jitter is not None:
        raise _refusal(name, "a retry policy with jitter", "Prefect's jitter differs")
    return Retry(
        tuple(
            float(calculate_delay(attempt, policy.backoff, None, policy.delay or 0))
            for attempt in range(1, policy.max_retries + 1)
        )
    )


def _read_edges(job: dg.JobDefinition, name: str) -> Iterator[Edge]:
    """A node's dependencies as Dagster itself would execute them, blocking checks included."""
    nothing = {
        input_def.name
        for input_def in job.graph.node_named(name).definition.input_defs
        if input_def.dagster_type.is_nothing
    }
    # Dagster keeps dependencies in sets here and there: their order differs between processes.
    for input_name, dependency in sorted(_dependencies(job, name).items()):
        kind: Literal["value", "order"] = "order" if input_name in nothing else "value"
        if isinstance(dependency, BlockingAssetChecksDependencyDefinition):
            for check in sorted(dependency.asset_check_dependencies, key=lambda check: check.node):
                yield Edge(check.node, name, "order", input_name)
            dependency = dependency.other_dependency
        if isinstance(dependency, DependencyDefinition):
            yield Edge(dependency.node, name, kind, input_name)
        elif dependency is not None:
            raise _refusal(name, f"a fan-in on '{input_name}'", "it is not read yet")


def _dependencies(job: dg.JobDefinition, name: str) -> dict[str, Any]:
    (found,) = [
        dependencies
        for invocation, dependencies in job.graph.dependencies.items()
        if (invocation.alias or invocation.name) == name
    ]
    return dict(found)


def _topological(job: dg.JobDefinition) -> Iterator[str]:
    """Node names, each after all that it depends on, else alphabetical."""
    waiting = {
        node.name: {edge.upstream for edge in _read_edges(job, node.name)}
        for node in job.graph.nodes
    }
    while waiting:
        ready = min(name for name, upstream in waiting.items() if not upstream & waiting.keys())
        del waiting[ready]
        yield ready
