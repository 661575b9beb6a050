"""The schedule's ticks, and the sensors' notices to a real HTTP server on loopback."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from tests.logs import write_log
from tests.projects import JOB, notify, partition_tags, project, run_and_notify, run_dagster
from tests.ticket_settings import DAYS, SETTINGS
from tests.webhook import Webhook
from ticket_assets.automation import DAYS_PER_TICK, oldest_day_first
from ticket_assets.days import daily_partitions
from ticket_assets.definitions import build_definitions
from ticket_assets.settings import Settings

pytestmark = pytest.mark.xdist_group("automation")  # they share what took long to make


@pytest.fixture(scope="module")
def evaluated(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[dg.ExecuteInProcessResult, dg.DagsterInstance]]:
    """A day's run that succeeded, and the instance that knows it."""
    with dg.DagsterInstance.ephemeral() as instance:
        defs = project(tmp_path_factory.mktemp("evaluated"))
        result = run_dagster(defs, "2016-03-08", instance)
        assert result.success
        yield result, instance


def settings(tmp_path: Path, url: str, event_log: str = "sample") -> Settings:
    cache = SETTINGS.cache if event_log == "sample" else tmp_path / "cache"
    return replace(
        SETTINGS, store=tmp_path / "store", webhook_url=url, event_log=event_log, cache=cache
    )


def test_the_notice_of_success_has_day_figures_and_link(
    tmp_path: Path,
    evaluated: tuple[dg.ExecuteInProcessResult, dg.DagsterInstance],
    webhook: Webhook,
) -> None:
    run, _ = evaluated
    notify(settings(tmp_path, webhook.url), *evaluated)
    (body,) = webhook.bodies
    first, figures, link = body["text"].split("\n")
    assert first == f"✅ *{JOB}* 2016-03-08 succeeded (Dagster)"
    assert re.fullmatch(r"\d+ rows scored, MAE \d+\.\d h", figures)
    assert link == f"<http://127.0.0.1:3000/runs/{run.run_id}|Open the run>"


def test_the_notice_of_a_range_has_its_ends_and_the_median(
    tmp_path: Path, instance: dg.DagsterInstance, webhook: Webhook
) -> None:
    run_and_notify(settings(tmp_path, webhook.url), "2016-03-07...2016-03-08", instance)
    text = webhook.bodies[0]["text"]
    assert "2016-03-07...2016-03-08 succeeded" in text
    assert "rows scored on 2 days, median MAE" in text


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
    tmp_path: Path, evaluated: tuple[dg.ExecuteInProcessResult, dg.DagsterInstance]
) -> None:
    skipped = notify(settings(tmp_path, ""), *evaluated)
    assert skipped.skip_message == "TICKET_WEBHOOK_URL is not set."
    sensors = build_definitions(settings(tmp_path, "")).sensors or ()
    assert {sensor.default_status for sensor in sensors} == {dg.DefaultSensorStatus.STOPPED}


def test_the_settings_never_show_the_webhook(tmp_path: Path) -> None:
    assert "SECRET" not in repr(settings(tmp_path, "http://host/SECRET"))


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return build_definitions(SETTINGS).get_repository_def()


class TestTheSchedule:
    @pytest.fixture
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """An instance on disk: a schedule's context opens its instance by reference."""
        with dg.instance_for_test() as on_disk:
            yield on_disk

    def test_it_ticks_at_the_times_of_the_setting_in_utc(self) -> None:
        (schedule,) = build_definitions(replace(SETTINGS, schedule="* * * * *")).schedules or ()
        assert isinstance(schedule, dg.ScheduleDefinition)
        assert (schedule.cron_schedule, schedule.execution_timezone) == ("* * * * *", "UTC")

    def tick(
        self,
        instance: dg.DagsterInstance,
        repository: dg.RepositoryDefinition,
        days: dg.PartitionsDefinition[str] = DAYS,
    ) -> list[str]:
        now = datetime(2026, 3, 9, 6, tzinfo=UTC)
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=now,
            repository_def=repository,
        )
        evaluated = oldest_day_first(days, SETTINGS.schedule).evaluate_tick(context)
        self.skip_message = evaluated.skip_message
        return [str(request.partition_key) for request in evaluated.run_requests or ()]

    def test_a_tick_requests_the_oldest_days_without_an_evaluation(
        self, tmp_path: Path, instance: dg.DagsterInstance, repository: dg.RepositoryDefinition
    ) -> None:
        keys = DAYS.get_partition_keys()
        assert self.tick(instance, repository) == keys[:DAYS_PER_TICK]
        run_dagster(build_definitions(settings(tmp_path, "")), "2016-02-29...2016-03-01", instance)
        assert self.tick(instance, repository) == keys[2 : 2 + DAYS_PER_TICK]

    def test_a_day_that_is_running_is_not_requested_again(
        self, tmp_path: Path, instance: dg.DagsterInstance, repository: dg.RepositoryDefinition
    ) -> None:
        job = build_definitions(settings(tmp_path, "")).resolve_job_def(JOB)
        run = instance.create_run_for_job(job, tags=partition_tags("2016-02-29"))
        instance.report_run_failed(
            instance.create_run_for_job(job, tags=partition_tags("2016-03-01"))
        )
        started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job.name)
        instance.report_dagster_event(started, run.run_id)
        assert self.tick(instance, repository)[:2] == ["2016-03-01", "2016-03-02"]

    def test_the_days_of_a_range_that_is_running_are_not_requested_again(
        self, tmp_path: Path, instance: dg.DagsterInstance, repository: dg.RepositoryDefinition
    ) -> None:
        job = build_definitions(settings(tmp_path, "")).resolve_job_def(JOB)
        tags = partition_tags("2016-03-01...2016-03-03")
        run = instance.create_run_for_job(job, tags=tags)
        started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job.name)
        instance.report_dagster_event(started, run.run_id)
        assert self.tick(instance, repository)[:3] == ["2016-02-29", "2016-03-04", "2016-03-05"]

    def test_when_every_day_is_evaluated_the_tick_is_skipped(
        self, instance: dg.DagsterInstance, repository: dg.RepositoryDefinition
    ) -> None:
        days = daily_partitions(date(2016, 3, 1), date(2016, 3, 3))
        for day in days.get_partition_keys():
            instance.report_runless_asset_event(
                dg.AssetMaterialization("trial_summary", partition=day)
            )
        assert self.tick(instance, repository, days) == []
        assert self.skip_message == "Every day of the log is evaluated."
