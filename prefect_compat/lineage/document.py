"""A lineage as a JSON document, for other programs."""

from typing import Any

from prefect_compat.lineage.graph import Lineage, LineageEdge, Node

VERSION = 1  # rises when a change could mislead a reader of the version before


def as_document(lineage: Lineage) -> dict[str, Any]:
    """Plain values for `json.dumps`: `version`, `name`, `nodes`, `edges`.

    Nodes and edges keep the order of the lineage; edges name their ends by the nodes' `id`.
    Unknown values are null, never left out.
    """
    return {
        "version": VERSION,
        "name": lineage.name,
        "nodes": [_node(node) for node in lineage.nodes],
        "edges": [_edge(edge) for edge in lineage.edges],
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "id": str(node.id),
        "key": list(node.key),
        "label": node.label,
        "kind": node.kind,
        "group": node.group,
        "description": node.description,
        "owners": list(node.owners),
        "kinds": list(node.kinds),
        "partitions": node.partitions,
        "code_version": node.code_version,
        "checks": list(node.checks),
        "columns": [
            {"name": column.name, "type": column.type, "description": column.description}
            for column in node.columns
        ],
        "column_lineage": [
            {
                "column": dep.column,
                "upstream": list(dep.upstream),
                "upstream_column": dep.upstream_column,
            }
            for dep in node.column_deps
        ],
    }


def _edge(edge: LineageEdge) -> dict[str, Any]:
    return {
        "upstream": str(edge.upstream),
        "downstream": str(edge.downstream),
        "kind": edge.kind,
        "partition_mapping": edge.partition_mapping,
    }
