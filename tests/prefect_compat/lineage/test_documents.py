"""The formats for machines, value for value."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from prefect_compat.errors import ConfigError, DefinitionError
from prefect_compat.lineage.document import as_document
from prefect_compat.lineage.graph import Lineage, Node
from prefect_compat.lineage.mermaid import flowchart
from prefect_compat.lineage.openlineage import NodeRun, Origin, job_events, run_events
from tests.prefect_compat.lineage.graphs import GIVEN, SALES, SEND, SHOP, TOTAL

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_the_json_document() -> None:
    document = as_document(SHOP)
    assert {**document, "nodes": document["nodes"][1:2]} == {
        "version": 1,
        "name": "the_job",
        "nodes": [
            {
                "id": "asset:shop/sales",
                "key": ["shop", "sales"],
                "label": "shop/sales",
                "kind": "asset",
                "group": "shop",
                "description": "The sales.\n\nOne row\na day.",
                "owners": ["team:data", "a@b.c"],
                "kinds": ["python", "table"],
                "partitions": "Daily, starting 2016-02-29 UTC",
                "code_version": "v1",
                "checks": ["is_good"],
                "columns": [
                    {"name": "price", "type": "float64", "description": "in euros"},
                    {"name": "id", "type": "int64", "description": None},
                ],
                "column_lineage": [
                    {"column": "id", "upstream": ["given"], "upstream_column": "key"},
                    {"column": "price", "upstream": ["given"], "upstream_column": "cost"},
                    {"column": "price", "upstream": ["other", "rates"], "upstream_column": "rate"},
                ],
            }
        ],
        "edges": [
            edge("asset:given", "asset:shop/sales", "order", None),
            edge("asset:shop/sales", "asset:shop/sales", "value", "TimeWindowPartitionMapping()"),
            edge("asset:shop/sales", "asset:total", "value", "AllPartitionMapping()"),
            edge("asset:total", "op:mail/send", "value", None),
        ],
    }
    assert [node["label"] for node in document["nodes"]] == [
        *("given", "shop/sales", "total", "mail.send"),
    ]


def edge(upstream: str, downstream: str, kind: str, mapping: str | None) -> dict[str, str | None]:
    return {
        "upstream": upstream,
        "downstream": downstream,
        "kind": kind,
        "partition_mapping": mapping,
    }


def test_the_flowchart() -> None:
    assert flowchart(SHOP) == (
        "flowchart LR\n"
        '    n0(["given"])\n'
        '    n1["shop/sales<br>Daily · 1 check"]\n'
        '    n2["total<br>2 checks"]\n'
        '    n3[["mail.send"]]\n'
        "    n0 -.-> n1\n"
        "    n1 --> n1\n"
        "    n1 --> n2\n"
        "    n2 --> n3\n"
        "    classDef external stroke-dasharray: 5 4\n"
        "    class n0 external\n"
    )
    two = (GIVEN, Node(('a"b\n [x]',), "external"))
    assert flowchart(Lineage("j", two, ())) == (
        "flowchart LR\n"
        '    n0(["given"])\n'
        '    n1(["a#34;b #91;x#93;"])\n'
        "    classDef external stroke-dasharray: 5 4\n"
        "    class n0,n1 external\n"
    )
    assert flowchart(Lineage("j", (TOTAL,), ())) == 'flowchart LR\n    n0["total<br>2 checks"]\n'


FACETS = "https://openlineage.io/spec/facets"
SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"


def facet(path: str, **content: Any) -> dict[str, Any]:
    name = path.partition("/")[2]
    schema = f"{FACETS}/{path}.json#/$defs/{name}"
    return {"_producer": "urn:me", "_schemaURL": schema, **content}


def job(name: str, kind: str) -> dict[str, Any]:
    job_type = facet(
        "2-0-3/JobTypeJobFacet", processingType="BATCH", integration="DAGSTER", jobType=kind
    )
    return {"namespace": "mine", "name": name, "facets": {"jobType": job_type}}


def dataset(name: str, **facets: Any) -> dict[str, Any]:
    return {"namespace": "dagster", "name": name, "facets": facets}


OWN = {
    "schema": facet(
        "1-1-1/SchemaDatasetFacet",
        fields=[
            {"name": "price", "type": "float64", "description": "in euros"},
            {"name": "id", "type": "int64"},
        ],
    ),
    "documentation": facet(
        "1-0-1/DocumentationDatasetFacet", description="The sales.\n\nOne row\na day."
    ),
    "ownership": facet(
        "1-0-1/OwnershipDatasetFacet", owners=[{"name": "team:data"}, {"name": "a@b.c"}]
    ),
}
COLUMNS = facet(
    "1-2-0/ColumnLineageDatasetFacet",
    fields={
        "id": {"inputFields": [{"namespace": "dagster", "name": "given", "field": "key"}]},
        "price": {
            "inputFields": [
                {"namespace": "dagster", "name": "given", "field": "cost"},
                {"namespace": "dagster", "name": "other/rates", "field": "rate"},
            ]
        },
    },
)
ORIGIN = Origin("mine", "urn:me")
ABOUT_SALES = {
    "job": job("the_job.shop/sales", "ASSET"),
    "inputs": [dataset("given"), dataset("shop/sales", **OWN)],
    "outputs": [dataset("shop/sales", **OWN, columnLineage=COLUMNS)],
}
ABOUT_SEND = {
    "job": job("the_job.mail.send", "OP"),
    "inputs": [dataset("total")],
    "outputs": [
        {
            "namespace": "dagster.ops",
            "name": "the_job.mail.send",
            "facets": {
                "documentation": facet("1-0-1/DocumentationDatasetFacet", description="Sends it.")
            },
        }
    ],
}


def test_the_events_of_a_design() -> None:
    base = {
        "eventTime": "2026-05-01T00:00:00+00:00",
        "producer": "urn:me",
        "schemaURL": f"{SPEC}/JobEvent",
    }
    events = job_events(SHOP, NOW, ORIGIN)
    assert events == [
        {**base, **ABOUT_SALES},
        {
            **base,
            "job": job("the_job.total", "ASSET"),
            "inputs": [dataset("shop/sales", **OWN)],
            "outputs": [dataset("total")],
        },
        {**base, **ABOUT_SEND},
    ]
    (event, *_) = job_events(SHOP, NOW)
    assert (event["producer"], event["job"]["namespace"]) == ("urn:prefect-compat", "dagster")


SALES_RUN, SEND_RUN, JOB_RUN = (UUID(int=number) for number in (1, 2, 3))


def run_event(time: datetime, kind: str, run_id: UUID, facets: Any, about: Any) -> dict[str, Any]:
    return {
        "eventTime": time.isoformat(),
        "producer": "urn:me",
        "schemaURL": f"{SPEC}/RunEvent",
        "eventType": kind,
        "run": {"runId": str(run_id), "facets": facets},
        **about,
    }


def test_the_events_of_a_run_come_by_time() -> None:
    later = [NOW + timedelta(seconds=seconds) for seconds in range(4)]
    elsewhere = timezone(timedelta(hours=2))
    runs = {
        SEND.id: NodeRun(SEND_RUN, later[2].astimezone(elsewhere), later[3], "no mail"),
        SALES.id: NodeRun(SALES_RUN, later[0], later[1]),
    }
    parent = facet(
        "1-1-0/ParentRunFacet",
        run={"runId": str(JOB_RUN)},
        job={"namespace": "mine", "name": "the_job"},
    )
    error = facet("1-0-1/ErrorMessageRunFacet", message="no mail", programmingLanguage="PYTHON")
    under, failed = {"parent": parent}, {"parent": parent, "errorMessage": error}
    assert run_events(SHOP, runs, JOB_RUN, ORIGIN) == [
        run_event(later[0], "START", SALES_RUN, under, ABOUT_SALES),
        run_event(later[1], "COMPLETE", SALES_RUN, under, ABOUT_SALES),
        run_event(later[2].astimezone(elsewhere), "START", SEND_RUN, under, ABOUT_SEND),
        run_event(later[3], "FAIL", SEND_RUN, failed, ABOUT_SEND),
    ]
    alone = run_events(SHOP, {SEND.id: runs[SEND.id]}, origin=ORIGIN)
    assert [event["run"]["facets"] for event in alone] == [{}, {"errorMessage": error}]
    assert run_events(SHOP, runs)[0]["producer"] == "urn:prefect-compat"


def test_events_of_one_instant_come_by_job_and_start_first() -> None:
    run = NodeRun(SALES_RUN, NOW, NOW)
    events = run_events(SHOP, {TOTAL.id: run, SALES.id: run})
    assert [(event["job"]["name"], event["eventType"]) for event in events] == [
        ("the_job.shop/sales", "START"),
        ("the_job.shop/sales", "COMPLETE"),
        ("the_job.total", "START"),
        ("the_job.total", "COMPLETE"),
    ]


def test_a_time_without_a_zone_is_named() -> None:
    expected = (
        "The event time 2026-05-01T00:00:00 has no time zone; OpenLineage expects an instant."
        " Pass a datetime with tzinfo, such as UTC."
    )
    with pytest.raises(ConfigError) as caught:
        job_events(SHOP, NOW.replace(tzinfo=None))
    assert str(caught.value) == expected


def test_names_that_collide_are_listed() -> None:
    nodes = [Node(key, "asset") for key in (("b/c",), ("b", "c"), ("a/b",), ("a", "b"), ("d",))]
    with pytest.raises(DefinitionError) as caught:
        run_events(Lineage("j", tuple(nodes), ()), {})
    assert str(caught.value) == (
        "j: several assets have the OpenLineage names a/b, b/c; each name must be unique."
        " Rename the assets that have a slash inside a part of their key."
    )
    op = Node(("d",), "op")
    assert run_events(Lineage("j", (nodes[4], op), ()), {}) == []
