"""The layout, place by place: layers, gaps, order, lines."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_compat.lineage.drawing import Drawing, Size, lay_out
from prefect_compat.lineage.graph import Lineage, LineageEdge, Node, NodeId

BOX = Size(100.0, 40.0)


def node_id(name: str) -> NodeId:
    return NodeId("asset", (name,))


def graph(names: str, *edges: str) -> Lineage:
    """Nodes of one letter each; an edge `ab` leads from a to b, `ab.` is an edge of order."""
    return Lineage(
        "j",
        tuple(Node((name,), "asset") for name in names),
        tuple(
            LineageEdge(node_id(edge[0]), node_id(edge[1]), "order" if "." in edge else "value")
            for edge in edges
        ),
    )


def places(drawing: Drawing) -> dict[str, tuple[float, float]]:
    return {box.id.path[0]: (round(box.x, 3), round(box.y, 3)) for box in drawing.boxes}


def test_a_chain_runs_from_left_to_right() -> None:
    drawing = lay_out(graph("abc", "ab", "bc"), BOX)
    # A margin of 24; between layers 76, and 2 for the line.
    assert places(drawing) == {"a": (24, 24), "b": (202, 24), "c": (380, 24)}
    assert [line.points for line in drawing.lines] == [
        ((124, 44), (202, 44)),
        ((302, 44), (380, 44)),
    ]
    assert drawing.size == Size(504, 88)
    assert {box.size for box in drawing.boxes} == {BOX}
    assert (drawing.boxes[0].right, drawing.boxes[0].middle) == (124, 44)


LETTERS = "abcdefghij"
PAIRS = st.sampled_from([left + right for left, right in combinations(LETTERS, 2)])


@given(st.lists(PAIRS, unique=True, max_size=20))
def test_no_box_touches_another_and_each_edge_leads_to_the_right(edges: list[str]) -> None:
    drawing = lay_out(graph(LETTERS, *edges), BOX)
    for one, other in combinations(drawing.boxes, 2):
        apart_x = max(one.x, other.x) - min(one.right, other.right)
        apart_y = max(one.y, other.y) - min(one.y, other.y) - BOX.height
        assert max(apart_x, apart_y) > 10
    found = places(drawing)
    assert all(found[edge[0]][0] + BOX.width < found[edge[1]][0] for edge in edges)
    assert all(0 <= box.x < box.right <= drawing.size.width for box in drawing.boxes)
    assert all(0 <= box.y < box.y + BOX.height <= drawing.size.height for box in drawing.boxes)


def test_boxes_in_one_layer_stand_apart_around_their_source() -> None:
    drawing = lay_out(graph("abc", "ab", "ac"), BOX)
    assert places(drawing) == {"a": (24, 58), "b": (204, 24), "c": (204, 92)}
    assert drawing.size == Size(328, 156)
    assert [line.points[-1] for line in drawing.lines] == [(204, 44), (204, 112)]


def test_a_source_stands_one_layer_before_its_first_use() -> None:
    found = places(lay_out(graph("absc", "ab", "bc", "sc"), BOX))
    assert found["s"][0] == found["b"][0]
    found = places(lay_out(graph("abscd", "ab", "bc", "cd", "sd", "sc"), BOX))
    assert found["s"][0] == found["b"][0]


def test_a_line_over_a_layer_passes_beside_the_box() -> None:
    drawing = lay_out(graph("abc", "ab", "bc", "ac"), BOX)
    *_, over = drawing.lines
    assert [x for x, _ in over.points] == [124, 204, 304, 384]
    ys = [y for _, y in over.points]
    assert ys[1] == ys[2]
    middle = drawing.boxes[1]
    assert abs(ys[1] - middle.middle) >= 20 + 28 - 1e-9
    assert ys[0] == drawing.boxes[0].middle
    assert ys[3] == drawing.boxes[2].middle


def test_lines_of_one_source_and_kind_pass_together() -> None:
    def heights(*edges: str) -> list[float]:
        lines = lay_out(graph("abcd", "ab", "bc", "bd", *edges), BOX).lines
        return [line.points[1][1] for line in lines if len(line.points) == 4]

    same, other = heights("ac", "ad"), heights("ac", "ad.")
    assert len(same) == len(other) == 2
    assert same[0] == same[1]
    assert abs(other[0] - other[1]) >= 14 - 1e-9


def test_more_lines_make_more_room_between_layers() -> None:
    names = "abcdefghijkl"
    pairs = [left + right for left in names[:6] for right in names[6:]]
    found = places(lay_out(graph(names, *pairs), BOX))
    assert found["g"][0] == 24 + 100 + 76 + 72
    many = "abcdefghijklmnop"
    pairs = [left + right for left in many[:8] for right in many[8:]]
    assert places(lay_out(graph(many, *pairs), BOX))["i"][0] == 24 + 100 + 76 + 110


def crossings(drawing: Drawing) -> int:
    ends = [(line.points[0][1], line.points[-1][1]) for line in drawing.lines]
    return sum((a - c) * (b - d) < 0 for n, (a, b) in enumerate(ends) for c, d in ends[:n])


@pytest.mark.parametrize(
    "lineage",
    [
        graph("abcdef", "af", "be", "cd"),
        graph("abcdef", "ae", "ad", "bd", "cf", "bf"),
        graph("abcdefgh", "ah", "bg", "cf", "de", "ag"),
    ],
)
def test_lines_that_need_not_cross_do_not_cross(lineage: Lineage) -> None:
    joined = Lineage(
        "j",
        (*lineage.nodes, Node(("z",), "asset")),
        (*lineage.edges, *(LineageEdge(n.id, node_id("z"), "value") for n in lineage.nodes[3:])),
    )
    drawing = lay_out(joined, BOX)
    first = Drawing(drawing.size, (), tuple(line for line in drawing.lines[: len(lineage.edges)]))
    assert crossings(first) == 0


def test_parts_that_are_not_connected_lie_below_each_other() -> None:
    drawing = lay_out(graph("acbd", "ab", "cd"), BOX)
    assert places(drawing) == {"a": (24, 24), "b": (202, 24), "c": (24, 108), "d": (202, 108)}
    assert [box.id.path[0] for box in drawing.boxes] == list("acbd")
    assert [line.edge.upstream.path[0] for line in drawing.lines] == ["a", "c"]
    assert drawing.lines[1].points == ((124, 128), (202, 128))
    assert drawing.size == Size(326, 172)


def test_parts_are_joined_by_any_edge() -> None:
    drawing = lay_out(graph("abcde", "ad", "be", "cd", "ce"), BOX)
    assert len({x for x, _ in places(drawing).values()}) == 2
    ys = sorted(y for x, y in places(drawing).values() if x == 24)
    assert ys == [24, 92, 160]


def test_lone_boxes_come_last_in_rows_as_wide_as_the_rest() -> None:
    drawing = lay_out(graph("xyzwab", "ab"), BOX)
    # Two boxes of 100 and their gap of 28 fit into the 278 of the part above.
    assert places(drawing) == {
        "a": (24, 24),
        "b": (202, 24),
        "x": (24, 108),
        "y": (152, 108),
        "z": (24, 176),
        "w": (152, 176),
    }
    assert drawing.size == Size(326, 240)


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (16, 1), (17, 2), (33, 3)])
def test_lone_boxes_alone_make_a_column_that_is_not_too_tall(count: int, columns: int) -> None:
    names = [chr(ord("A") + number) for number in range(count)]
    found = places(lay_out(graph("".join(names)), BOX))
    assert len({x for x, _ in found.values()}) == columns
    assert found["A"] == (24, 24)
    if columns > 1:
        assert found["B"] == (152, 24)


def test_an_edge_to_itself_is_a_loop() -> None:
    drawing = lay_out(graph("ab", "aa", "ab"), BOX)
    loop, line = drawing.lines
    assert loop.points == ((124, 34), (24, 34))
    assert line.points == ((124, 44), (202, 44))
    lone = lay_out(graph("a", "aa"), BOX)
    assert lone.lines[0].points == ((124, 34), (24, 34))


def test_nothing_is_a_margin() -> None:
    assert lay_out(graph(""), BOX) == Drawing(Size(24, 24), (), ())


def test_a_source_without_neighbours_on_one_side_keeps_its_rank() -> None:
    drawing = lay_out(graph("abscdz", "ad", "bc", "sz", "cz", "dz"), BOX)
    ends = [(line.points[0], line.points[-1]) for line in drawing.lines]
    between = sorted((a[1], b[1]) for a, b in ends if a[0] == 124)
    assert [y for _, y in between] == sorted(y for _, y in between)
