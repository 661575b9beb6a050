"""A job's lineage as plain, frozen data: the one graph that every format shows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import groupby
from typing import Literal

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetNode
from dagster._core.definitions.dependency import NodeHandle
from dagster._core.definitions.metadata.metadata_set import TableMetadataSet

from prefect_compat.graph.plan import Plan, Step, read_plan

AssetPath = tuple[str, ...]


@dataclass(frozen=True, order=True)
class NodeId:
    """The identity of a node: an asset and an op may have the same path."""

    space: Literal["asset", "op"]
    path: tuple[str, ...]

    def __str__(self) -> str:
        """The reversible text form: `asset:a/b`; a slash inside a part is `\\/`."""
        parts = (part.replace("\\", "\\\\").replace("/", "\\/") for part in self.path)
        return f"{self.space}:{'/'.join(parts)}"

    @classmethod
    def parse(cls, text: str) -> "NodeId":
        """The inverse of `str`."""
        space, _, path = text.partition(":")
        parts, part = [], ""
        for token in re.findall(r"\\.|.", path, flags=re.DOTALL):
            if token == "/":
                parts.append(part)
                part = ""
            else:
                part += token[-1]
        return cls("asset" if space == "asset" else "op", (*parts, part))


@dataclass(frozen=True)
class Column:
    """A column that the definition declares (`dagster/column_schema`)."""

    name: str
    type: str
    description: str | None


@dataclass(frozen=True, order=True)
class ColumnDep:
    """A column made from another asset's column (`dagster/column_lineage`)."""

    column: str
    upstream: AssetPath
    upstream_column: str


@dataclass(frozen=True)
class Node:
    """An asset that the job makes, one that it only reads ("external"), or an op without assets.

    `checks` are the names of the checks that the job runs. `partitions` is for people only.
    """

    key: tuple[str, ...]
    kind: Literal["asset", "external", "op"]
    group: str | None = None
    description: str | None = None
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    partitions: str | None = None
    code_version: str | None = None
    checks: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    column_deps: tuple[ColumnDep, ...] = ()

    @property
    def id(self) -> NodeId:
        return NodeId("op" if self.kind == "op" else "asset", self.key)

    @property
    def label(self) -> str:
        """The key as people read it; never parse it."""
        return ("." if self.kind == "op" else "/").join(self.key)

    @property
    def summary(self) -> str:
        """The kind of partitions and the number of checks, if any: 'Daily · 2 checks'."""
        count = len(self.checks)
        checks = f"{count} check{'s' if count > 1 else ''}" if count else None
        partitions = (self.partitions or "").partition(",")[0]
        return " · ".join(part for part in (partitions, checks) if part)


@dataclass(frozen=True)
class LineageEdge:
    """A dependency: `downstream` loads the value of `upstream`, or only runs after it.

    An asset that reads its own earlier partitions has an edge to itself.
    """

    upstream: NodeId
    downstream: NodeId
    kind: Literal["value", "order"]
    partition_mapping: str | None = None


@dataclass(frozen=True)
class Lineage:
    """A job's assets and ops, each after everything upstream of it; edges in the same order."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[LineageEdge, ...]

    def node(self, node_id: NodeId) -> Node:
        """The node with this id. Raises KeyError if there is none."""
        return self._nodes_by_id[node_id]

    @cached_property
    def _nodes_by_id(self) -> dict[NodeId, Node]:
        return {node.id: node for node in self.nodes}


def read_lineage(job: dg.JobDefinition) -> Lineage:
    """The lineage of a job's assets, and of its ops that make no asset.

    A graph-backed asset is one node; an op that makes several assets is one node for each. Assets
    that the job does not make are included if it reads or checks them. Raises DefinitionError if
    Dagster itself cannot plan the job.
    """
    plan = read_plan(job)
    owners = {step.name: tuple(_owners(job, step)) for step in plan.steps}
    edges = {*_asset_edges(job, plan, owners), *_op_edges(plan, owners)}
    checks = sorted(check for step in plan.steps for check in step.check_keys)
    checks_by_asset = {
        NodeId("asset", path): tuple(check.name for check in entries)
        for path, entries in groupby(checks, key=lambda check: check.asset_key)
    }
    ends = {end for edge in edges for end in (edge.upstream, edge.downstream)}
    made = {node_id for step_owners in owners.values() for node_id in step_owners}
    order = _ordered(made | ends | set(checks_by_asset), edges)
    ops = {owner: step for step in plan.steps for owner in owners[step.name]}
    rank = {node_id: index for index, node_id in enumerate(order)}
    return Lineage(
        name=plan.name,
        nodes=tuple(
            _op_node(ops[node_id])
            if node_id.space == "op"
            else _asset_node(job, node_id, node_id in made, checks_by_asset.get(node_id, ()))
            for node_id in order
        ),
        edges=tuple(sorted(edges, key=lambda e: (rank[e.downstream], rank[e.upstream]))),
    )


def _owners(job: dg.JobDefinition, step: Step) -> Iterator[NodeId]:
    """Yields the nodes of a step: its assets or its op; the step of a check has none."""
    assets_def = job.asset_layer.get_assets_def_for_node(NodeHandle(step.node[0], None))
    if assets_def is None:
        yield NodeId("op", step.node)
        return
    for key in sorted(assets_def.keys & job.asset_layer.selected_asset_keys):
        yield NodeId("asset", tuple(key.path))


def _asset_edges(
    job: dg.JobDefinition, plan: Plan, owners: Mapping[str, tuple[NodeId, ...]]
) -> Iterator[LineageEdge]:
    loaded = {
        (entry.asset_key, owner.path)
        for step in plan.steps
        for entry in step.inputs
        for owner in owners[step.name]
        if entry.is_value and entry.asset_key is not None
    }
    graph = job.asset_layer.asset_graph
    for key in job.asset_layer.selected_asset_keys:
        for parent in graph.get(key).parent_keys:
            upstream, downstream = tuple(parent.path), tuple(key.path)
            yield LineageEdge(
                NodeId("asset", upstream),
                NodeId("asset", downstream),
                "value" if (upstream, downstream) in loaded else "order",
                _mapping_text(job, key, parent),
            )


def _op_edges(plan: Plan, owners: Mapping[str, tuple[NodeId, ...]]) -> Iterator[LineageEdge]:
    """Yields the edges to and from ops; edges between the same two nodes have the stronger kind."""
    values = {(e.upstream, e.downstream) for e in plan.edges if e.kind == "value"}
    for edge in plan.edges:
        for upstream in owners[edge.upstream]:
            for downstream in owners[edge.downstream]:
                if "op" in (upstream.space, downstream.space):
                    is_value = (edge.upstream, edge.downstream) in values
                    yield LineageEdge(upstream, downstream, "value" if is_value else "order")


def _mapping_text(
    job: dg.JobDefinition, downstream: dg.AssetKey, upstream: dg.AssetKey
) -> str | None:
    graph = job.asset_layer.asset_graph
    if not graph.has(upstream) or graph.get(upstream).partitions_def is None:
        return None
    mapping = graph.get_partition_mapping(downstream, upstream)
    # The default repr holds a memory address, which differs in every process.
    if type(mapping).__repr__ is object.__repr__:
        return type(mapping).__qualname__
    return repr(mapping)


def _ordered(nodes: set[NodeId], edges: set[LineageEdge]) -> list[NodeId]:
    """The nodes in topological order, alphabetical within each level."""
    sorter: TopologicalSorter[NodeId] = TopologicalSorter(dict.fromkeys(nodes, ()))
    for edge in edges:
        if edge.upstream != edge.downstream:
            sorter.add(edge.downstream, edge.upstream)
    sorter.prepare()
    order: list[NodeId] = []
    while ready := sorted(sorter.get_ready()):
        order += ready
        sorter.done(*ready)
    return order


def _op_node(step: Step) -> Node:
    return Node(key=step.node, kind="op", description=step.description)


def _asset_node(
    job: dg.JobDefinition, node_id: NodeId, is_made: bool, checks: tuple[str, ...]
) -> Node:
    kind: Literal["asset", "external"] = "asset" if is_made else "external"
    graph = job.asset_layer.asset_graph
    key = dg.AssetKey(node_id.path)
    if not graph.has(key):
        return Node(node_id.path, kind, checks=checks)
    asset = graph.get(key)
    return Node(
        key=node_id.path,
        kind=kind,
        group=asset.group_name,
        description=asset.description,
        owners=tuple(asset.owners),
        kinds=tuple(sorted(asset.kinds)),
        partitions=_partitions_text(asset.partitions_def) if asset.partitions_def else None,
        code_version=asset.code_version,
        checks=checks,
        columns=tuple(_columns(asset)),
        column_deps=tuple(_column_deps(asset)),
    )


def _partitions_text(partitions_def: dg.PartitionsDefinition) -> str:
    """Dagster's own words on one line: 'Daily, starting 2016-02-29 UTC'."""
    return " ".join(str(partitions_def).split()).removesuffix(".")


def _columns(node: BaseAssetNode) -> Iterator[Column]:
    schema = TableMetadataSet.extract(node.metadata).column_schema
    for column in schema.columns if schema else ():
        yield Column(column.name, column.type, column.description)


def _column_deps(node: BaseAssetNode) -> list[ColumnDep]:
    lineage = TableMetadataSet.extract(node.metadata).column_lineage
    return sorted(
        ColumnDep(column, tuple(dep.asset_key.path), dep.column_name)
        for column, deps in (lineage.deps_by_column if lineage else {}).items()
        for dep in deps
    )
