"""A live log under Dagster: new days and late rows are evaluated by themselves."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from tests.live import Live, rows_of
from tests.projects import failure, files
from tests.ticket_settings import SETTINGS
from tests.webhook import Webhook
from ticket_assets.assets import DAILY_ASSETS
from ticket_assets.definitions import build_definitions
from ticket_assets.settings import Settings

pytestmark = pytest.mark.xdist_group("live log")  # they share what took long to make

DAILY = sorted(asset.name for asset in DAILY_ASSETS)


@pytest.fixture
def live(tmp_path: Path, instance: dg.DagsterInstance) -> Live:
    return Live(tmp_path, instance)


@pytest.fixture(scope="module")
def evaluated_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a live log whose first day is evaluated, for tests that change a copy."""
    folder = tmp_path_factory.mktemp("evaluated")
    with dg.DagsterInstance.ephemeral() as instance:
        live = Live(folder, instance)
        live.add("2016-03-01.csv", rows_of(1, 3))
        live.add("2016-03-02.csv", rows_of(2, 3))
        assert live.run("2016-03-01").success
    return folder


@pytest.fixture
def evaluated(evaluated_day: Path, tmp_path: Path, instance: dg.DagsterInstance) -> Live:
    """A live log whose first day is evaluated."""
    for name in ("log", "store"):
        shutil.copytree(evaluated_day / name, tmp_path / name)
    return Live(tmp_path, instance)


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Live]:
    """Its instance is on disk: a schedule's and a sensor's context opens it by reference."""
    with dg.instance_for_test() as instance:
        yield Live(tmp_path, instance)


def test_only_a_live_log_has_conditions_and_a_freshness_policy(live: Live) -> None:
    graph = live.defs.resolve_asset_graph()
    conditioned = [key for key in graph.get_all_asset_keys() if graph.get(key).automation_condition]
    fresh = [key for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy]
    report = "evaluation_report"  # it follows the days of any log
    assert sorted(key.to_user_string() for key in conditioned) == sorted([*DAILY, report])
    assert fresh == [dg.AssetKey("trial_summary")]
    closed = build_definitions(SETTINGS)
    for key in closed.resolve_asset_graph().get_all_asset_keys():
        node = closed.resolve_asset_graph().get(key)
        assert bool(node.automation_condition) is (key == dg.AssetKey(report))
        assert node.freshness_policy is None
    assert {sensor.name for sensor in closed.sensors or ()} == {
        "notice_of_success",
        "notice_of_failure",
        "report_after_days",
    }


def test_the_days_of_a_live_log_have_no_fixed_end_unless_one_is_set(tmp_path: Path) -> None:
    log = {"TICKET_EVENT_LOG": f"{tmp_path}/log/"}
    assert Settings.from_environment(log).last_day is None
    until = Settings.from_environment({**log, "TICKET_LAST_DAY": "2016-03-31"})
    assert str(until.last_day) == "2016-03-31"
    assert Settings.from_environment({}).last_day is not None
    days = build_definitions(Settings.from_environment(log)).resolve_job_def(
        "ticket_model_evaluation"
    )
    assert days.partitions_def is not None
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert days.partitions_def.get_last_partition_key() == str(yesterday)


def test_a_new_day_is_requested_once_and_late_rows_request_their_day_again(live: Live) -> None:
    live.add("2016-03-01.csv", rows_of(1, 3))
    live.add("2016-03-02.csv", rows_of(2, 2))
    assert live.tick() == {}  # nobody has looked at the log yet
    assert live.observe().success
    assert live.tick() == {asset: ["2016-03-01", "2016-03-02"] for asset in DAILY}
    assert live.run("2016-03-01...2016-03-02").success
    assert live.tick() == {}

    live.add("2016-03-03.csv", [*rows_of(1, 2, first=7), *rows_of(3)])
    assert live.observe().success
    assert live.tick() == {asset: ["2016-03-01", "2016-03-03"] for asset in DAILY}
    again = live.run("2016-03-01")
    assert live.run("2016-03-03").success
    assert live.tick() == {}
    said = live.messages(again.run_id)
    assert "2016-03-01: 2 late rows: 5 rows, 3 at the last evaluation." in said
    assert [live.late_rows(f"2016-03-0{day}") for day in (1, 2, 3)] == [2, 0, 0]


def test_rows_that_come_while_their_day_is_evaluated_are_late(live: Live) -> None:
    live.add("2016-03-01.csv", rows_of(1))
    live.observe()
    assert live.tick() == {asset: ["2016-03-01"] for asset in DAILY}
    run = live.instance.create_run_for_job(
        live.defs.resolve_implicit_global_asset_job_def(),
        tags={"dagster/partition": "2016-03-01"},
        asset_selection=frozenset(map(dg.AssetKey, DAILY)),
    )
    started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name)
    live.instance.report_dagster_event(started, run.run_id)
    assert live.tick() == {}
    live.add("2016-03-02.csv", rows_of(1, first=5))
    live.observe()
    assert live.tick() == {asset: ["2016-03-02"] for asset in DAILY}
    for asset in DAILY:  # from the rows that were there when the run began
        made = dg.AssetMaterialization(asset, partition="2016-03-01")
        live.instance.report_runless_asset_event(made)
    live.instance.report_run_canceled(run)
    assert "2016-03-01" in live.tick()["raw_log"]


def test_the_log_is_observed_in_its_changes_alone(live: Live) -> None:
    live.add("2016-03-01.csv", rows_of(1))
    live.add("2016-03-02.csv", rows_of(2))

    def observed() -> list[str]:
        result = live.observe()
        events = live.instance.all_logs(
            result.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION
        )
        return [str(event.get_dagster_event().partition) for event in events]

    assert observed() == ["2016-03-01", "2016-03-02"]
    assert observed() == []
    live.add("2016-03-03.csv", rows_of(1, first=5))
    assert observed() == ["2016-03-01", "2016-03-03"]


def test_today_is_not_complete_and_is_neither_requested_nor_evaluated(live: Live) -> None:
    today = datetime.now(UTC).date()
    yesterday = live.first_day = today - timedelta(days=1)
    for day in (yesterday, today):
        live.add(f"{day}.csv", [{"closed_at": f"{day.day}/{day.month}/{day.year} 00:01"}])
    live.observe()
    assert live.tick() == {asset: [str(yesterday)] for asset in DAILY}
    assert live.run(str(yesterday)).success


def test_a_run_of_a_day_that_is_not_complete_is_refused(live: Live) -> None:
    live.add("2016-03-01.csv", rows_of(1))
    live.add("2016-03-02.csv", rows_of(2))
    result = live.run("2016-03-03")
    assert (
        f"{live.log}: its complete days run from 2016-03-01 to 2016-03-02 (a day is complete when"
        " it is over, and its file or a later one is there), so 2016-03-03 (1 of the run's 1 days)"
        " lies outside. Choose days of the log"
    ) in failure(result)


def test_an_old_day_run_again_has_the_same_bytes_when_days_were_added(evaluated: Live) -> None:
    live = evaluated
    before = files(live.folder / "store")
    live.add("2016-03-03.csv", [*rows_of(2, 2, first=8), *rows_of(3)])
    assert live.run("2016-03-01").success
    assert files(live.folder / "store") == before
    # In a range too, whose days then come from one table.
    assert live.run("2016-03-01...2016-03-03").success
    after = files(live.folder / "store")
    assert {name: after[name] for name in before} == before


def test_a_replaced_file_says_how_many_rows_are_gone(evaluated: Live) -> None:
    live = evaluated
    live.add("2016-03-01.csv", rows_of(1, 1))
    result = live.run("2016-03-01")
    assert "-2 late rows: 1 rows, 3 at the last evaluation" in live.messages(result.run_id)
    assert live.late_rows("2016-03-01") == -2


def test_a_day_that_failed_waits_for_other_rows_or_for_the_schedule(on_disk: Live) -> None:
    live = on_disk
    live.add("2016-03-01.csv", [{**rows_of(1)[0], "sys_updated_at": "2/3/2016 12:00"}])
    live.observe()
    assert live.tick()
    assert not live.run("2016-03-01").success  # updated after it was closed
    assert live.tick() == {}
    assert scheduled(live) == ["2016-03-01"]
    live.add("2016-03-01.csv", rows_of(1))
    live.observe()
    assert live.tick()["metrics"] == ["2016-03-01"]


def scheduled(live: Live) -> list[str]:
    """The days that a tick of the schedule requests."""
    (schedule,) = live.defs.schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    with dg.build_schedule_context(
        instance=live.instance,
        scheduled_execution_time=datetime(2026, 3, 9, 6, tzinfo=UTC),
        repository_def=live.defs.get_repository_def(),
    ) as context:
        requests = schedule.evaluate_tick(context).run_requests or ()
    return [str(request.partition_key) for request in requests]


def test_the_schedule_takes_complete_days_and_days_with_late_rows(on_disk: Live) -> None:
    on_disk.add("2016-03-01.csv", rows_of(1))
    on_disk.add("2016-03-03.csv", rows_of(3))
    assert scheduled(on_disk) == ["2016-03-01", "2016-03-02", "2016-03-03"]
    assert on_disk.run("2016-03-01...2016-03-03").success
    assert scheduled(on_disk) == []
    on_disk.add("2016-03-04.csv", rows_of(2, first=5))
    assert scheduled(on_disk) == ["2016-03-02", "2016-03-04"]
    # As the automation does, whose runs belong to no job of ours.
    run = on_disk.instance.create_run_for_job(
        on_disk.defs.resolve_implicit_global_asset_job_def(),
        tags={"dagster/partition": "2016-03-02"},
        asset_selection=frozenset({dg.AssetKey("trial_summary")}),
    )
    started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name)
    on_disk.instance.report_dagster_event(started, run.run_id)
    assert scheduled(on_disk) == ["2016-03-04"]


class TestTheSensor:
    def look(self, on_disk: Live, cursor: str | None = None) -> tuple[int, str | None]:
        """The number of runs that it requests, and its new cursor."""
        sensor = next(each for each in on_disk.defs.sensors or () if each.name == "new_files")
        context = dg.build_sensor_context(instance=on_disk.instance, cursor=cursor)
        evaluated = sensor.evaluate_tick(context)
        return len(evaluated.run_requests or ()), evaluated.cursor

    def test_it_requests_one_observation_when_files_have_changed(self, on_disk: Live) -> None:
        path = on_disk.add("2016-03-01.csv", rows_of(1))
        runs, first = self.look(on_disk)
        assert runs == 1
        assert self.look(on_disk, first) == (0, first)
        (on_disk.log / "2016-03-02.csv.part").write_text("half")
        assert self.look(on_disk, first) == (0, first)
        on_disk.add("2016-03-02.csv", rows_of(2))
        runs, second = self.look(on_disk, first)
        assert runs == 1
        path.write_bytes(path.read_bytes().replace(b"INC0000001", b"INC0000002"))
        runs, third = self.look(on_disk, second)
        assert runs == 1
        path.unlink()
        assert self.look(on_disk, third)[0] == 1

    def test_an_empty_folder_is_waited_for(self, on_disk: Live) -> None:
        assert self.look(on_disk) == (0, None)

    def test_a_damaged_file_fails_the_observation_with_one_error_that_names_it(
        self, on_disk: Live
    ) -> None:
        on_disk.add("2016-03-01.csv", rows_of(1))
        (on_disk.log / "2016-03-02.csv").write_text("half a hea")
        assert self.look(on_disk)[0] == 1
        assert "2016-03-02.csv, header: 36 faults" in failure(on_disk.observe())


def test_a_damaged_table_of_an_earlier_evaluation_is_replaced(evaluated: Live) -> None:
    live = evaluated
    table = live.folder / "store" / "raw_log" / "2016-03-01.parquet"
    whole = table.read_bytes()
    table.write_bytes(b"no table")
    assert live.run("2016-03-01").success
    assert table.read_bytes() == whole
    assert live.late_rows("2016-03-01") == 0


def test_notices_tell_of_evaluations_and_of_failed_observations_alone(
    live: Live, webhook: Webhook
) -> None:
    live.settings = replace(live.settings, webhook_url=webhook.url)
    live.add("2016-03-01.csv", rows_of(1))
    assert notified(live, live.observe()) == "evaluated nothing"
    # As the automation does, whose runs belong to no job of ours.
    job = live.defs.resolve_implicit_global_asset_job_def()
    evaluation = job.execute_in_process(
        instance=live.instance,
        partition_key="2016-03-01",
        asset_selection=[dg.AssetKey(asset) for asset in DAILY],
    )
    assert notified(live, evaluation) == "was delivered"
    (live.log / "2016-03-02.csv").write_text("half a hea")
    assert notified(live, live.observe()) == "was delivered"
    first, second = (body["text"].split("\n")[0] for body in webhook.bodies)
    assert first == "✅ *ticket_model_evaluation* 2016-03-01 succeeded (Dagster)"
    assert second == "❌ *event_log_observation* failed (Dagster)"


def notified(live: Live, result: dg.ExecuteInProcessResult) -> str:
    """The end of what the sensor for the run's outcome says."""
    name = "notice_of_success" if result.success else "notice_of_failure"
    kind = dg.DagsterEventType.RUN_SUCCESS if result.success else dg.DagsterEventType.RUN_FAILURE
    sensor = next(each for each in live.defs.sensors or () if each.name == name)
    (entry,) = live.instance.all_logs(result.run_id, of_type=kind)
    run = live.instance.get_run_by_id(result.run_id)
    assert run is not None
    context = dg.build_run_status_sensor_context(
        name, entry.get_dagster_event(), live.instance, run
    )
    skipped = sensor(context)
    assert isinstance(skipped, dg.SkipReason)
    return str(skipped.skip_message).partition(f"{run.run_id} ")[2].rstrip(".")
