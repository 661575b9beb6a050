"""A person's actions in both UIs, by clicks in a real browser (Debian's chromium)."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Page, expect, sync_playwright

WIDTH, HEIGHT = 1440, 900
# A run in a worker's own process imports both orchestrators first.
WAIT_MS = 120_000
JOB = "ticket_model_evaluation"
LOCATION = "ticket_assets"
# Without a network, chromium's own background requests fail many times a second.
OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage"
)


def chromium() -> str | None:
    """The path of this machine's chromium, if it has one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser_page() -> Iterator[Page]:
    """Yields an empty page of a new browser profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=OPTIONS.split())
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        yield page
        browser.close()


@dataclass(frozen=True)
class DagsterUI:
    """Dagster's UI, as `dagster dev` serves it."""

    page: Page
    address: str

    def open(self, path: str) -> None:
        self.page.goto(f"{self.address}{path}")

    def materialize(self, days: str) -> None:
        """Launches a day (`2016-03-08`) or a range (`[2016-03-01...2016-03-31]`) on the job's page.

        Waits on the page of the run or backfill until it has succeeded.
        """
        self.open(f"/locations/{LOCATION}/jobs/{JOB}")
        self.page.get_by_role("button", name="Materialize all").first.click()
        box = self.page.get_by_placeholder("ex: 2016")
        box.fill(days)
        box.press("Enter")
        self.page.get_by_role("button", name="Launch").click()
        self.view_run()
        of_run = self.page.get_by_text("Success", exact=True)
        expect(of_run.or_(self.page.get_by_text("100% completed")).first).to_be_visible()

    def view_run(self) -> None:
        """Opens the page of the run or backfill that was just launched."""
        self.page.get_by_text("View", exact=True).click()
        self.page.wait_for_url("**/runs/**")

    def turn_on_schedule(self, name: str) -> None:
        """Turns the schedule on, on its page, if it is off."""
        self.open(f"/locations/{LOCATION}/schedules/{name}")
        switch = self.page.get_by_role("checkbox").first
        expect(switch).to_be_attached()
        if not switch.is_checked():
            switch.locator("xpath=..").click()  # the input itself is outside of the visible area
        expect(switch).to_be_checked()


@dataclass(frozen=True)
class PrefectUI:
    """The UI of Prefect's own server, in the version that its root redirects to."""

    page: Page
    address: str

    def open(self, path: str) -> None:
        self.page.goto(f"{self.address}/v2{path}")

    def open_form(self, deployment: str) -> None:
        """Opens the form for a custom run of the deployment."""
        self.open("/deployments")
        self.page.get_by_role("link", name=deployment, exact=True).click()
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Custom run").click()
        expect(self.page.get_by_role("button", name="Submit")).to_be_visible()

    def submit(self, partition: str) -> None:
        """Submits the form, and waits on the flow run's page until the run is completed."""
        self.page.get_by_role("textbox", name="partition").fill(partition)
        self.page.get_by_role("button", name="Submit").click()
        self.page.wait_for_url("**tab=Runs**")
        self.open("/runs")
        self.page.get_by_role("link", name=f"{JOB} {partition}").first.click()
        self.page.wait_for_url("**/runs/flow-run/**")
        expect(self.page.get_by_text("Completed", exact=True).first).to_be_visible()
