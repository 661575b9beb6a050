"""The lineage of a job: assets, ops, checks, and what lies between them."""

from typing import Any

import dagster as dg
import pytest

from prefect_compat.lineage.graph import (
    Column,
    ColumnDep,
    Lineage,
    LineageEdge,
    Node,
    NodeId,
    read_lineage,
)


def asset_id(*path: str) -> NodeId:
    return NodeId("asset", path)


def op_id(*path: str) -> NodeId:
    return NodeId("op", path)


def lineage_of(*assets: object, checks: tuple[Any, ...] = ()) -> Lineage:
    defs = dg.Definitions(
        assets,  # type: ignore[arg-type]
        asset_checks=checks,
        jobs=[
            dg.define_asset_job(
                "the_job", dg.AssetSelection.all() | dg.AssetSelection.checks(*checks)
            )
        ],
    )
    return read_lineage(defs.resolve_job_def("the_job"))


def test_a_job_of_ops_is_a_lineage_of_ops() -> None:
    @dg.op(description="Makes one.")
    def one() -> int:
        return 1

    @dg.op(ins={"after": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
    def wait() -> None: ...

    @dg.op(ins={"first": dg.In(int), "ready": dg.In(dg.Nothing)})
    def both(first: int) -> None: ...

    @dg.graph
    def inner(first: int) -> None:
        both(first, ready=wait(first))

    @dg.job
    def the_job() -> None:
        inner(one())

    found = read_lineage(the_job)
    assert found == Lineage(
        "the_job",
        (
            Node(("one",), "op", description="Makes one."),
            Node(("inner", "wait"), "op"),
            Node(("inner", "both"), "op"),
        ),
        (
            LineageEdge(op_id("one"), op_id("inner", "wait"), "order"),
            LineageEdge(op_id("one"), op_id("inner", "both"), "value"),
            LineageEdge(op_id("inner", "wait"), op_id("inner", "both"), "order"),
        ),
    )
    assert found.node(op_id("inner", "both")).label == "inner.both"
    with pytest.raises(KeyError):
        found.node(asset_id("one"))


def test_two_edges_between_two_ops_are_one_of_the_stronger_kind() -> None:
    @dg.op
    def one() -> int:
        return 1

    @dg.op(ins={"first": dg.In(int), "ready": dg.In(dg.Nothing)})
    def both(first: int) -> None: ...

    @dg.job
    def the_job() -> None:
        made = one()
        both(made, ready=made)

    assert read_lineage(the_job).edges == (LineageEdge(op_id("one"), op_id("both"), "value"),)


def test_every_fact_of_an_asset_is_kept() -> None:
    @dg.asset(
        key=["shop", "sales"],
        description="The sales.",
        group_name="shop",
        owners=["team:data", "a@example.com"],
        kinds={"table", "python"},
        code_version="v1",
        partitions_def=dg.StaticPartitionsDefinition(["x", "y"]),
        metadata={
            "dagster/column_schema": dg.TableSchema(
                [dg.TableColumn("price", "float64", description="euros"), dg.TableColumn("id")]
            ),
            "dagster/column_lineage": dg.TableColumnLineage(
                {
                    "price": [
                        dg.TableColumnDep(dg.AssetKey(["b"]), "cost"),
                        dg.TableColumnDep(dg.AssetKey(["a"]), "rate"),
                    ]
                }
            ),
        },
    )
    def sales() -> None: ...

    (node,) = lineage_of(sales).nodes
    assert node == Node(
        key=("shop", "sales"),
        kind="asset",
        group="shop",
        description="The sales.",
        owners=("team:data", "a@example.com"),
        kinds=("python", "table"),
        partitions="'x', 'y'",
        code_version="v1",
        columns=(Column("price", "float64", "euros"), Column("id", "string", None)),
        column_deps=(ColumnDep("price", ("a",), "rate"), ColumnDep("price", ("b",), "cost")),
    )
    assert node.label == "shop/sales"


def test_an_edge_names_its_partition_mapping() -> None:
    days = dg.DailyPartitionsDefinition("2016-03-01")

    @dg.asset(partitions_def=days)
    def daily() -> int:
        return 1

    @dg.asset(
        ins={"daily": dg.AssetIn(partition_mapping=dg.AllPartitionMapping())},
        deps=["far"],
    )
    def total(daily: dict[str, int]) -> None: ...

    found = lineage_of(daily, total)
    assert [node.label for node in found.nodes] == ["daily", "far", "total"]
    assert [node.kind for node in found.nodes] == ["asset", "external", "asset"]
    assert found.nodes[0].partitions == "Daily, starting 2016-03-01 UTC"
    assert found.nodes[0].summary == "Daily"
    assert found.edges == (
        LineageEdge(asset_id("daily"), asset_id("total"), "value", "AllPartitionMapping()"),
        LineageEdge(asset_id("far"), asset_id("total"), "order", None),
    )


def test_checks_stand_with_their_assets() -> None:
    @dg.asset
    def alone() -> None: ...

    @dg.asset
    def other() -> None: ...

    @dg.asset_check(asset=alone)
    def is_second() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset=alone)
    def is_first() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset="far")
    def is_far() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    found = lineage_of(other, alone, checks=(is_second, is_first, is_far))
    assert [(node.label, node.kind, node.checks) for node in found.nodes] == [
        ("alone", "asset", ("is_first", "is_second")),
        ("far", "external", ("is_far",)),
        ("other", "asset", ()),
    ]
    assert found.edges == ()
    assert found.nodes[0].summary == "2 checks"
    assert found.nodes[1].summary == "1 check"


def test_a_node_stands_after_all_that_it_needs() -> None:
    @dg.asset(deps=["b"])
    def a() -> None: ...

    @dg.asset
    def b() -> None: ...

    @dg.asset(deps=["a", "b"])
    def c() -> None: ...

    found = lineage_of(c, b, a)
    assert [node.label for node in found.nodes] == ["b", "a", "c"]
    assert [(str(e.upstream), str(e.downstream)) for e in found.edges] == [
        ("asset:b", "asset:a"),
        ("asset:b", "asset:c"),
        ("asset:a", "asset:c"),
    ]


@pytest.mark.parametrize(
    ("node_id", "text"),
    [
        (asset_id("a", "b"), "asset:a/b"),
        (op_id("a/b"), "op:a\\/b"),
        (asset_id("a\\"), "asset:a\\\\"),
        (asset_id("a:b\nc"), "asset:a:b\nc"),
        (op_id("", ""), "op:/"),
    ],
)
def test_an_id_has_a_text_that_leads_back(node_id: NodeId, text: str) -> None:
    assert str(node_id) == text
    assert NodeId.parse(text) == node_id
