"""The graph of a Dagster job as plain, frozen data: what runs, on what, after what.

`read_plan` is the one place that reads Dagster's definitions; flow, lineage and comparison
read the `Plan`. The steps and their dependencies are those of Dagster's own execution plan, so
graph-backed assets, nested graphs and dynamic outputs are flattened as Dagster flattens them.
"""

import hashlib
import heapq
import inspect
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import dagster as dg
from dagster._core.definitions.assets.job.asset_layer import AssetLayer
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from dagster._core.definitions.dependency import NodeHandle
from dagster._core.definitions.policy import calculate_delay
from dagster._core.execution.plan.inputs import StepInput
from dagster._core.execution.plan.outputs import StepOutput, StepOutputHandle
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import (
    ExecutionStep,
    UnresolvedCollectExecutionStep,
    UnresolvedMappedExecutionStep,
)
from dagster._core.system_config.objects import OpConfig, ResolvedRunConfig

from prefect_compat.errors import DefinitionError

AnyStep = ExecutionStep | UnresolvedMappedExecutionStep | UnresolvedCollectExecutionStep


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
    def group(self) -> str:
        """The asset, for people."""
        return "/".join(self.asset_key)

    @property
    def part(self) -> str | None:
        """The partition, for people."""
        return self.partition_key

    @property
    def label(self) -> str:
        """For people; not to be parsed."""
        return _label(self.group, self.part)


@dataclass(frozen=True)
class StepOutputId:
    """A value that is no asset: an op's output, or one inside a graph-backed asset.

    `run` counts the runs of one comparison from 0. `mapping_key` names one dynamic output.
    """

    run: int
    step: str
    output: str
    mapping_key: str | None = None

    def __str__(self) -> str:
        """The reversible text form: JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @property
    def group(self) -> str:
        """The step, and the output where its name is not Dagster's default, for people."""
        name = self.step if self.output == "result" else f"{self.step}.{self.output}"
        return name if self.run == 0 else f"{name} in run {self.run + 1}"

    @property
    def part(self) -> str | None:
        """The mapping key, for people."""
        return self.mapping_key

    @property
    def label(self) -> str:
        """For people; not to be parsed."""
        return _label(self.group, self.part)


ValueId = OutputId | StepOutputId


def parse_value_id(text: str) -> ValueId:
    """Inverts `str` of an OutputId or a StepOutputId."""
    found = json.loads(text)
    return StepOutputId(**found) if isinstance(found, dict) else OutputId.parse(text)


def _label(group: str, part: str | None) -> str:
    return group if part is None else f"{group}[{part}]"


@dataclass(frozen=True, order=True)
class CheckId:
    """A check of an asset."""

    asset_key: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Input:
    """What a step reads: a value, or only that it is there (`is_value` False).

    `asset_key` is None for an input of an inner op, which has no asset of its own.
    """

    name: str
    asset_key: tuple[str, ...] | None
    is_value: bool
    partition_mapping: str | None


@dataclass(frozen=True)
class Output:
    """What a step may yield: an asset, a check's result, or a value for another op (neither)."""

    name: str
    asset_key: tuple[str, ...] | None
    check_key: CheckId | None
    is_required: bool
    is_dynamic: bool


@dataclass(frozen=True)
class Retry:
    """How often and when a failed step is tried again: one delay in seconds each time, before
    the jitter."""

    delays_s: tuple[float, ...]
    jitter: str | None = None


@dataclass(frozen=True)
class Step:
    """One op of the job. A `mapped` step runs once for each dynamic output upstream."""

    name: str
    node: tuple[str, ...]
    kind: Literal["plain", "mapped", "collected"]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    config_model: str | None
    resource_keys: tuple[str, ...]
    retry: Retry
    partitions: str | None
    partitions_per_run: int | None
    tags: tuple[tuple[str, str], ...]
    pool: str | None
    description: str | None

    @property
    def asset_keys(self) -> tuple[tuple[str, ...], ...]:
        return tuple(entry.asset_key for entry in self.outputs if entry.asset_key is not None)

    @property
    def check_keys(self) -> tuple[CheckId, ...]:
        return tuple(entry.check_key for entry in self.outputs if entry.check_key is not None)

    @property
    def is_dynamic(self) -> bool:
        return any(entry.is_dynamic for entry in self.outputs)


@dataclass(frozen=True)
class Edge:
    """`downstream` starts after `upstream`: to read its output, or for the order alone."""

    upstream: str
    downstream: str
    kind: Literal["value", "order"]
    input_name: str


@dataclass(frozen=True)
class Plan:
    """A job's graph; steps in an order in which they can run.

    `external_keys` are assets that it reads and does not make.
    """

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
        """The step of that name. Raises KeyError for another."""
        return self._steps_by_name[name]

    def upstream_of(self, name: str) -> tuple[Edge, ...]:
        """The edges that end at this step."""
        return self._edges_by_downstream.get(name, ())

    @property
    def is_partitioned(self) -> bool:
        return any(step.partitions is not None for step in self.steps)

    @property
    def partitions_per_run(self) -> int | None:
        """How many partitions one call of all functions can cover; None: any number."""
        limits = [step.partitions_per_run for step in self.steps if step.partitions is not None]
        known = [limit for limit in limits if limit is not None]
        return min(known, default=None)

    @cached_property
    def _steps_by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}

    @cached_property
    def _edges_by_downstream(self) -> dict[str, tuple[Edge, ...]]:
        found: dict[str, list[Edge]] = defaultdict(list)
        for edge in self.edges:
            found[edge.downstream].append(edge)
        return {name: tuple(edges) for name, edges in found.items()}


def resolve_job(defs: dg.Definitions, job: str) -> dg.JobDefinition:
    """The job of that name. Raises DefinitionError listing the jobs there are."""
    repository = _repository(defs)
    if not repository.has_job(job):
        known = sorted(name for name in repository.job_names if not name.startswith("__"))
        raise DefinitionError(
            f"There is no job '{job}'; there are: {', '.join(known) or 'none'}. Pass one of them."
        )
    try:
        return repository.get_job(job)
    except dg.DagsterError as error:
        raise DefinitionError(
            f"Dagster cannot resolve the job '{job}': {_all_of(error)}"
        ) from error


def _repository(defs: dg.Definitions) -> dg.RepositoryDefinition:
    try:
        return defs.get_repository_def()
    except dg.DagsterError as error:
        raise DefinitionError(f"Dagster refuses the definitions: {_all_of(error)}") from error


def _all_of(error: BaseException) -> str:
    """The error's words, and those of what caused it."""
    cause = error.__cause__
    return f"{error} ({_all_of(cause)})" if cause is not None else str(error)


def read_plan(job: dg.JobDefinition) -> Plan:
    """The plan of a job. Raises DefinitionError where Dagster itself cannot plan it."""
    found = {step.key: _known(step) for step in _execution_plan(job).step_dict.values()}
    edges = {name: tuple(read_edges(step)) for name, step in found.items()}
    order = _topological(edges)
    steps = tuple(_read_step(job, found[name]) for name in order)
    made = {key for step in steps for key in step.asset_keys}
    read = {entry.asset_key for step in steps for entry in step.inputs if entry.asset_key}
    return Plan(
        name=job.name,
        steps=steps,
        edges=tuple(edge for name in order for edge in edges[name]),
        external_keys=tuple(sorted(read - made)),
    )


def _execution_plan(job: dg.JobDefinition) -> ExecutionPlan:
    """Dagster's own plan, with every configuration blank: the graph does not depend on it."""
    blank = ResolvedRunConfig(ops=defaultdict(lambda: OpConfig.from_dict({})))
    try:
        return ExecutionPlan.build(job, blank)
    except dg.DagsterInvariantViolationError as error:
        raise DefinitionError(f"Dagster cannot plan the job '{job.name}': {error}") from error


def _known(step: Any) -> AnyStep:
    assert isinstance(step, AnyStep)  # Dagster has no other kinds
    return step


def op_def_of(job: dg.JobDefinition, handle: NodeHandle) -> dg.OpDefinition:
    """The op that a node of the job runs."""
    definition = job.get_op(handle).definition
    assert isinstance(definition, dg.OpDefinition)  # steps are ops
    return definition


def config_class(definition: Any) -> type[dg.Config] | None:
    """The `Config` class that an op's function declares."""
    compute_fn = getattr(definition, "compute_fn", None)
    if isinstance(compute_fn, DecoratedOpFunction) and compute_fn.has_config_arg():
        annotation: type[dg.Config] = compute_fn.get_config_arg().annotation
        return annotation
    return None


def _read_step(job: dg.JobDefinition, step: AnyStep) -> Step:
    op_def = op_def_of(job, step.node_handle)
    assets_def = job.asset_layer.get_assets_def_for_node(step.node_handle.root)
    partitions_def = _partitions_of(step, assets_def)
    model = config_class(op_def)
    policy = assets_def.backfill_policy if assets_def else None
    makes_assets = any(output.properties.asset_key for output in step.step_outputs)
    return Step(
        name=step.key,
        node=tuple(step.node_handle.path),
        kind=_kind_of(step),
        inputs=tuple(_read_inputs(job, step, op_def)),
        outputs=tuple(sorted(map(_read_output, step.step_outputs), key=lambda o: o.name)),
        config_model=model.__qualname__ if model else None,
        resource_keys=tuple(sorted(op_def.required_resource_keys)),
        retry=_read_retry(job, step.node_handle),
        partitions=_partitions_text(partitions_def) if partitions_def else None,
        # Without a policy Dagster starts a run for each partition; a check follows its asset.
        partitions_per_run=(policy.max_partitions_per_run if policy else 1)
        if makes_assets
        else None,
        tags=tuple(sorted((step.tags or {}).items())),
        pool=step.pool,
        description=op_def.description or _docstring(op_def),
    )


def _kind_of(step: AnyStep) -> Literal["plain", "mapped", "collected"]:
    if isinstance(step, UnresolvedMappedExecutionStep):
        return "mapped"
    return "collected" if isinstance(step, UnresolvedCollectExecutionStep) else "plain"


def _docstring(op_def: dg.OpDefinition) -> str | None:
    compute_fn = op_def.compute_fn
    return inspect.getdoc(getattr(compute_fn, "decorated_fn", None))


def _partitions_of(
    step: AnyStep, assets_def: dg.AssetsDefinition | None
) -> dg.PartitionsDefinition | None:
    """The partitions of what the step makes, or of the asset checks that it runs."""
    if assets_def is None:
        return None
    found = {spec.partitions_def for spec in assets_def.check_specs}
    return assets_def.partitions_def or (found.pop() if len(found) == 1 else None)


def _partitions_text(partitions_def: dg.PartitionsDefinition) -> str:
    """What tells one partitions definition from another. Of dynamic partitions it is the name:
    their keys are no part of the graph."""
    if isinstance(partitions_def, dg.DynamicPartitionsDefinition):
        return f"dynamic {partitions_def.name}"
    if isinstance(partitions_def, dg.MultiPartitionsDefinition):
        dimensions = (
            f"{dimension.name}: {_partitions_text(dimension.partitions_def)}"
            for dimension in partitions_def.partitions_defs
        )
        return f"multi {', '.join(dimensions)}"
    return partitions_def.get_serializable_unique_identifier()


def _read_output(output: StepOutput) -> Output:
    properties = output.properties
    check = properties.asset_check_key
    return Output(
        name=output.name,
        asset_key=tuple(properties.asset_key.path) if properties.asset_key else None,
        check_key=CheckId(tuple(check.asset_key.path), check.name) if check else None,
        is_required=properties.is_required,
        is_dynamic=properties.is_dynamic,
    )


def _read_inputs(job: dg.JobDefinition, step: AnyStep, op_def: dg.OpDefinition) -> Iterator[Input]:
    """Sorted, because Dagster keeps `deps` in sets here and there."""
    layer: AssetLayer = job.asset_layer
    made = [output.properties.asset_key for output in step.step_outputs]
    owner = next((key for key in made if key is not None), None)
    for input_def in sorted(op_def.input_defs, key=lambda input_def: input_def.name):
        key = layer.get_asset_key_for_node_input(step.node_handle, input_def.name)
        yield Input(
            name=input_def.name,
            asset_key=tuple(key.path) if key else None,
            is_value=not input_def.dagster_type.is_nothing,
            partition_mapping=_mapping_text(layer, owner, key) if owner and key else None,
        )


def _mapping_text(layer: AssetLayer, downstream: dg.AssetKey, upstream: dg.AssetKey) -> str | None:
    graph = layer.asset_graph
    if downstream == upstream or not graph.has(upstream):
        return None
    if graph.get(upstream).partitions_def is None:
        return None
    return repr(graph.get_partition_mapping(downstream, upstream))


def _read_retry(job: dg.JobDefinition, handle: NodeHandle) -> Retry:
    policy = job.get_retry_policy_for_handle(handle)
    if policy is None:
        return Retry(())
    return Retry(
        tuple(
            float(calculate_delay(attempt, policy.backoff, None, policy.delay or 0))
            for attempt in range(1, policy.max_retries + 1)
        ),
        policy.jitter.name if policy.jitter else None,
    )


def read_edges(step: AnyStep) -> Iterator[Edge]:
    """What the step waits for, blocking checks included."""
    seen = set()
    for name, step_input in sorted(step.step_input_dict.items()):
        nothing = step_input.dagster_type_key == "Nothing"
        handles = _handles(step_input)
        for handle in sorted(handles, key=lambda handle: (handle.step_key, handle.output_name)):
            kind: Literal["value", "order"] = "order" if nothing else "value"
            if _is_check(handle, step_input):
                kind = "order"
            edge = Edge(handle.step_key, step.key, kind, name)
            if edge not in seen:
                seen.add(edge)
                yield edge
        if isinstance(step_input, StepInput):
            known = {handle.step_key for handle in handles}
            for upstream in sorted(set(step_input.dependency_keys) - known):
                yield Edge(upstream, step.key, "order", name)


def _handles(step_input: Any) -> list[StepOutputHandle]:
    """The outputs that the input takes, those of unresolved steps by their placeholders."""
    if isinstance(step_input, StepInput):
        return list(step_input.get_step_output_handle_dependencies())
    return list(step_input.get_step_output_handle_deps_with_placeholders())


def _is_check(handle: StepOutputHandle, step_input: Any) -> bool:
    """Whether the input waits for this output without loading it: a blocking check's result."""
    source = getattr(step_input.source, "source_to_load_from", None)
    if source is None:
        return False
    return handle not in source.step_output_handle_dependencies


def _topological(edges: Mapping[str, tuple[Edge, ...]]) -> list[str]:
    """Step names, each after all that it depends on, else alphabetical."""
    waiting = {name: {edge.upstream for edge in found} for name, found in edges.items()}
    downstream: dict[str, list[str]] = defaultdict(list)
    for name, upstream in waiting.items():
        for other in upstream:
            downstream[other].append(name)
    ready = [name for name, upstream in waiting.items() if not upstream]
    heapq.heapify(ready)
    order = []
    while ready:
        name = heapq.heappop(ready)
        order.append(name)
        for other in downstream[name]:
            waiting[other].discard(name)
            if not waiting[other]:
                heapq.heappush(ready, other)
    return order
