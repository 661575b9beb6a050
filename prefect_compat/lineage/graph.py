"""A job's lineage as plain, frozen data: the one graph that every format shows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import groupby
from typing import Literal

import dagster as dg

from prefect_compat.graph.job import read_plan
from prefect_compat.graph.plan import Column, ColumnDep, Plan, Step


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
        # A backslash and what it escapes are one token, of which only the last letter counts.
        for token in re.findall(r"\\.|.", path, flags=re.DOTALL):
            if token == "/":
                parts.append(part)
                part = ""
            else:
                part += token[-1]
        return cls("asset" if space == "asset" else "op", (*parts, part))


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
    """The lineage of a job's assets, or of its ops if it has no assets.

    A graph-backed asset is one node; an op that makes several assets is a node for each. Assets
    that the job does not make are included if it makes others from them or checks them. Raises
    DefinitionError if Dagster itself cannot plan the job.
    """
    return lineage_of(read_plan(job))


def lineage_of(plan: Plan) -> Lineage:
    """The lineage of a plan."""
    owners = {step.name: _owners(step) for step in plan.steps}
    edges = {*_asset_edges(plan), *_op_edges(plan, owners)}
    checks = sorted(check for step in plan.steps for check in step.check_keys)
    checks_by_asset = {
        NodeId("asset", path): tuple(check.name for check in entries)
        # `groupby` joins neighbours only; the checks are sorted by asset.
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
            else _asset_node(plan, node_id, node_id in made, checks_by_asset.get(node_id, ()))
            for node_id in order
        ),
        edges=tuple(sorted(edges, key=lambda e: (rank[e.downstream], rank[e.upstream]))),
    )


def _owners(step: Step) -> tuple[NodeId, ...]:
    """The nodes that a step works for: its own op, or its assets. A check's step has none."""
    if not step.is_of_assets:
        return (NodeId("op", step.node),)
    return tuple(NodeId("asset", path) for path in step.owner_keys)


def _asset_edges(plan: Plan) -> Iterator[LineageEdge]:
    loaded = {
        (entry.asset_key, owner)
        for step in plan.steps
        for entry in step.inputs
        for owner in step.owner_keys
        if entry.is_value and entry.asset_key is not None
    }
    for asset in plan.assets:
        for parent in asset.upstream:
            yield LineageEdge(
                NodeId("asset", parent.asset_key),
                NodeId("asset", asset.key),
                "value" if (parent.asset_key, asset.key) in loaded else "order",
                parent.partition_mapping,
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


def _ordered(nodes: set[NodeId], edges: set[LineageEdge]) -> list[NodeId]:
    """The nodes in topological order, alphabetical within each level."""
    sorter: TopologicalSorter[NodeId] = TopologicalSorter(dict.fromkeys(nodes, ()))
    for edge in edges:
        # graphlib would take an asset that reads its own earlier partitions for a cycle.
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


def _asset_node(plan: Plan, node_id: NodeId, is_made: bool, checks: tuple[str, ...]) -> Node:
    asset = plan.asset(node_id.path)
    return Node(
        key=asset.key,
        kind="asset" if is_made else "external",
        group=asset.group,
        description=asset.description,
        owners=asset.owners,
        kinds=asset.kinds,
        partitions=asset.partitions,
        code_version=asset.code_version,
        checks=checks,
        columns=asset.columns,
        column_deps=asset.column_deps,
    )
