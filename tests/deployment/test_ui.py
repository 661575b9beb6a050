"""Both UIs as a person uses them: by clicks, in a real browser, on real servers."""

from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tools.second_checkout import Servers
from tools.ui import DagsterUI, PrefectUI, chromium

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="no chromium is installed"),
    pytest.mark.xdist_group("browser"),  # they share the servers
]


def trials(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "store" / "trial_summary").glob("*.json")}


def test_a_day_is_materialized_by_clicks_in_dagster(dev: Servers, page: Page, folder: Path) -> None:
    ui = DagsterUI(page, dev.dagster)
    ui.materialize("2016-03-08")
    assert "2016-03-08" in trials(folder)
    ui.open("/assets/metrics?view=partitions&partition=2016-03-08")
    expect(page.get_by_text("mae_h", exact=True)).to_be_visible()
    ui.open("/assets/metrics?view=checks")
    expect(page.get_by_text("Passed", exact=True).first).to_be_visible()


def test_the_pages_show_each_day_of_a_run_whose_events_came_in_batches(
    dev: Servers, page: Page, folder: Path
) -> None:
    assert "event_log_storage" in (folder / "dagster" / "dagster.yaml").read_text()
    days = ("2016-03-10", "2016-03-11", "2016-03-12")
    ui = DagsterUI(page, dev.dagster)
    ui.materialize(f"[{days[0]}...{days[-1]}]")
    assert set(days) <= trials(folder)
    for day in days:
        ui.open(f"/assets/metrics?view=partitions&partition={day}")
        expect(page.get_by_text("mae_h", exact=True)).to_be_visible()
    ui.open("/assets/metrics?view=checks&checkDetail=metrics_are_finite")
    page.get_by_role("tab", name="Partitions").last.click()
    for day in days:
        expect(page.get_by_text(day, exact=True).first).to_be_visible()


def test_the_deployment_is_run_by_clicks_in_prefect(dev: Servers, page: Page, folder: Path) -> None:
    ui = PrefectUI(page, dev.prefect)
    ui.open_form("by-hand")
    ui.submit("2016-03-09")
    assert "2016-03-09" in trials(folder)
    page.get_by_role("tab", name="Artifacts").click()
    expect(page.get_by_text("trial-summary--summary")).to_be_visible()
    page.get_by_role("tab", name="Logs").click()
    expect(page.get_by_text("2016-03-09").first).to_be_visible()


def test_the_code_location_loads_without_a_warning(dev: Servers, folder: Path) -> None:
    query = "{workspaceOrError {... on Workspace {locationEntries {name loadStatus}}}}"
    answer = requests.post(f"{dev.dagster}/graphql", json={"query": query}, timeout=300).json()
    entries = answer["data"]["workspaceOrError"]["locationEntries"]
    names = ("ticket_assets", "iris", "taxi")
    assert entries == [{"name": name, "loadStatus": "LOADED"} for name in names]
    said = (folder / "logs" / "dagster.log").read_text()
    assert [line for line in said.splitlines() if "WARNING" in line or "ERROR" in line] == []
