"""A layered layout of a lineage's boxes and lines: upstream left, downstream right.

After Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System
Structures", IEEE Trans. SMC 11(2), 1981: longest-path layers, placeholders for lines that pass
a layer, orders within the layers by barycentres, heights by least squares.
"""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from prefect_compat.lineage.graph import Lineage, LineageEdge, NodeId

MARGIN = 24.0
BOX_GAP = 28.0  # between boxes, and between a box and a line that passes
LINE_GAP = 14.0  # between lines that pass side by side
LAYER_GAP = 76.0
PART_GAP = 44.0
SWEEPS = 16
TALL = 1100.0  # lone boxes stand in rows once their column would be taller


@dataclass(frozen=True)
class Size:
    """A width and a height in CSS pixels."""

    width: float
    height: float


@dataclass(frozen=True)
class Box:
    """A node's place: `x` and `y` are its upper left corner."""

    id: NodeId
    x: float
    y: float
    size: Size

    @property
    def right(self) -> float:
        return self.x + self.size.width

    @property
    def middle(self) -> float:
        return self.y + self.size.height / 2


@dataclass(frozen=True)
class Line:
    """An edge's path: horizontal within the layers, curved between them.

    Points come in pairs, the left and right end of each curve. An edge to itself has one pair.
    """

    edge: LineageEdge
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Drawing:
    """Boxes that do not overlap and lines that cross none of them, all within `size`."""

    size: Size
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, order=True)
class _Place:
    """A node in its layer, or the place at which lines from a node pass a layer.

    `passing` is the kind of those lines; lines of one node and kind share a path as far as they
    can. It is empty for the node itself.
    """

    layer: int
    id: NodeId
    passing: str = ""


def lay_out(lineage: Lineage, box: Size) -> Drawing:
    """The lineage drawn with boxes of one size; equal lineages give equal drawings.

    Unconnected parts lie one below another, lone nodes together at the end.
    """
    parts = _parts(lineage)
    drawings = [_lay_out_part(*part, box) for part in parts if len(part[0]) > 1]
    lone = [ids[0] for ids, _ in parts if len(ids) == 1]
    loops = {edge.upstream: edge for edge in lineage.edges if edge.upstream == edge.downstream}
    if lone:
        drawings.append(_rows(lone, box, max((d.size.width for d in drawings), default=0.0)))
    stacked = list(_stacked(drawings))
    boxes = {entry.id: entry for drawing in stacked for entry in drawing.boxes}
    lines = {line.edge: line for drawing in stacked for line in drawing.lines}
    lines |= {edge: _loop(edge, boxes[node_id]) for node_id, edge in loops.items()}
    return Drawing(
        Size(
            max((entry.right for entry in boxes.values()), default=0.0) + MARGIN,
            max((_lowest(drawing) for drawing in stacked), default=0.0) + MARGIN,
        ),
        tuple(boxes[node.id] for node in lineage.nodes),
        tuple(lines[edge] for edge in lineage.edges),
    )


def _parts(lineage: Lineage) -> list[tuple[list[NodeId], list[LineageEdge]]]:
    """The connected parts, each with its nodes and edges in the lineage's order."""
    part_of = {node.id: index for index, node in enumerate(lineage.nodes)}
    members = {index: [node.id] for index, node in enumerate(lineage.nodes)}
    between = [edge for edge in lineage.edges if edge.upstream != edge.downstream]
    for edge in between:
        # The earlier part takes in the later one, so parts stay in the lineage's order.
        first, second = sorted((part_of[edge.upstream], part_of[edge.downstream]))
        if first != second:
            moved = members.pop(second)
            members[first] += moved
            part_of.update(dict.fromkeys(moved, first))
    nodes: dict[int, list[NodeId]] = defaultdict(list)
    edges: dict[int, list[LineageEdge]] = defaultdict(list)
    for node in lineage.nodes:
        nodes[part_of[node.id]].append(node.id)
    for edge in between:
        edges[part_of[edge.upstream]].append(edge)
    return [(ids, edges[part]) for part, ids in nodes.items()]


def _lay_out_part(ids: list[NodeId], edges: list[LineageEdge], box: Size) -> Drawing:
    layer_of = _layers(ids, edges)
    ways = {edge: tuple(_way(edge, layer_of)) for edge in edges}
    layers = _untangled(*_neighbours(ids, layer_of, ways.values()))
    neighbours = _neighbours(ids, layer_of, ways.values())[1]
    heights = _heights(layers, neighbours, box)
    lefts = _lefts(layers, ways.values(), box)
    boxes = {
        place.id: Box(place.id, lefts[place.layer], y - box.height / 2, box)
        for place, y in heights.items()
        if not place.passing
    }
    lines = tuple(
        Line(edge, tuple(_points(way, heights, lefts, box.width))) for edge, way in ways.items()
    )
    drawing = Drawing(Size(0, 0), tuple(boxes[node_id] for node_id in ids), lines)
    return replace(drawing, size=Size(lefts[-1] + box.width, _lowest(drawing)))


def _layers(ids: Sequence[NodeId], edges: Iterable[LineageEdge]) -> dict[NodeId, int]:
    """Each node's layer: one after its last upstream node.

    A node without upstream stands one layer before its first downstream node.
    """
    upstream, downstream = defaultdict(list), defaultdict(list)
    for edge in edges:
        upstream[edge.downstream].append(edge.upstream)
        downstream[edge.upstream].append(edge.downstream)
    # A lineage lists each node after its upstream, so those layers are known in time.
    layer_of: dict[NodeId, int] = {}
    for node_id in ids:
        layer_of[node_id] = max((layer_of[other] + 1 for other in upstream[node_id]), default=0)
    for node_id in ids:
        if not upstream[node_id]:
            layer_of[node_id] = min(layer_of[other] for other in downstream[node_id]) - 1
    return layer_of


def _way(edge: LineageEdge, layer_of: Mapping[NodeId, int]) -> Iterator[_Place]:
    """Yields the places along the edge, both ends included."""
    first, last = layer_of[edge.upstream], layer_of[edge.downstream]
    yield _Place(first, edge.upstream)
    for layer in range(first + 1, last):
        yield _Place(layer, edge.upstream, edge.kind)
    yield _Place(last, edge.downstream)


Neighbours = Mapping[_Place, tuple[list[_Place], list[_Place]]]


def _neighbours(
    ids: Sequence[NodeId],
    layer_of: Mapping[NodeId, int],
    ways: Iterable[tuple[_Place, ...]],
) -> tuple[list[list[_Place]], Neighbours]:
    """The places layer by layer in their first order, and each place's links left and right."""
    links: dict[_Place, tuple[list[_Place], list[_Place]]] = {
        _Place(layer_of[node_id], node_id): ([], []) for node_id in ids
    }
    seen = set()
    for way in ways:
        for left, right in pairwise(way):
            # Lines that share a path have the same links; a barycentre must count each once.
            if (left, right) not in seen:
                seen.add((left, right))
                links.setdefault(left, ([], []))[1].append(right)
                links.setdefault(right, ([], []))[0].append(left)
    layers: list[list[_Place]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for place in links:
        layers[place.layer].append(place)
    return layers, links


def _untangled(layers: list[list[_Place]], neighbours: Neighbours) -> list[list[_Place]]:
    """The orders with the fewest crossings among those that the sweeps try."""
    # Copies: the sweeps sort `current` in place, and a later one can be worse.
    best, fewest = [list(layer) for layer in layers], _crossings(layers, neighbours)
    current = [list(layer) for layer in layers]
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        side = sweep % 2  # 0: each layer after its left neighbour, 1: after its right one
        # The first layer in the direction of the sweep has no neighbours to follow.
        for layer in current[1:] if side == 0 else current[-2::-1]:
            _sort_by_barycentre(layer, current, neighbours, side)
        crossings = _crossings(current, neighbours)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in current], crossings
    return best


def _sort_by_barycentre(
    layer: list[_Place], layers: list[list[_Place]], neighbours: Neighbours, side: int
) -> None:
    beside = layers[layer[0].layer + (1 if side else -1)]
    rank = {place: index for index, place in enumerate(beside)}
    centre = {}
    for index, place in enumerate(layer):
        linked = [rank[other] for other in neighbours[place][side]]
        centre[place] = sum(linked) / len(linked) if linked else float(index)
    layer.sort(key=centre.__getitem__)


def _crossings(layers: Sequence[Sequence[_Place]], neighbours: Neighbours) -> int:
    return sum(_crossings_between(left, right, neighbours) for left, right in pairwise(layers))


def _crossings_between(
    left: Sequence[_Place], right: Sequence[_Place], neighbours: Neighbours
) -> int:
    rank = {place: index for index, place in enumerate(right)}
    count, ends = 0, list[int]()
    for place in left:
        targets = sorted(rank[other] for other in neighbours[place][1])
        # Two lines cross if their left and right ends are in opposite order. Lines from one
        # place never cross, so its targets join `ends` only afterwards.
        count += sum(len(ends) - bisect_right(ends, target) for target in targets)
        for target in targets:
            insort(ends, target)
    return count


def _heights(
    layers: Sequence[Sequence[_Place]], neighbours: Neighbours, box: Size
) -> dict[_Place, float]:
    """The vertical middle of every place: in order, apart, and near the places it is linked to."""
    middles: dict[_Place, float] = {}
    # First without any pull, so that `_mean` knows a middle for every place.
    for layer in layers:
        middles |= _spread(layer, dict.fromkeys(layer, 0.0), box)
    for sweep in range(SWEEPS):
        sides = ((0,), (1,), (0, 1))[sweep % 3]
        # The layers follow the pull: each goes by heights that this sweep has already set.
        for layer in layers if 0 in sides else reversed(layers):
            wanted = {place: _mean(place, sides, neighbours, middles) for place in layer}
            middles |= _spread(layer, wanted, box)
    top = min(middle - _half(place, box) for place, middle in middles.items())
    return {place: middle - top for place, middle in middles.items()}


def _mean(
    place: _Place, sides: Iterable[int], neighbours: Neighbours, middles: Mapping[_Place, float]
) -> float:
    linked = [middles[other] for side in sides for other in neighbours[place][side]]
    return sum(linked) / len(linked) if linked else middles[place]


def _half(place: _Place, box: Size) -> float:
    return 0.0 if place.passing else box.height / 2


def _spread(
    layer: Sequence[_Place], wanted: Mapping[_Place, float], box: Size
) -> dict[_Place, float]:
    """The middles nearest to the wanted ones, by least squares, that keep order and distance.

    With the distances subtracted this is an isotonic regression, solved by pooling adjacent
    violators. Lines weigh more than boxes, so they run straight.
    """
    offsets = [0.0]
    for above, below in pairwise(layer):
        gap = LINE_GAP if above.passing and below.passing else BOX_GAP
        offsets.append(offsets[-1] + _half(above, box) + gap + _half(below, box))
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many places
    for place, offset in zip(layer, offsets, strict=True):
        mean, weight, count = wanted[place] - offset, 4.0 if place.passing else 1.0, 1
        while pools and pools[-1][0] > mean:
            other, other_weight, other_count = pools.pop()
            mean = (mean * weight + other * other_weight) / (weight + other_weight)
            weight, count = weight + other_weight, count + other_count
        pools.append((mean, weight, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    return {place: mean + offset for place, mean, offset in zip(layer, means, offsets, strict=True)}


def _lefts(
    layers: Sequence[Sequence[_Place]], ways: Iterable[tuple[_Place, ...]], box: Size
) -> list[float]:
    """The left side of each layer; the gap grows with the number of lines between two layers."""
    between: dict[int, set[tuple[_Place, _Place]]] = defaultdict(set)
    for way in ways:
        for left, right in pairwise(way):
            between[left.layer].add((left, right))
    lefts = [0.0]
    for layer in range(len(layers) - 1):
        # Capped, or hundreds of lines would push two layers far apart.
        lefts.append(lefts[-1] + box.width + LAYER_GAP + min(2.0 * len(between[layer]), 110.0))
    return lefts


def _points(
    way: Sequence[_Place],
    heights: Mapping[_Place, float],
    lefts: Sequence[float],
    width: float,
) -> Iterator[tuple[float, float]]:
    for left, right in pairwise(way):
        yield lefts[left.layer] + width, heights[left]
        yield lefts[right.layer], heights[right]


def _loop(edge: LineageEdge, box: Box) -> Line:
    y = box.y + box.size.height / 4
    return Line(edge, ((box.right, y), (box.x, y)))


def _rows(ids: Sequence[NodeId], box: Size, width: float) -> Drawing:
    """Lone boxes in one column while it is short, else in rows about as wide as the rest."""
    stride = Size(box.width + BOX_GAP, box.height + BOX_GAP)
    fitting = max(1, int((width + BOX_GAP) // stride.width))
    # The two minus signs round the division up.
    columns = max(fitting, -(-len(ids) * int(stride.height) // int(TALL)))
    boxes = tuple(
        Box(node_id, index % columns * stride.width, index // columns * stride.height, box)
        for index, node_id in enumerate(ids)
    )
    return Drawing(Size(max(b.right for b in boxes), boxes[-1].y + box.height), boxes, ())


def _lowest(drawing: Drawing) -> float:
    boxes = (entry.y + entry.size.height for entry in drawing.boxes)
    points = (y for line in drawing.lines for _, y in line.points)
    return max((*boxes, *points))


def _stacked(drawings: Iterable[Drawing]) -> Iterator[Drawing]:
    """Yields the drawings one below another, within the margin."""
    top = MARGIN
    for drawing in drawings:
        yield Drawing(
            drawing.size,
            tuple(replace(box, x=box.x + MARGIN, y=box.y + top) for box in drawing.boxes),
            tuple(
                replace(line, points=tuple((x + MARGIN, y + top) for x, y in line.points))
                for line in drawing.lines
            ),
        )
        top += drawing.size.height + PART_GAP
