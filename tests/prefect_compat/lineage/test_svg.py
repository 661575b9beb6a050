"""The drawing as SVG: boxes, texts, lines and legend, each in its place."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from prefect_compat.lineage.graph import Lineage, Node, NodeId
from prefect_compat.lineage.lettering import text_width
from prefect_compat.lineage.svg import Status, describe, draw
from tests.prefect_compat.lineage.graphs import SALES, SEND, SHOP, TOTAL

SVG = "{http://www.w3.org/2000/svg}"
STATUS = {SALES.id: Status("identical", "good"), TOTAL.id: Status("different", "bad")}


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)


def groups(root: ET.Element, kind: str) -> list[ET.Element]:
    return [g for g in root.iter(f"{SVG}g") if g.attrib["class"].split()[0] == kind]


def texts(element: ET.Element) -> list[tuple[str, str, str, str | None]]:
    return [
        (text.attrib["class"], text.attrib["x"], text.attrib["y"], text.text)
        for text in element.iter(f"{SVG}text")
    ]


def title(element: ET.Element) -> str | None:
    found = element.find(f"{SVG}title")
    return None if found is None else found.text


def test_each_box_has_its_texts_in_lines_around_its_middle() -> None:
    nodes = groups(parsed(draw(SHOP)), "node")
    assert [node.attrib["class"] for node in nodes] == [
        *("node external", "node asset", "node asset", "node op"),
    ]
    assert [node.attrib["data-id"] for node in nodes] == [
        *("asset:given", "asset:shop/sales", "asset:total", "op:mail/send"),
    ]
    rects = [node.find(f"{SVG}rect") for node in nodes]
    boxes = [
        [rect.attrib[name] for name in ("class", "x", "y", "width", "height", "rx")]
        for rect in rects
        if rect is not None
    ]
    # Three lines of 17 and 22 around them; 148 is the narrowest, layers lie 76 and 2 a line apart.
    assert boxes == [
        ["box", "24", "24", "148", "73", "6"],
        ["box", "250", "24", "148", "73", "6"],
        ["box", "476", "24", "148", "73", "6"],
        ["box", "702", "24", "148", "73", "20"],
    ]
    assert [texts(node) for node in nodes] == [
        [("label", "38", "64.5", "given")],
        [
            ("group", "264", "47.5", "shop"),
            ("label", "264", "64.5", "shop/sales"),
            ("summary", "264", "81.5", "Daily · 1 check"),
        ],
        [
            ("group", "490", "47.5", "shop"),
            ("label", "490", "64.5", "total"),
            ("summary", "490", "81.5", "2 checks"),
        ],
        [("label", "716", "64.5", "mail.send")],
    ]


def test_a_hint_says_all_that_a_box_has_no_room_for() -> None:
    nodes = groups(parsed(draw(SHOP, STATUS)), "node")
    assert [title(node) for node in nodes] == [
        "given\nexternal asset, only read\ngroup default",
        "shop/sales\nidentical\nasset\ngroup shop\nDaily, starting 2016-02-29 UTC\n"
        "checks: is_good\nThe sales.\n\nOne row\na day.",
        "total\ndifferent\nasset\ngroup shop\nchecks: is_positive, is_small",
        "mail.send\nop without assets\nSends it.",
    ]


def test_a_status_stands_at_the_right_end_of_the_first_line() -> None:
    nodes = groups(parsed(draw(SHOP, STATUS)), "node")
    assert [node.attrib["class"] for node in nodes] == [
        *("node external", "node asset good", "node asset bad", "node op"),
    ]
    # "shop" is 2.44 letters wide at 11 pixels; a status gets 96 more, and the padding is 28.
    assert texts(nodes[1])[:2] == [
        ("status good", "389.7", "47.5", "✓ identical"),
        ("group", "266.8", "47.5", "shop"),
    ]
    assert texts(nodes[2])[0] == ("status bad", "618.5", "47.5", "✗ different")
    (status,) = (t for t in nodes[1].iter(f"{SVG}text") if t.attrib["class"] == "status good")
    assert status.attrib["text-anchor"] == "end"


def test_a_long_name_is_cut_and_a_group_without_room_is_left_out() -> None:
    long = Node(("x" * 100,), "asset", group="g" * 100)
    status = {long.id: Status("s" * 100, "warn")}
    root = parsed(draw(Lineage("j", (long,), ()), status))
    (node,) = groups(root, "node")
    rect = node.find(f"{SVG}rect")
    assert rect is not None
    assert rect.attrib["width"] == "248"
    shown = texts(node)
    assert [text[0] for text in shown] == ["status warn", "label"]
    assert all((text[3] or "").endswith("…") for text in shown)
    (plain,) = groups(parsed(draw(Lineage("j", (long,), ()))), "node")
    assert [text[0] for text in texts(plain)] == ["group", "label"]
    some = {long.id: Status("different", "bad")}
    (short,) = groups(parsed(draw(Lineage("j", (long,), ()), some)), "node")
    assert [text[0] for text in texts(short)] == ["status bad", "group", "label"]
    assert len(texts(short)[1][3] or "") < len(texts(plain)[0][3] or "")


@pytest.mark.parametrize(
    ("node", "status", "height"),
    [
        (Node(("a",), "asset"), None, "39"),
        (Node(("a",), "asset", group="default"), None, "39"),
        (Node(("a",), "asset", group="g"), None, "56"),
        (Node(("a",), "asset"), Status("different", "bad"), "56"),
        (Node(("a",), "asset", checks=("c",)), None, "56"),
        (Node(("a",), "asset", group="g", checks=("c",)), None, "73"),
    ],
)
def test_a_box_is_as_high_as_its_lines(node: Node, status: Status | None, height: str) -> None:
    root = parsed(draw(Lineage("j", (node,), ()), {node.id: status} if status else None))
    rect = groups(root, "node")[0].find(f"{SVG}rect")
    assert rect is not None
    assert rect.attrib["height"] == height
    (label,) = (t for t in texts(groups(root, "node")[0]) if t[0] == "label")
    lines = (int(height) - 22) // 17
    first = 24 + int(height) / 2 - 17 * (lines - 1) / 2 + 4
    has_top = bool(status or node.group == "g")
    assert float(label[2]) == first + 17 * has_top


def test_an_op_is_round() -> None:
    (node,) = groups(parsed(draw(Lineage("j", (Node(("a",), "op"),), ()))), "node")
    rect = node.find(f"{SVG}rect")
    assert rect is not None
    assert rect.attrib["rx"] == "19.5"


def test_each_line_has_its_path_and_its_tip() -> None:
    edges = groups(parsed(draw(SHOP)), "edge")
    assert [
        (e.attrib["class"], e.attrib["data-upstream"], e.attrib["data-downstream"]) for e in edges
    ] == [
        ("edge order", "asset:given", "asset:shop/sales"),
        ("edge value", "asset:shop/sales", "asset:shop/sales"),
        ("edge value", "asset:shop/sales", "asset:total"),
        ("edge value", "asset:total", "op:mail/send"),
    ]
    paths = [[(p.attrib["class"], p.attrib["d"]) for p in e.iter(f"{SVG}path")] for e in edges]
    assert paths[0] == [
        ("line", "M172 60.5C211 60.5 211 60.5 250 60.5"),
        ("tip", "M250 60.5l-8 -4v8z"),
    ]
    assert paths[1] == [
        (
            "line",
            "M398 42.2C416 42.2 416 12.2 390 12.2L258 12.2C228 12.2 228 42.2 250 42.2",
        ),
        ("tip", "M250 42.2l-8 -4v8z"),
    ]
    assert [title(edge) for edge in edges] == [
        "given → shop/sales: order only",
        "shop/sales → shop/sales: loads the value\nTimeWindowPartitionMapping()",
        "shop/sales → total: loads the value\nAllPartitionMapping()",
        "total → mail.send: loads the value",
    ]


def test_a_line_over_a_layer_is_one_path() -> None:
    over = replace(SHOP.edges[0], downstream=TOTAL.id)
    root = parsed(draw(replace(SHOP, edges=(*SHOP.edges, over))))
    path = groups(root, "edge")[-1].find(f"{SVG}path")
    assert path is not None
    d = path.attrib["d"]
    assert (d[0], d.count("M"), d.count("C"), d.count("L")) == ("M", 1, 2, 1)
    end = " ".join(d.split()[-2:])
    tip = groups(root, "edge")[-1].findall(f"{SVG}path")[1]
    assert tip.attrib["d"] == f"M{end}l-8 -4v8z"
    _, _, second = d.partition("L")
    start, _, curve = second.partition("C")
    x, y = map(float, start.split())
    numbers = [float(part) for part in curve.split()]
    middle = (x + numbers[4]) / 2
    assert numbers[:4] == [pytest.approx(middle, abs=0.1), y, pytest.approx(middle, abs=0.1),
                           numbers[5]]  # fmt: skip


def test_the_legend_stands_below_the_drawing() -> None:
    root = parsed(draw(SHOP, {**STATUS, SEND.id: Status("identical", "good")}))
    (legend,) = groups(root, "legend")
    entries = texts(legend)
    assert [(kind, words) for kind, _, _, words in entries] == [
        ("word", "asset"),
        ("word", "external asset, only read"),
        ("word", "op without assets"),
        ("word", "loads the value"),
        ("word", "order only"),
        ("status bad", "✗ different"),
        ("status good", "✓ identical"),
    ]
    assert [g.attrib["class"] for g in legend.iter(f"{SVG}g")] == [
        *("legend", "asset", "external", "op", "value", "order"),
    ]
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert root.attrib["width"] == root.attrib["viewBox"].split()[2]
    assert root.attrib["height"] == root.attrib["viewBox"].split()[3]
    # The boxes end at 97, the drawing 24 lower; the first row is 8 lower still, its text 4 more.
    assert entries[0][1:3] == ("58", "133")
    rect = legend.find(f".//{SVG}rect")
    assert rect is not None
    assert [rect.attrib[n] for n in ("x", "y", "width", "height", "rx")] == [
        *("24", "122", "26", "14", "6"),
    ]
    assert (width, height) == (885.4, 175)
    x, places = 24.0, []
    for kind, _, y, words in entries:
        swatch = 34 if kind == "word" else 0
        places.append((f"{x + swatch:.1f}".removesuffix(".0"), y))
        x += swatch + text_width(words or "", 11) + 24
        if y == "133" and len(places) == len([e for e in entries if e[2] == "133"]):
            x = 24.0
    assert [entry[1:3] for entry in entries] == places
    assert {y for _, y in places} == {"133", "155"}
    swatches = [p.attrib["d"] for p in legend.iter(f"{SVG}path")]
    assert swatches[0].endswith(f"H{float(swatches[0][1:].split()[0]) + 26:.1f}".removesuffix(".0"))
    assert swatches[1] == f"M{swatches[0].partition('H')[2]} 129l-8 -4v8z"


def test_the_legend_breaks_into_rows_and_may_be_wider_than_the_drawing() -> None:
    node, other = Node(("a",), "asset"), Node(("b",), "op")
    root = parsed(draw(Lineage("j", (node, other), ())))
    (legend,) = groups(root, "legend")
    rows = [(x, y) for _, x, y, _ in texts(legend)]
    assert rows[0][1] == rows[1][1]
    assert float(root.attrib["width"]) > 24 + 148 + 24
    external = Node(("c",), "external")
    many = {n.id: Status(f"a rather long word {n.label}", "bad") for n in (node, other, external)}
    tall = parsed(draw(Lineage("j", (node, other, external), ()), many))
    (legend,) = groups(tall, "legend")
    ys = [float(y) for _, _, y, _ in texts(legend)]
    assert sorted(set(ys)) == [min(ys) + 22 * number for number in range(len(set(ys)))]
    assert len(set(ys)) > 2
    right = float(tall.attrib["width"]) - 24
    assert all(float(x) < right for _, x, _, _ in texts(legend))
    assert float(tall.attrib["height"]) == max(ys) - 4 + 24


def test_one_kind_of_everything_needs_no_legend() -> None:
    lineage = Lineage("j", (TOTAL,), ())
    assert groups(parsed(draw(lineage, {TOTAL.id: Status("identical", "good")})), "legend") == []


def test_the_drawing_is_described_in_words() -> None:
    assert describe(SHOP, STATUS) == (
        "given is only read. shop/sales (identical) depends on given, loads its own earlier"
        " partitions. total (different) loads shop/sales. mail.send loads total."
    )
    assert describe(Lineage("j", (TOTAL,), ()), {}) == "total depends on nothing."
    assert describe(Lineage("j", (), ()), {}) == "The lineage is empty."


def test_title_and_description_are_named_once_a_drawing() -> None:
    root, other = parsed(draw(SHOP)), parsed(draw(SHOP, STATUS))
    heading, words = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert heading is not None
    assert words is not None
    assert heading.text == "Lineage of the_job"
    assert words.text == describe(SHOP, {})
    assert root.attrib["aria-labelledby"] == heading.attrib["id"]
    assert root.attrib["aria-describedby"] == words.attrib["id"]
    assert root.attrib["role"] == "img"
    assert root.attrib["class"] == "lineage"
    assert root.attrib["aria-labelledby"] != other.attrib["aria-labelledby"]


def test_a_status_of_an_unknown_node_is_refused() -> None:
    with pytest.raises(KeyError):
        draw(SHOP, {NodeId("op", ("total",)): Status("different", "bad")})


def test_what_xml_does_not_allow_is_replaced() -> None:
    node = Node(("a\x00\ud800\ufffeb",), "asset")
    (box,) = groups(parsed(draw(Lineage("j", (node,), ()))), "node")
    assert texts(box)[0][3] == "a\ufffd\ufffd\ufffdb"
