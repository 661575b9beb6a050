"""A lineage as one HTML page to read, print or send: the drawing, then everything in tables."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from prefect_compat.lineage.graph import Lineage, LineageEdge, Node, NodeId
from prefect_compat.lineage.svg import EDGES, KINDS, Status, draw
from prefect_compat.pages import render

PLURALS = {"asset": "assets", "external": "external assets", "op": "ops", "check": "checks"}


@dataclass(frozen=True)
class Link:
    """A node's name and the anchor of its row."""

    label: str
    anchor: str


@dataclass(frozen=True)
class Row:
    """A row of the table of nodes."""

    node: Node
    link: Link
    kind: str
    description: tuple[str, ...]
    upstream: tuple[Link, ...]
    downstream: tuple[Link, ...]
    status: Status | None


@dataclass(frozen=True)
class EdgeRow:
    """A row of the table of edges."""

    upstream: Link
    downstream: Link
    kind: str
    partition_mapping: str | None


def lineage_page(lineage: Lineage, status: Mapping[NodeId, Status] | None = None) -> str:
    """A complete HTML document that loads nothing and runs nothing.

    Raises KeyError for the status of a node that is not in the lineage.
    """
    links = {node.id: Link(node.label, f"n{index}") for index, node in enumerate(lineage.nodes)}
    return render(
        "lineage.html.j2",
        name=lineage.name,
        counts=_counts(lineage),
        drawing=Markup(draw(lineage, status)),  # `draw` escapes it
        rows=[_row(lineage, node, links, status or {}) for node in lineage.nodes],
        edges=[_edge_row(edge, links) for edge in lineage.edges],
        has_status=bool(status),
    )


def _counts(lineage: Lineage) -> str:
    """The numbers of nodes and checks, as '6 assets, 1 external asset, 5 checks'."""
    counts = {
        kind: sum(node.kind == kind for node in lineage.nodes)
        for kind in ("asset", "op", "external")
    } | {"check": sum(len(node.checks) for node in lineage.nodes)}
    return ", ".join(
        f"{count} {PLURALS[kind].removesuffix('s') if count == 1 else PLURALS[kind]}"
        for kind, count in counts.items()
        if count
    )


def _row(
    lineage: Lineage, node: Node, links: Mapping[NodeId, Link], status: Mapping[NodeId, Status]
) -> Row:
    return Row(
        node=node,
        link=links[node.id],
        kind=KINDS[node.kind],
        description=_paragraphs(node.description or ""),
        upstream=_ends(links, (e.upstream for e in lineage.edges if e.downstream == node.id)),
        downstream=_ends(links, (e.downstream for e in lineage.edges if e.upstream == node.id)),
        status=status.get(node.id),
    )


def _ends(links: Mapping[NodeId, Link], ids: Iterable[NodeId]) -> tuple[Link, ...]:
    return tuple(links[node_id] for node_id in dict.fromkeys(ids))


def _edge_row(edge: LineageEdge, links: Mapping[NodeId, Link]) -> EdgeRow:
    return EdgeRow(
        links[edge.upstream], links[edge.downstream], EDGES[edge.kind], edge.partition_mapping
    )


def _paragraphs(text: str) -> tuple[str, ...]:
    """The paragraphs of a docstring, each on one line."""
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
    return tuple(paragraph for paragraph in paragraphs if paragraph)
