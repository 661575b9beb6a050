"""The schedule's ticks, and the sensors' notices to a real HTTP server on loopback."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from tests.logs import write_log
from tests.projects import JOB, partition_tags, run_and_notify, run_dagster
from tests.ticket_settings import DAYS, SETTINGS
from tests.webhook import Webhook
from ticket_assets.automation import DAYS_PER_TICK, oldest_day_first
from ticket_assets.definitions import build_definitions
from ticket_assets.settings import Settings


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance on disk: a schedule's context opens its instance by reference."""
    with dg.instance_for_test() as on_disk:
        yield on_disk


def settings(tmp_path: Path, url: str, event_log: str = "sample") -> Settings:
    cache = SETTINGS.cache if event_log == "sample" else tmp_path / "cache"
    return replace(
        SETTINGS, store=tmp_path / "store", webhook_url=url, event_log=event_log, cache=cache
    )


def test_the_notice_of_success_has_day_figures_and_link(
    tmp_path: Path, instance: dg.DagsterInstance, webhook: Webhook
) -> None:
    run_and_notify(settings(tmp_path, webhook.url), "2016-03-08", instance)
    (body,) = webhook.bodies
    (run,) = instance.get_runs()
    first, figures, link = body["text"].split("\n")
    assert first == f"✅ *{JOB}* 2016-03-08 succeeded (Dagster)"
    assert re.fullmatch(r"\d+ rows scored, MAE \d+\.\d h", figures)
    assert link == f"<http://127.0.0.1:3000/runs/{run.run_id}|Open the run>"


def test_the_notice_of_a_range_has_its_ends_and_the_median(
    tmp_path: Path, instance: dg.DagsterInstance, webhook: Webhook
) -> None:
    run_and_notify(settings(tmp_path, webhook.url), "2016-03-05...2016-03-08", instance)
    text = webhook.bodies[0]["text"]
    assert "2016-03-05...2016-03-08 succeeded" in text
    assert "rows scored on 4 days, median MAE" in text


def test_the_notice_of_failure_has_the_fault(
    tmp_path: Path, instance: dg.DagsterInstance, webhook: Webhook
) -> None:
    log = write_log(tmp_path / "log.csv", [{"active": "<maybe>"}])
    run_and_notify(settings(tmp_path, webhook.url, str(log)), "2016-03-05", instance)
    text = webhook.bodies[0]["text"]
    assert f"❌ *{JOB}* 2016-03-05 failed (Dagster)" in text
    assert "raw_log: " in text
    assert "column active: found '&lt;maybe&gt;'" in text


def test_without_an_address_the_sensor_sends_nothing_and_gives_the_reason(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    skipped = run_and_notify(settings(tmp_path, ""), "2016-03-08", instance)
    assert skipped.skip_message == "TICKET_WEBHOOK_URL is not set."
    sensors = build_definitions(settings(tmp_path, "")).sensors or ()
    assert {sensor.default_status for sensor in sensors} == {dg.DefaultSensorStatus.STOPPED}


def test_the_settings_never_show_the_webhook(tmp_path: Path) -> None:
    assert "SECRET" not in repr(settings(tmp_path, "http://host/SECRET"))


class TestTheSchedule:
    def test_it_ticks_at_the_times_of_the_setting_in_utc(self) -> None:
        (schedule,) = build_definitions(replace(SETTINGS, schedule="* * * * *")).schedules or ()
        assert isinstance(schedule, dg.ScheduleDefinition)
        assert (schedule.cron_schedule, schedule.execution_timezone) == ("* * * * *", "UTC")

    def tick(self, instance: dg.DagsterInstance) -> list[str]:
        now = datetime(2026, 3, 9, 6, tzinfo=UTC)
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=now,
            repository_def=build_definitions(SETTINGS).get_repository_def(),
        )
        evaluated = oldest_day_first(DAYS, SETTINGS.schedule).evaluate_tick(context)
        self.skip_message = evaluated.skip_message
        return [str(request.partition_key) for request in evaluated.run_requests or ()]

    def test_a_tick_requests_the_oldest_days_without_an_evaluation(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        keys = DAYS.get_partition_keys()
        assert self.tick(instance) == keys[:DAYS_PER_TICK]
        run_dagster(build_definitions(settings(tmp_path, "")), "2016-02-29...2016-03-03", instance)
        assert self.tick(instance) == keys[4 : 4 + DAYS_PER_TICK]

    def test_a_day_that_is_running_is_not_requested_again(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        job = build_definitions(settings(tmp_path, "")).resolve_job_def(JOB)
        run = instance.create_run_for_job(job, tags=partition_tags("2016-02-29"))
        instance.report_run_failed(
            instance.create_run_for_job(job, tags=partition_tags("2016-03-01"))
        )
        started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job.name)
        instance.report_dagster_event(started, run.run_id)
        assert self.tick(instance)[:2] == ["2016-03-01", "2016-03-02"]

    def test_the_days_of_a_range_that_is_running_are_not_requested_again(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        job = build_definitions(settings(tmp_path, "")).resolve_job_def(JOB)
        tags = partition_tags("2016-03-01...2016-03-03")
        run = instance.create_run_for_job(job, tags=tags)
        started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job.name)
        instance.report_dagster_event(started, run.run_id)
        assert self.tick(instance)[:3] == ["2016-02-29", "2016-03-04", "2016-03-05"]

    def test_when_every_day_is_evaluated_the_tick_is_skipped(
        self, instance: dg.DagsterInstance
    ) -> None:
        for day in DAYS.get_partition_keys():
            instance.report_runless_asset_event(
                dg.AssetMaterialization("trial_summary", partition=day)
            )
        assert self.tick(instance) == []
        assert self.skip_message == "Every day of the log is evaluated."
