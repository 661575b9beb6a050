"""The page of a lineage: its tables say the same as the graph, each side in its own column."""

from dataclasses import replace

from prefect_compat.lineage.graph import Lineage, Node, NodeId
from prefect_compat.lineage.page import lineage_page
from prefect_compat.lineage.svg import Status
from tests.prefect_compat.comparison.report.compared import Reader
from tests.prefect_compat.lineage.graphs import SALES, SHOP, TOTAL

NONE = "\u2013"


def table(page: str, name: str) -> list[list[str]]:
    return [[" ".join(cell.split()) for cell in row] for row in Reader(page).tables[name]]


def test_each_node_has_a_row() -> None:
    assert table(lineage_page(SHOP), "Assets") == [
        ["Key", "Group", "Description", "Partitions", "Upstream", "Downstream", "Checks", "Owners",
         "Kinds", "Code version"],
        ["given external asset, only read", "default", NONE, NONE, NONE, "shop/sales", NONE, NONE,
         NONE, NONE],
        ["shop/sales", "shop", "The sales.One row a day.", "Daily, starting 2016-02-29 UTC",
         "givenshop/sales", "shop/salestotal", "is_good", "team:dataa@b.c", "pythontable", "v1"],
        ["total", "shop", NONE, NONE, "shop/sales", "mail.send", "is_positiveis_small", NONE, NONE,
         NONE],
        ["mail.send op without assets", NONE, "Sends it.", NONE, "total", NONE, NONE, NONE, NONE,
         NONE],
    ]  # fmt: skip


def test_each_edge_has_a_row() -> None:
    assert table(lineage_page(SHOP), "Dependencies") == [
        ["Downstream", "Upstream", "Kind", "Partition mapping"],
        ["shop/sales", "given", "order only", NONE],
        ["shop/sales", "shop/sales", "loads the value", "TimeWindowPartitionMapping()"],
        ["total", "shop/sales", "loads the value", "AllPartitionMapping()"],
        ["mail.send", "total", "loads the value", NONE],
    ]


def test_links_lead_to_the_row_of_their_node() -> None:
    page = lineage_page(SHOP)
    reader = Reader(page)
    rows = [a["id"] for tag, a in reader.elements if tag == "tr" and "id" in a]
    assert rows == ["n0", "n1", "n2", "n3"]
    links = [a["href"] for tag, a in reader.elements if tag == "a"]
    assert links == [
        *("#n1", "#n0", "#n1", "#n1", "#n2", "#n1", "#n3", "#n2"),  # up, then down, row by row
        *("#n1", "#n0", "#n1", "#n1", "#n2", "#n1", "#n3", "#n2"),  # edge by edge
    ]


def test_a_status_stands_in_its_own_column() -> None:
    page = lineage_page(SHOP, {TOTAL.id: Status("different", "bad")})
    assert [row[:2] for row in table(page, "Assets")] == [
        ["Key", "Status"],
        ["given external asset, only read", NONE],
        ["shop/sales", NONE],
        ["total", "✗ different"],
        ["mail.send op without assets", NONE],
    ]
    nodes = [a for tag, a in Reader(page).elements if tag == "g" and "data-id" in a]
    drawn = {str(a["data-id"]): a["class"] for a in nodes}
    assert drawn["asset:total"] == "node asset bad"
    assert drawn["asset:shop/sales"] == "node asset"


def test_the_page_is_named_after_the_job() -> None:
    assert Reader(lineage_page(SHOP)).headings[0] == "the_job"


def counts(lineage: Lineage) -> str:
    return Reader(lineage_page(lineage)).paragraphs[0]


def test_nodes_and_checks_are_counted() -> None:
    assert counts(SHOP) == "Lineage of the job: 2 assets, 1 op, 1 external asset, 3 checks."
    assert counts(Lineage("j", (), ())) == "Lineage of the job."
    nodes = (
        Node(("a",), "asset", checks=("c",)),
        Node(("b",), "external"),
        Node(("c",), "external"),
    )
    assert counts(Lineage("j", nodes, ())) == (
        "Lineage of the job: 1 asset, 2 external assets, 1 check."
    )


def test_two_edges_between_two_nodes_are_one_link() -> None:
    twice = (SHOP.edges[2], replace(SHOP.edges[2], kind="order"))
    page = lineage_page(replace(SHOP, edges=twice))
    rows = {row[0]: row for row in table(page, "Assets")}
    assert rows["shop/sales"][5] == "total"
    assert rows["total"][4] == "shop/sales"
    assert len(table(page, "Dependencies")) == 3
    assert NodeId("asset", SALES.key) == SALES.id
