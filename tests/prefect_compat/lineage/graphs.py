"""A lineage with every kind of node and edge, built by hand and small enough to check by eye."""

from prefect_compat.lineage.graph import Column, ColumnDep, Lineage, LineageEdge, Node

GIVEN = Node(("given",), "external", group="default")
SALES = Node(
    ("shop", "sales"),
    "asset",
    group="shop",
    description="The sales.\n\nOne row\na day.",
    owners=("team:data", "a@b.c"),
    kinds=("python", "table"),
    partitions="Daily, starting 2016-02-29 UTC",
    code_version="v1",
    checks=("is_good",),
    columns=(Column("price", "float64", "in euros"), Column("id", "int64", None)),
    column_deps=(
        ColumnDep("id", ("given",), "key"),
        ColumnDep("price", ("given",), "cost"),
        ColumnDep("price", ("other", "rates"), "rate"),
    ),
)
TOTAL = Node(("total",), "asset", group="shop", checks=("is_positive", "is_small"))
SEND = Node(("mail", "send"), "op", description="Sends it.")
EDGES = (
    LineageEdge(GIVEN.id, SALES.id, "order"),
    LineageEdge(SALES.id, SALES.id, "value", "TimeWindowPartitionMapping()"),
    LineageEdge(SALES.id, TOTAL.id, "value", "AllPartitionMapping()"),
    LineageEdge(TOTAL.id, SEND.id, "value"),
)
SHOP = Lineage("the_job", (GIVEN, SALES, TOTAL, SEND), EDGES)
