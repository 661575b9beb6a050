"""A lineage as one SVG image, for a page or a file.

Colours are custom properties that follow `prefers-color-scheme`; the image loads
nothing and runs nothing.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

from prefect_compat.lineage.drawing import MARGIN, Box, Line, Size, lay_out
from prefect_compat.lineage.graph import Lineage, Node, NodeId
from prefect_compat.lineage.lettering import shortened, text_width

Level = Literal["good", "bad", "warn", "bare", "none"]

SYMBOLS: Mapping[Level, str] = {"good": "✓", "bad": "✗", "warn": "!", "bare": "∅", "none": "○"}
KINDS = {"asset": "asset", "external": "external asset, only read", "op": "op without assets"}
EDGES = {"value": "loads the value", "order": "order only"}
UNNAMED_GROUP = "default"  # Dagster's group for assets that name none

PADDING = 14.0
NARROWEST, WIDEST = 148.0, 248.0
LABEL_SIZE, SMALL_SIZE = 13.5, 11.0
LINE_HEIGHT = 17.0
SWATCH = 26.0

STYLE = """
.lineage{--ink:#1f2328;--soft:#57606a;--line:#6b7480;--paper:#ffffff;--box:#f6f8fa;--edge:#8c959f;
--good:#1a6a37;--bad:#b3261e;--warn:#855000;--none:#57606a;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;
background:var(--paper);color-scheme:light dark}
@media (prefers-color-scheme:dark){.lineage{--ink:#e6edf3;--soft:#9da7b3;--line:#8b95a1;
--paper:#12161c;--box:#1c222b;--edge:#59636f;--good:#6fcf8b;--bad:#ff938a;--warn:#e5b15c;
--none:#9da7b3}}
.lineage text{font-size:11px;fill:var(--soft)}
.lineage .label{font-size:13.5px;font-weight:600;fill:var(--ink)}
.lineage .box{fill:var(--box);stroke:var(--edge);stroke-width:1.25}
.lineage .external .box{fill:var(--paper);stroke-dasharray:5 4}
.lineage .op .box{fill:var(--paper)}
.lineage .line{fill:none;stroke:var(--line);stroke-width:1.4}
.lineage .order .line{stroke-dasharray:3 4}
.lineage .tip{fill:var(--line)}
.lineage text.good{fill:var(--good)}.lineage text.bad{fill:var(--bad)}
.lineage text.warn{fill:var(--warn)}.lineage text.none,.lineage text.bare{fill:var(--none)}
.lineage .status{font-weight:600}
.lineage .good .box{stroke:var(--good)}.lineage .bad .box{stroke:var(--bad);stroke-width:2}
.lineage .warn .box{stroke:var(--warn);stroke-width:2}
"""


@dataclass(frozen=True, order=True)
class Status:
    """A node's result: a word such as "identical", and a level that gives its colour."""

    word: str
    level: Level

    @property
    def text(self) -> str:
        return f"{SYMBOLS[self.level]} {self.word}"


def draw(lineage: Lineage, status: Mapping[NodeId, Status] | None = None) -> str:
    """An `<svg>` element, with a title and a description of all edges in words.

    Raises KeyError for the status of a node that is not in the lineage.
    """
    stated = {lineage.node(node_id).id: entry for node_id, entry in (status or {}).items()}
    drawing = lay_out(lineage, _box_size(lineage, bool(stated)))
    legend, legend_size = _legend(lineage, stated, drawing.size)
    width = max(drawing.size.width, legend_size.width)
    height = drawing.size.height + legend_size.height
    # A page may have several drawings, whose ids must not collide.
    content = repr((lineage, sorted(stated.items())))
    name = f"lineage-{hashlib.sha256(content.encode()).hexdigest()[:10]}"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="lineage" role="img"'
            f' aria-labelledby="{name}-title" aria-describedby="{name}-desc"'
            f' viewBox="0 0 {_number(width)} {_number(height)}"'
            f' width="{_number(width)}" height="{_number(height)}">',
            f'<title id="{name}-title">{_text(f"Lineage of {lineage.name}")}</title>',
            f'<desc id="{name}-desc">{_text(describe(lineage, stated))}</desc>',
            f"<style>{STYLE}</style>",
            # Lines come first: SVG paints what follows over them.
            *(_line(lineage, line) for line in drawing.lines),
            *(_node(lineage.node(box.id), box, stated.get(box.id)) for box in drawing.boxes),
            *legend,
            "</svg>\n",
        )
    )


def describe(lineage: Lineage, status: Mapping[NodeId, Status]) -> str:
    """The drawing in words: one sentence per node, with its upstream nodes."""
    return " ".join(_sentences(lineage, status)) or "The lineage is empty."


def _sentences(lineage: Lineage, status: Mapping[NodeId, Status]) -> Iterator[str]:
    words = {"value": "loads {}", "order": "depends on {}"}
    for node in lineage.nodes:
        into = [edge for edge in lineage.edges if edge.downstream == node.id]
        clauses = [
            words[edge.kind].format(
                "its own earlier partitions"
                if edge.upstream == node.id
                else lineage.node(edge.upstream).label
            )
            for edge in into
        ]
        stated = f" ({status[node.id].word})" if node.id in status else ""
        fallback = "is only read" if node.kind == "external" else "depends on nothing"
        yield f"{node.label}{stated} {', '.join(clauses) or fallback}."


def _box_size(lineage: Lineage, has_status: bool) -> Size:
    """The size of all boxes: as wide as the longest text within limits, as high as the lines."""
    widths = [
        max(
            # Labels are bold (weight 600), and so a little wider than the estimate.
            text_width(node.label, LABEL_SIZE * 1.04),
            text_width(node.summary, SMALL_SIZE),
            # The status stands in the same row as the group.
            text_width(_group(node), SMALL_SIZE) + (96.0 if has_status else 0.0),
        )
        for node in lineage.nodes
    ]
    has_top = has_status or any(map(_group, lineage.nodes))
    has_summary = any(node.summary for node in lineage.nodes)
    width = min(max((*widths, 0.0)) + 2 * PADDING, WIDEST)
    return Size(max(width, NARROWEST), 22.0 + LINE_HEIGHT * (1 + has_top + has_summary))


def _group(node: Node) -> str:
    return node.group if node.group and node.group != UNNAMED_GROUP else ""


def _node(node: Node, box: Box, status: Status | None) -> str:
    group, summary = _group(node), node.summary
    count = 1 + bool(group or status) + bool(summary)
    baseline = box.middle - LINE_HEIGHT * (count - 1) / 2 + 4.0
    room = box.size.width - 2 * PADDING
    texts = []
    if group or status:
        taken = 0.0
        if status:
            shown = shortened(status.text, room, SMALL_SIZE)
            taken = text_width(shown, SMALL_SIZE) + 10.0
            texts.append(
                f'<text class="status {status.level}" text-anchor="end"'
                f' x="{_number(box.right - PADDING)}" y="{_number(baseline)}">{_text(shown)}</text>'
            )
        # Less room would leave little of the group but an ellipsis.
        if group and room - taken > 3 * SMALL_SIZE:
            fitting = shortened(group, room - taken, SMALL_SIZE)
            texts.append(_text_at(box.x + PADDING, baseline, fitting, "group"))
        baseline += LINE_HEIGHT
    label = shortened(node.label, room, LABEL_SIZE * 1.04)
    texts.append(_text_at(box.x + PADDING, baseline, label, "label"))
    if summary:
        fitting = shortened(summary, room, SMALL_SIZE)
        texts.append(_text_at(box.x + PADDING, baseline + LINE_HEIGHT, fitting, "summary"))
    level = f" {status.level}" if status else ""
    return (
        f'<g class="node {node.kind}{level}" data-id="{_text(str(node.id))}">'
        f"<title>{_text(_hint(node, status))}</title>"
        f"{_shape(node.kind, box.x, box.y, box.size)}{''.join(texts)}</g>"
    )


def _hint(node: Node, status: Status | None) -> str:
    """The facts that may not fit into the box, one a line."""
    lines = (
        node.label,
        status.word if status else None,
        KINDS[node.kind],
        f"group {node.group}" if node.group else None,
        node.partitions,
        f"checks: {', '.join(node.checks)}" if node.checks else None,
        node.description,
    )
    return "\n".join(line for line in lines if line)


def _shape(kind: str, x: float, y: float, size: Size) -> str:
    radius = size.height / 2 if kind == "op" else 6.0
    return (
        f'<rect class="box" x="{_number(x)}" y="{_number(y)}" width="{_number(size.width)}"'
        f' height="{_number(size.height)}" rx="{_number(min(radius, 20.0))}"/>'
    )


def _line(lineage: Lineage, line: Line) -> str:
    edge = line.edge
    upstream, downstream = lineage.node(edge.upstream), lineage.node(edge.downstream)
    hint = f"{upstream.label} → {downstream.label}: {EDGES[edge.kind]}"
    if edge.partition_mapping:
        hint += f"\n{edge.partition_mapping}"
    return (
        f'<g class="edge {edge.kind}" data-upstream="{_text(str(edge.upstream))}"'
        f' data-downstream="{_text(str(edge.downstream))}"><title>{_text(hint)}</title>'
        f'<path class="line" d="{_path(line)}"/>{_tip(*line.points[-1])}</g>'
    )


def _path(line: Line) -> str:
    if line.edge.upstream == line.edge.downstream:
        return _loop_path(*line.points)
    starts, ends = line.points[::2], line.points[1::2]
    commands = []
    for index, ((x, y), (to_x, to_y)) in enumerate(zip(starts, ends, strict=True)):
        # Control points half way, at the heights of the ends: the curve leaves and arrives level.
        bend = (to_x - x) / 2
        commands.append(
            f"{'L' if index else 'M'}{_number(x)} {_number(y)}"
            f"C{_number(x + bend)} {_number(y)} {_number(to_x - bend)} {_number(to_y)}"
            f" {_number(to_x)} {_number(to_y)}"
        )
    return "".join(commands)


def _loop_path(start: tuple[float, float], end: tuple[float, float]) -> str:
    """The path from the right side, back over the box, into the left side."""
    (x, y), (to_x, _) = start, end
    over = y - 30.0
    return (
        f"M{_number(x)} {_number(y)}C{_number(x + 18)} {_number(y)} {_number(x + 18)}"
        f" {_number(over)} {_number(x - 8)} {_number(over)}L{_number(to_x + 8)} {_number(over)}"
        f"C{_number(to_x - 22)} {_number(over)} {_number(to_x - 22)} {_number(y)}"
        f" {_number(to_x)} {_number(y)}"
    )


def _tip(x: float, y: float) -> str:
    return f'<path class="tip" d="M{_number(x)} {_number(y)}l-8 -4v8z"/>'


def _legend(
    lineage: Lineage, status: Mapping[NodeId, Status], drawing: Size
) -> tuple[list[str], Size]:
    """The meaning of shapes, lines and statuses in rows below the drawing, and its size.

    Kinds are listed if the drawing has several of them.
    """
    kinds = [kind for kind in KINDS if any(node.kind == kind for node in lineage.nodes)]
    edges = [kind for kind in EDGES if any(edge.kind == kind for edge in lineage.edges)]
    words = sorted(set(status.values()))
    entries = [
        *((f"node {kind}", KINDS[kind]) for kind in kinds if len(kinds) > 1),
        *((f"edge {kind}", EDGES[kind]) for kind in edges if len(edges) > 1),
        *((f"status {entry.level}", entry.text) for entry in words if len(words) > 1),
    ]
    if not entries:
        return [], Size(0.0, 0.0)
    x, y, right, drawn = MARGIN, drawing.height + 8.0, 0.0, []
    for classes, words_of in entries:
        is_status = classes.startswith("status")
        width = text_width(words_of, SMALL_SIZE) + (0.0 if is_status else SWATCH + 8.0)
        # The first entry of a row stays, however wide it is: a new row would be no wider.
        if x > MARGIN and x + width > max(drawing.width, 340.0) - MARGIN:
            x, y = MARGIN, y + 22.0
        drawn.append(_legend_entry(classes, words_of, x, y))
        right = max(right, x + width)
        x += width + 24.0
    return (
        ['<g class="legend">', *drawn, "</g>"],
        Size(right + MARGIN, y - drawing.height + MARGIN),
    )


def _legend_entry(classes: str, words: str, x: float, y: float) -> str:
    name, kind = classes.split()
    if name == "status":
        return _text_at(x, y + 4.0, words, classes)
    if name == "node":
        swatch = _shape(kind, x, y - 7.0, Size(SWATCH, 14.0))
    else:
        end = x + SWATCH
        swatch = f'<path class="line" d="M{_number(x)} {_number(y)}H{_number(end)}"/>{_tip(end, y)}'
    return f'<g class="{kind}">{swatch}{_text_at(x + SWATCH + 8.0, y + 4.0, words, "word")}</g>'


def _text_at(x: float, y: float, text: str, classes: str) -> str:
    return f'<text class="{classes}" x="{_number(x)}" y="{_number(y)}">{_text(text)}</text>'


def _text(text: str) -> str:
    """The text escaped for XML; characters that XML forbids are replaced."""
    return escape(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff￾￿]", "�", text))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
