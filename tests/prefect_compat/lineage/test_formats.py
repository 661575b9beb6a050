"""Every format of a lineage tells the same graph, whatever its names."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg
import pytest
from click.testing import CliRunner

from prefect_compat.cli.main import main
from prefect_compat.errors import ConfigError, DefinitionError
from prefect_compat.lineage.document import as_document
from prefect_compat.lineage.graph import Lineage, LineageEdge, Node, NodeId, read_lineage
from prefect_compat.lineage.mermaid import flowchart
from prefect_compat.lineage.openlineage import NodeRun, job_events, run_events
from prefect_compat.lineage.page import lineage_page
from prefect_compat.lineage.svg import Status, draw
from tests import needs
from tests.projects import JOB, project

AWKWARD = """<b>"it's" & ünïcode</b> ## é"""
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def small() -> Lineage:
    """Every kind of node and edge, and names that need escaping."""

    @dg.asset(
        key=["shop", "sales"],
        description=AWKWARD,
        owners=["team:data"],
        metadata={
            "dagster/column_schema": dg.TableSchema([dg.TableColumn("price", "float64")]),
            "dagster/column_lineage": dg.TableColumnLineage(
                {"price": [dg.TableColumnDep(dg.AssetKey("given"), "cost")]}
            ),
        },
        deps=["given"],
    )
    def sales() -> int:
        return 1

    @dg.asset(ins={"sales": dg.AssetIn(dg.AssetKey(["shop", "sales"]))}, group_name="a_b")
    def total(sales: int) -> int:
        return sales

    @dg.asset(deps=[total])
    def report() -> None: ...

    @dg.asset_check(asset=total)
    def is_positive() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    defs = dg.Definitions(
        [sales, total, report, dg.AssetSpec("given")],
        asset_checks=[is_positive],
        jobs=[dg.define_asset_job("all_of_it")],
    )
    return read_lineage(defs.resolve_job_def("all_of_it"))


EDGES = {
    ("asset:given", "asset:shop/sales", "order"),
    ("asset:shop/sales", "asset:total", "value"),
    ("asset:total", "asset:report", "order"),
}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Lineage:
    return read_lineage(project(tmp_path_factory.mktemp("store")).resolve_job_def(JOB))


def edges(lineage: Lineage) -> set[tuple[str, str, str]]:
    return {(str(edge.upstream), str(edge.downstream), edge.kind) for edge in lineage.edges}


def edges_of_svg(text: str) -> set[tuple[str, str, str]]:
    return {
        (group.attrib["data-upstream"], group.attrib["data-downstream"], group.attrib["class"][5:])
        for group in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}g")
        if group.attrib.get("class", "").startswith("edge ") and "data-upstream" in group.attrib
    }


def edges_of_mermaid(text: str, lineage: Lineage) -> set[tuple[str, str, str]]:
    found = re.findall(r"^ +n(\d+) (-->|-\.->) n(\d+)$", text, flags=re.MULTILINE)
    ids = [str(node.id) for node in lineage.nodes]
    kinds = {"-->": "value", "-.->": "order"}
    return {(ids[int(up)], ids[int(down)], kinds[link]) for up, link, down in found}


def test_the_graph_is_read() -> None:
    lineage = small()
    assert edges(lineage) == EDGES
    by_label = {node.label: node for node in lineage.nodes}
    assert by_label["given"].kind == "external"
    assert by_label["total"].checks == ("is_positive",)
    assert by_label["shop/sales"].owners == ("team:data",)
    assert [node.label for node in lineage.nodes] == ["given", "shop/sales", "total", "report"]


def test_every_format_has_every_edge(ours: Lineage) -> None:
    for lineage in (small(), ours):
        assert edges_of_svg(draw(lineage)) == edges(lineage)
        assert edges_of_mermaid(flowchart(lineage), lineage) == edges(lineage)
        document = json.loads(json.dumps(as_document(lineage)))
        assert {
            (edge["upstream"], edge["downstream"], edge["kind"]) for edge in document["edges"]
        } == edges(lineage)
        page = lineage_page(lineage)
        assert edges_of_svg(page[page.index("<svg") : page.index("</svg>") + 6]) == edges(lineage)


def test_names_are_escaped() -> None:
    lineage = small()
    for text in (draw(lineage), lineage_page(lineage)):
        assert "<b>" not in text
        assert AWKWARD in unescape(text)
    assert "<b>" not in flowchart(lineage)
    assert as_document(lineage)["nodes"][1]["description"] == AWKWARD


def test_nothing_is_loaded(ours: Lineage) -> None:
    for text in (draw(ours), lineage_page(ours)):
        assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {"http://www.w3.org/2000/svg"}
        assert not re.search(r"<(script|link|img|iframe)\b|@import|url\(", text)


def test_a_status_is_shown_in_words() -> None:
    lineage = small()
    text = draw(lineage, {NodeId("asset", ("total",)): Status("different", "bad")})
    assert "✗ different" in text
    with pytest.raises(KeyError):
        draw(lineage, {NodeId("asset", ("other",)): Status("different", "bad")})


def test_the_same_in_another_process(ours: Lineage) -> None:
    code = (
        "from tests.prefect_compat.lineage.test_formats import small\n"
        "from prefect_compat.lineage.page import lineage_page\n"
        "print(lineage_page(small()), end='')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == lineage_page(small())


def layers(count: int) -> Lineage:
    """Layers of ten, each node made from two of the layer before, some from the first."""
    nodes = tuple(Node((f"a_rather_long_name_of_asset_{n}",), "asset") for n in range(count))

    def edge(upstream: int, downstream: int) -> LineageEdge:
        return LineageEdge(nodes[upstream].id, nodes[downstream].id, "value")

    pairs = {
        (upstream, n)
        for n in range(10, count)
        for upstream in (n - 10, n - 9 if n % 10 != 9 else n - 19 + 9, n % 10)
    }
    return Lineage("many", nodes, tuple(edge(up, down) for up, down in sorted(pairs) if up < down))


@pytest.mark.parametrize("lineage", [layers(300), small(), Lineage("nothing", (), ())])
def test_boxes_stand_apart_within_the_image(lineage: Lineage) -> None:
    root = ET.fromstring(draw(lineage))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    boxes = [
        tuple(float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        for group in root.iter("{http://www.w3.org/2000/svg}g")
        if group.attrib.get("class", "").startswith("node ")
        for box in group.findall("{http://www.w3.org/2000/svg}rect")
    ]
    assert len(boxes) == len(lineage.nodes)
    for number, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height
        for other_x, other_y, other_w, other_h in boxes[:number]:
            assert (
                x + w <= other_x or other_x + other_w <= x
                or y + h <= other_y or other_y + other_h <= y
            )  # fmt: skip


def demand_event(event: dict[str, Any], kind: str) -> None:
    """The specification's requirements: 2-0-2, BaseEvent, RunEvent, JobEvent, facets."""
    assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    assert event["producer"]
    assert event["schemaURL"].endswith(f"2-0-2/OpenLineage.json#/$defs/{kind}")
    assert set(event["job"]) >= {"namespace", "name"}
    for dataset in (*event["inputs"], *event["outputs"]):
        assert dataset["namespace"]
        assert dataset["name"]
        for facet in dataset.get("facets", {}).values():
            assert set(facet) >= {"_producer", "_schemaURL"}
    if kind == "RunEvent":
        UUID(event["run"]["runId"])
        assert event["eventType"] in ("START", "COMPLETE", "FAIL")
    else:
        assert "run" not in event


def test_openlineage_of_the_design(ours: Lineage) -> None:
    for lineage in (small(), ours):
        events = job_events(lineage, NOW)
        for event in events:
            demand_event(event, "JobEvent")
        assert {
            (entry["name"], event["outputs"][0]["name"])
            for event in events
            for entry in event["inputs"]
        } == {
            (up.removeprefix("asset:"), down.removeprefix("asset:"))
            for up, down, _ in edges(lineage)
        }
    facets = job_events(small(), NOW)[0]["outputs"][0]["facets"]
    assert facets["schema"]["fields"] == [{"name": "price", "type": "float64"}]
    assert facets["columnLineage"]["fields"]["price"]["inputFields"] == [
        {"namespace": "dagster", "name": "given", "field": "cost"}
    ]


def test_openlineage_of_a_run() -> None:
    lineage = small()
    ran = NodeRun(UUID(int=1), NOW, NOW + timedelta(seconds=2))
    failed = NodeRun(UUID(int=2), NOW + timedelta(seconds=2), NOW + timedelta(seconds=3), "no")
    runs = {NodeId("asset", ("shop", "sales")): ran, NodeId("asset", ("total",)): failed}
    events = run_events(lineage, runs, parent=UUID(int=3))
    for event in events:
        demand_event(event, "RunEvent")
    assert [event["eventType"] for event in events] == ["START", "COMPLETE", "START", "FAIL"]
    assert events[-1]["run"]["facets"]["errorMessage"]["message"] == "no"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no time zone"):
        job_events(small(), datetime(2026, 5, 1))


def test_names_that_would_be_one_dataset_are_refused() -> None:
    twice = Lineage("j", (Node(("a/b",), "asset"), Node(("a", "b"), "asset")), ())
    with pytest.raises(DefinitionError, match="a/b"):
        job_events(twice, NOW)


@pytest.mark.parametrize("path", [("a",), ("a", "b"), ("a/b",), ("a\\", "b"), ("a\\/b",)])
def test_an_id_s_text_is_reversible(path: tuple[str, ...]) -> None:
    assert NodeId.parse(str(NodeId("asset", path))) == NodeId("asset", path)


@pytest.mark.parametrize("form", ["html", "svg", "mermaid", "json", "openlineage"])
def test_from_the_command_line(
    form: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs.tickets()
    command = ["lineage", "-w", "workspace.yaml", "-l", "ticket_assets", "-j", JOB]
    command += ["--format", form, "-o", str(tmp_path / "out")]
    if form == "html":  # one of them as a shell starts it
        program = Path(sys.executable).parent / "prefect-compat"
        found = subprocess.run([program, *command], cwd=root, capture_output=True, check=False)
        assert found.returncode == 0, found.stderr
    else:
        monkeypatch.chdir(root)
        invoked = CliRunner().invoke(main, command)
        assert invoked.exit_code == 0, invoked.output
    text = (tmp_path / "out").read_text()
    assert "trial_summary" in text
    if form == "openlineage":
        assert [json.loads(line)["job"]["name"] for line in text.splitlines()]
