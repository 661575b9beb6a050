"""The taxi project as its users run it, under either orchestrator."""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from examples.taxi_assets import trips
from examples.taxi_assets.assets import FIRST_DAY, HOURS, TripFiles
from examples.taxi_assets.cluster import DaskCluster, _clusters, _is_up
from examples.taxi_assets.definitions import defs
from prefect_compat import as_flow
from prefect_compat.errors import StepError
from tests.projects import failure
from tests.webhook import Webhook

pytestmark = pytest.mark.xdist_group("taxi")  # they share what took long to make


def faults(hour: str) -> int:
    """The number of attempts in a row that meet a fault."""
    nothing = pd.DataFrame({"tip_amount": []})
    for attempt in range(6):
        try:
            trips.clean(nothing, hour, attempt, 0)
        except trips.PassingFault:
            continue
        return attempt
    return 6


KEYS = HOURS.get_partition_keys()
HOUR = next(key for key in KEYS if faults(key) == 2)
EASY_HOUR = next(key for key in KEYS if faults(key) == 0)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def config(store: Path, **source: Any) -> dict[str, Any]:
    """Run config that puts everything into the store; few trips, so that it is quick."""
    return {
        "ops": {"trip_files": {"config": {"rows_per_hour": 20}}},
        "resources": {
            "io_manager": {"config": {"store": str(store), "template": "{asset}"}},
            "between_steps": {"config": {"base_dir": str(store / "steps")}},
            "source": {"config": {"folder": str(store / "trips"), **source}},
        },
    }


def run(
    job: str, instance: dg.DagsterInstance, run_config: dict[str, Any], **options: Any
) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance, run_config=run_config, **options
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of one run of `taxi` under Dagster."""
    store = tmp_path_factory.mktemp("taxi")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run("taxi", instance, config(store), raise_on_error=False)
        assert result.success, failure(result)
        retried = {e.step_key for e in result.all_events if e.is_step_up_for_retry}
        assert f"most_generous_trips.clean[{HOUR.replace('-', '_')}]" in retried
    return store


def all_trips(store: Path) -> pd.DataFrame:
    files = sorted((store / "trips").glob("*.csv"))
    return pd.concat([pd.read_csv(path, parse_dates=[trips.PICKUP]) for path in files])


def test_the_code_location_can_be_loaded() -> None:
    assert defs.get_repository_def().has_job("taxi")


def test_the_tips_are_those_of_pandas(made: Path) -> None:
    found = pd.read_parquet(made / "tips_by_passengers.parquet")
    expected = all_trips(made).groupby("passenger_count")["tip_amount"].agg(["count", "mean"])
    assert found["trips"].tolist() == expected["count"].tolist()
    np.testing.assert_allclose(found["mean_tip"], expected["mean"])


def test_the_most_generous_trip_of_each_hour(made: Path) -> None:
    found = pd.read_parquet(made / "most_generous_trips.parquet")
    everything = all_trips(made)
    highest = everything.groupby(everything[trips.PICKUP].dt.floor("h"))["tip_amount"].max()
    assert found["tip_amount"].tolist() == highest[highest > 0].tolist()
    assert found["pickup"].is_monotonic_increasing


def test_an_hour_as_a_partition_is_the_same_and_is_repeated_by_itself(
    made: Path, instance: dg.DagsterInstance
) -> None:
    result = run("generous_hours", instance, only_hourly(made), partition_key=HOUR)
    assert sum(event.is_step_up_for_retry for event in result.all_events) == 2
    (file,) = (made / "most_generous_trip_of_hour").glob(f"{HOUR}.json")
    found = json.loads(file.read_text())
    mapped = pd.read_parquet(made / "most_generous_trips.parquet").set_index("pickup")
    assert mapped.loc[found["pickup"], "tip_amount"] == found["tip_amount"]


def only_hourly(store: Path) -> dict[str, Any]:
    whole = config(store)
    return {
        "resources": {name: whole["resources"][name] for name in ("io_manager", "source")},
    }


@pytest.mark.usefixtures("prefect_server")
class TestUnderPrefect:
    def test_the_same_products(self, made: Path, tmp_path: Path) -> None:
        as_flow(defs, job="taxi", run_config=config(tmp_path))()
        for name in ("tips_by_passengers", "most_generous_trips"):
            here, there = (pd.read_parquet(s / f"{name}.parquet") for s in (made, tmp_path))
            pd.testing.assert_frame_equal(here, there)

    def test_an_hour(self, made: Path) -> None:
        flow = as_flow(defs, job="generous_hours", run_config=only_hourly(made))
        flow(partition=EASY_HOUR)
        assert (made / "most_generous_trip_of_hour" / f"{EASY_HOUR}.json").is_file()


@pytest.mark.usefixtures("prefect_server")
def test_the_webhook_of_the_tickets_gets_notices_about_the_taxis(
    made: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from examples.taxi_assets import flows

    monkeypatch.setenv("TICKET_WEBHOOK_URL", webhook.url)

    def flow(store: Path) -> Any:
        derived = as_flow(defs, job="generous_hours", run_config=only_hourly(store))
        return derived.with_options(
            on_completion=flows.generous_hours.on_completion_hooks,
            on_failure=flows.generous_hours.on_failure_hooks,
        )

    flow(made)(partition=EASY_HOUR)
    with pytest.raises(StepError, match="has no trip_files"):
        flow(made / "nowhere")(partition=EASY_HOUR)
    firsts = [body["text"].split("\n")[0] for body in webhook.bodies]
    assert firsts == [
        f"✅ *generous_hours* {EASY_HOUR} succeeded (Prefect)",
        f"❌ *generous_hours* {EASY_HOUR} failed (Prefect)",
    ]
    assert {sensor.name for sensor in defs.sensors or ()} == {
        "notice_of_success", "notice_of_failure",
    }  # fmt: skip


class TestTheTrips:
    def test_a_day_is_the_same_again_and_another_seed_is_another(self) -> None:
        first, again, other = (trips.generate(FIRST_DAY, 10, seed) for seed in (1, 1, 2))
        pd.testing.assert_frame_equal(first, again)
        assert not first.equals(other)
        assert list(first.columns) == trips.COLUMNS

    def test_only_trips_with_a_tip_are_left(self) -> None:
        table = trips.generate(FIRST_DAY, 100, 0)
        assert (table["tip_amount"] < 0).any()
        found = trips.clean(table, EASY_HOUR, 0, 0)
        assert (found["tip_amount"] > 0).all()

    def test_one_attempt_in_five_fails_and_the_next_may_not(self) -> None:
        table = trips.generate(FIRST_DAY, 1, 0)
        failed = 0
        for hour in range(1000):
            try:
                trips.clean(table, str(hour), 0, 0)
            except trips.PassingFault:
                failed += 1
        assert 150 < failed < 250

    def test_an_hour_without_a_tip_has_no_most_generous_trip(self) -> None:
        assert trips.most_generous(trips.generate(FIRST_DAY, 1, 0).head(0)) is None


def test_a_pattern_names_files_of_one_s_own(tmp_path: Path) -> None:
    for day in (datetime(2019, 1, 2), datetime(2019, 1, 1)):
        trips.generate(day, 5, 0).to_csv(tmp_path / f"{day:%Y-%m-%d}.csv", index=False)
    source = TripFiles(pattern=str(tmp_path / "*.csv"), folder="unused")
    assert [Path(name).stem for name in source.matching_files()] == ["2019-01-01", "2019-01-02"]


@pytest.mark.nightly
def test_files_on_s3(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a real S3 protocol server, whose place and keys are AWS's own settings."""
    boto3 = pytest.importorskip("boto3")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        settings = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="tlc")
        text = trips.generate(FIRST_DAY, 20, 0).to_csv(index=False)
        s3.put_object(Bucket="tlc", Key="2019/yellow_01.csv", Body=text.encode())
        whole = config(tmp_path, pattern="s3://tlc/2019/*.csv")
        # Workers have the environment in which they were started: another kind, so new ones.
        whole["resources"]["cluster"] = {"config": {"workers": 1}}
        result = run("taxi", instance, whole, raise_on_error=False)
        assert result.success, failure(result)
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        source = TripFiles(pattern="s3://tlc/2019/*.csv", anonymous=True, folder="unused")
        assert source.matching_files() == ["s3://tlc/2019/yellow_01.csv"]
    finally:
        server.stop()
    assert json.loads((tmp_path / "trip_files.json").read_text()) == ["s3://tlc/2019/yellow_01.csv"]
    found = pd.read_parquet(tmp_path / "tips_by_passengers.parquet")
    assert 460 < found["trips"].sum() <= 480


class TestTheCluster:
    @pytest.mark.nightly
    def test_it_is_the_same_for_the_next_run_and_stops_when_it_is_idle(self) -> None:
        cluster = DaskCluster(workers=1, idle_s=10)
        addresses = []
        for _ in range(2):
            with cluster.client() as client:
                assert client.submit(sum, [1, 2]).result() == 3
                addresses.append(client.scheduler.address)
        assert len(set(addresses)) == 1
        give_up = time.monotonic() + 600
        (local,) = (c for kind, c in _clusters.items() if kind == (1, 10.0))
        while _is_up(local):
            assert time.monotonic() < give_up
            time.sleep(0.2)
        with cluster.client() as client:
            assert client.scheduler.address not in addresses

    def test_one_that_runs_already_is_used(self) -> None:
        with DaskCluster(workers=1, idle_s=20).client() as known:
            address = known.scheduler.address
            with DaskCluster(address=address).client() as client:
                assert client.scheduler.address == address


def test_a_pattern_that_names_nothing_is_said(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    nothing = config(tmp_path, pattern=str(tmp_path / "*.csv"))
    result = run("taxi", instance, nothing, raise_on_error=False)
    assert "no file matches" in failure(result)
