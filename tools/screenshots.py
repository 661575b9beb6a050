"""Takes the documentation's screenshots of both UIs and of the comparison's page.

The UIs show a backfill of the year, a report, and a run of a deployment.

python -m tools.screenshots [--into docs/images]
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Page, expect

from tools.second_checkout import ROOT, environment_of, servers
from tools.ui import HEIGHT, JOB, LOCATION, WIDTH, DagsterUI, PrefectUI, browser_page

WIDE, TALL = 2000, 1500
TICKETS = '+key:"evaluation_report" or +key:"performance_report" or +key:"trial_summary"'
SETTLE_MS = 2500  # until animations have ended
YEAR, MONTH = "[2016-02-29...2017-02-18]", "2016-03-01...2016-03-31"


@dataclass(frozen=True)
class Album:
    """Screenshots of one browser page, saved in a folder."""

    page: Page
    folder: Path

    def take(self, name: str, height: int = HEIGHT, width: int = WIDTH) -> None:
        """Saves `name.png` with few colours: pages are drawings, not photographs."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.wait_for_timeout(SETTLE_MS)
        path = self.folder / f"{name}.png"
        self.page.screenshot(path=path)
        Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)
        print(path)


def of_dagster(ui: DagsterUI, album: Album) -> None:
    """Takes a backfill of the year, the lineage, the pages of an asset, and the launchpad."""
    page = album.page
    ui.materialize(YEAR)
    album.take("dagster-backfill")
    ui.open(f"/locations/{LOCATION}/jobs/ticket_performance_report")
    page.get_by_role("button", name="Materialize").first.click()
    ui.view_run()
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    page.set_viewport_size({"width": WIDE, "height": TALL})
    ui.open(f"/asset-groups~{quote(TICKETS, safe='')}/")
    page.get_by_role("button", name="Materialize all").first.wait_for()
    page.keyboard.press("Alt+e")  # expand all groups; the next page is fitted to them
    page.reload()
    page.get_by_text("trial_summary").first.wait_for()
    album.take("dagster-lineage", TALL, WIDE)
    ui.open("/assets/metrics")
    page.get_by_role("button", name="Plots").click()
    page.get_by_role("button", name="Events").click()  # of partitions, see docs/faq.md
    page.get_by_text("mse_h2").first.wait_for()
    album.take("dagster-asset", 1400)
    ui.open("/assets/metrics?view=partitions&partition=2016-03-08")
    page.get_by_text("mae_h", exact=True).wait_for()
    album.take("dagster-partitions")
    ui.open("/assets/metrics?view=checks&checkDetail=metrics_are_finite")
    page.get_by_text("Execution history").wait_for()
    page.get_by_role("tab", name="Partitions").last.click()
    album.take("dagster-checks")
    ui.open("/assets/metrics?view=events")
    page.get_by_text("[Show Markdown]").first.click()
    album.take("dagster-plot")
    ui.open(f"/locations/{LOCATION}/jobs/{JOB}/playground")
    album.take("dagster-launchpad")


def of_prefect(ui: PrefectUI, album: Album) -> None:
    """Takes a deployment's form, the flow run that it starts, and its artifacts."""
    page = album.page
    ui.open_form("by-hand")
    album.take("prefect-form", 1400)
    ui.submit(MONTH)
    album.take("prefect-run")
    page.get_by_role("tab", name="Artifacts").click()
    album.take("prefect-artifacts", 1500)
    ui.open("/artifacts/key/metrics")
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    album.take("prefect-metrics")


def of_comparison(album: Album, folder: Path) -> None:
    """Takes the page that `prefect-compat compare --html` writes."""
    written = folder / "comparison.html"
    command = ["prefect-compat", "compare", "-m", "ticket_assets.definitions", "-j", JOB]
    subprocess.run(
        [
            str(Path(sys.executable).with_name(command[0])),
            *(*command[1:], "--partition", MONTH, "--html", str(written)),
        ],
        cwd=ROOT,
        env=environment_of(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    album.page.goto(written.as_uri())
    album.take("comparison", 1200)


def main() -> None:
    """Takes all screenshots, or those of one part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--into", type=Path, default=ROOT / "docs" / "images", help="folder of the pictures"
    )
    parser.add_argument(
        "--only", choices=["dagster", "prefect", "comparison"], help="take only this part"
    )
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, browser_page() as page:
        folder, album = Path(name), Album(page, options.into)
        parts: dict[str, Callable[[], None]] = {}
        # The pictures then show no folder of the person who takes them.
        with servers(folder, {"TICKET_CACHE": str(folder / "cache")}) as dev:
            parts["dagster"] = lambda: of_dagster(DagsterUI(page, dev.dagster), album)
            parts["prefect"] = lambda: of_prefect(PrefectUI(page, dev.prefect), album)
            for part, taken in parts.items():
                if options.only in (None, part):
                    taken()
        if options.only in (None, "comparison"):
            of_comparison(album, folder / "compared")


if __name__ == "__main__":
    main()
