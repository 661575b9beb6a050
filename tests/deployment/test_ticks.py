"""The schedules as they run: ticks of Dagster's daemon and of Prefect's scheduler, real runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import requests
from dagster._core.scheduler.instigation import ScheduleInstigatorData
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.schedules import CronSchedule

from tests.waits import waited_for
from tools.second_checkout import ROOT, Servers
from tools.ui import DagsterUI, chromium

# They share the servers. The settings and conditions have quick tests of their own.
pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.nightly]

EVERY_MINUTE = "* * * * *"
DAYS = [f"2016-03-{day:02}" for day in range(7, 13)]


def turn_on_schedule(dev: Servers, name: str) -> None:
    """Turns it on as the UI does, without a browser."""
    selector = {
        "repositoryLocationName": "ticket_assets",
        "repositoryName": "__repository__",
        "scheduleName": name,
    }
    query = "mutation($it: ScheduleSelector!) {startSchedule(scheduleSelector: $it) {__typename}}"
    answer = requests.post(
        f"{dev.dagster}/graphql", json={"query": query, "variables": {"it": selector}}, timeout=60
    )
    assert answer.json()["data"]["startSchedule"]["__typename"] == "ScheduleStateResult"


def test_a_tick_of_dagster_s_daemon_evaluates_the_oldest_days(
    dev: Servers, folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if chromium() is None:
        turn_on_schedule(dev, "oldest_day_first")
    else:
        ui = DagsterUI(request.getfixturevalue("page"), dev.dagster)
        ui.turn_on_schedule("oldest_day_first")
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "dagster"))
    with dg.DagsterInstance.get() as instance:
        done = instance.get_materialized_partitions(dg.AssetKey("trial_summary"))
        waiting = [day for day in DAYS if day not in done]
        (state,) = (
            found
            for found in instance.all_instigator_state()
            if found.instigator_name == "oldest_day_first"
        )
        data = state.instigator_data
        assert isinstance(data, ScheduleInstigatorData)
        assert data.cron_schedule == EVERY_MINUTE

        def ended() -> list[dg.DagsterRun]:
            by_tick = dg.RunsFilter(tags={"dagster/schedule_name": "oldest_day_first"})
            runs = list(instance.get_runs(by_tick))
            return runs if runs and all(run.is_finished for run in runs) else []

        runs = waited_for(ended)
        assert sorted(run.tags["dagster/partition"] for run in runs) == waiting
        assert all(run.is_success for run in runs)
    if chromium() is not None:
        ui.open("/locations/ticket_assets/schedules/oldest_day_first")
        ui.page.get_by_text("requested").first.wait_for()


def test_dagster_s_daemon_starts_science_when_engineering_has_run(
    dev: Servers, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "dagster"))
    with dg.DagsterInstance.get() as instance:

        def is_watched() -> bool:  # what is new is new since the sensor's first look
            return any(
                state.instigator_name == "science_when_engineering_is_fresh"
                for state in instance.all_instigator_state()
            )

        assert waited_for(is_watched)
        subprocess.run(
            [
                *(str(Path(sys.executable).with_name("dagster")), "job", "execute"),
                *("-m", "examples.iris_assets.definitions", "-j", "data_engineering"),
            ],
            cwd=ROOT, env={**os.environ, "IRIS_STORE": str(folder / "iris")},
            capture_output=True, timeout=600, check=True,
        )  # fmt: skip
        accuracy = dg.AssetKey("accuracy")
        assert waited_for(lambda: instance.get_latest_materialization_event(accuracy))


class TestPrefect:
    @pytest.fixture
    def client(self, dev: Servers) -> SyncPrefectClient:
        return SyncPrefectClient(f"{dev.prefect}/api")

    def test_a_tick_of_its_scheduler_evaluates_the_oldest_day(
        self, client: SyncPrefectClient, folder: Path, dev: Servers
    ) -> None:
        trial = folder / "store" / "trial_summary" / f"{DAYS[0]}.json"
        trial.unlink(missing_ok=True)
        daily = client.read_deployment_by_name("oldest-days-first/daily")
        (each_minute,) = daily.schedules
        assert each_minute.schedule == CronSchedule(cron=EVERY_MINUTE, timezone="UTC")
        client.update_deployment_schedule(daily.id, each_minute.id, active=True)
        try:
            assert waited_for(trial.is_file)
        finally:
            client.pause_deployment(daily.id)

    def test_science_starts_when_engineering_has_completed(self, client: SyncPrefectClient) -> None:
        engineering = client.read_deployment_by_name("data-engineering/iris-engineering")
        client.create_flow_run_from_deployment(engineering.id)
        science = FlowFilter(name=FlowFilterName(any_=["data-science"]))

        def completed() -> bool:
            runs = client.read_flow_runs(flow_filter=science)
            return any(run.state is not None and run.state.is_completed() for run in runs)

        assert waited_for(completed)

    def test_a_run_takes_its_parameters_from_a_json_file(
        self, folder: Path, dev: Servers, tmp_path: Path
    ) -> None:
        parameters = {"partition": "2016-03-10", "sampled_batch": {"batch_size": 5}}
        (tmp_path / "day.json").write_text(json.dumps(parameters))
        done = self.run_deployment(dev, tmp_path / "day.json", "--watch")
        assert done.returncode == 0, done.stdout
        trial = json.loads((folder / "store" / "trial_summary" / "2016-03-10.json").read_text())
        assert trial["data"]["num_obs"] == 5

    def test_a_wrong_parameter_is_refused_before_there_is_a_run(
        self, dev: Servers, tmp_path: Path
    ) -> None:
        parameters = {"partition": "2016-03-10", "sampled_batch": {"batch_size": 0}}
        (tmp_path / "day.json").write_text(json.dumps(parameters))
        done = self.run_deployment(dev, tmp_path / "day.json")
        assert done.returncode == 1
        assert "0 is less than the minimum of 1" in done.stdout

    def run_deployment(
        self, dev: Servers, parameters: Path, *options: str
    ) -> subprocess.CompletedProcess[str]:
        prefect = str(Path(sys.executable).with_name("prefect"))
        with parameters.open() as content:
            return subprocess.run(
                [
                    *(prefect, "deployment", "run", "ticket-model-evaluation/by-hand"),
                    *("--params", "-", *options),
                ],
                env={**os.environ, "PREFECT_API_URL": f"{dev.prefect}/api", "COLUMNS": "200"},
                stdin=content, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=600, check=False,
            )  # fmt: skip
