"""A lineage as a Mermaid flowchart, for Markdown viewers that draw it.

Syntax: Mermaid documentation, "Flowcharts - Basic Syntax" (entity codes, shapes, links).
"""

import re
from collections.abc import Iterator

from prefect_compat.lineage.graph import Lineage, Node

SHAPES = {"asset": '["{}"]', "external": '(["{}"])', "op": '[["{}"]]'}
LINKS = {"value": "-->", "order": "-.->"}


def flowchart(lineage: Lineage) -> str:
    """A flowchart from left to right: external assets round, order edges dotted.

    Ids are numbers in the lineage's order: names could collide or be keywords.
    """
    return "\n".join(_statements(lineage)) + "\n"


def _statements(lineage: Lineage) -> Iterator[str]:
    ids = {node.id: f"n{index}" for index, node in enumerate(lineage.nodes)}
    yield "flowchart LR"
    for node in lineage.nodes:
        yield f"    {ids[node.id]}{SHAPES[node.kind].format(_label(node))}"
    for edge in lineage.edges:
        yield f"    {ids[edge.upstream]} {LINKS[edge.kind]} {ids[edge.downstream]}"
    external = [ids[node.id] for node in lineage.nodes if node.kind == "external"]
    if external:
        yield "    classDef external stroke-dasharray: 5 4"
        yield f"    class {','.join(external)} external"


def _label(node: Node) -> str:
    lines = (node.label, node.summary)
    return "<br>".join(_escaped(line) for line in lines if line)


def _escaped(text: str) -> str:
    """The text with entity codes for everything that Mermaid, Markdown or HTML might interpret."""
    return re.sub(r"[^\w ,.:/()·-]", lambda sign: f"#{ord(sign.group())};", " ".join(text.split()))
