"""The report under both orchestrators, with its checks and its notice."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from tests.projects import REPORT_JOB, failure, notify, project, run_dagster
from tests.ticket_settings import SETTINGS
from tests.webhook import listening
from ticket_assets.assets import DAILY_ASSETS
from ticket_assets.evaluation.alert_limits import AlertLimits
from ticket_assets.evaluation.alerts import ALERTS

MONTH = "2016-03-08...2016-04-08"

pytestmark = pytest.mark.xdist_group("report")  # they share what took long to make


@dataclass(frozen=True)
class Reported:
    """A report of a month of the sample log, with an error limit that it breaks."""

    store: Path
    checks: dict[str, dg.AssetCheckEvaluation]
    figures: dict[str, Any]
    notified: dg.SkipReason
    notices: list[dict[str, Any]]

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads((self.store / "evaluation_report.json").read_text()))


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    folder = tmp_path_factory.mktemp("report")
    with dg.DagsterInstance.ephemeral() as instance, listening() as webhook:
        limits = AlertLimits(mae_h=1.0)
        defs = project(folder, alert_limits=limits)
        assert run_dagster(defs, MONTH, instance).success
        result = run_dagster(defs, None, instance, job=REPORT_JOB)
        assert result.success, failure(result)
        settings = replace(SETTINGS, store=folder, webhook_url=webhook.url, alert_limits=limits)
        notified = notify(settings, result, instance)
        checks = {
            check.check_name: check
            for check in result.get_asset_check_evaluations()
            if check.asset_key.path == ["evaluation_report"]
        }
        (made,) = (
            event.step_materialization_data.materialization
            for event in result.get_asset_materialization_events()
            if event.asset_key == dg.AssetKey("evaluation_report")
        )
        figures = {name: value.value for name, value in made.metadata.items()}
        yield Reported(folder, checks, figures, notified, webhook.bodies)


@pytest.fixture
def month(reported: Reported, tmp_path: Path) -> Path:
    """A store with a month, which a test may change."""
    return Path(shutil.copytree(reported.store, tmp_path / "month"))


@pytest.fixture(scope="module")
def evaluated_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one day, for tests that change a copy of it."""
    folder = tmp_path_factory.mktemp("day")
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_dagster(project(folder), "2016-03-08", instance).success
    return folder


@pytest.fixture
def store(evaluated_day: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(evaluated_day, tmp_path / "store"))


def test_it_is_a_document_a_page_and_markdown_with_one_check_an_alert(reported: Reported) -> None:
    document, checks = reported.document, reported.checks
    assert document["days"] == 32
    page = (reported.store / "evaluation_report.html").read_text()
    assert page.startswith("<!doctype html>")
    markdown = (reported.store / "evaluation_report.md").read_text()
    assert markdown.startswith("**On the last 28 days")
    assert sorted(checks) == sorted(f"no_{name}" for name in ALERTS)
    for alert in document["alerts"]:
        check = checks[f"no_{alert['name']}"]
        assert check.passed is not alert["fires"]
        assert check.description == alert["description"]
        if alert["name"] != "error_limit":
            assert check.severity == dg.AssetCheckSeverity.WARN
    challenger = checks["no_better_challenger"]
    assert not challenger.passed
    assert challenger.metadata["limit"].value == 0.0
    assert float(str(challenger.metadata["number"].value)) > 0
    assert challenger.metadata["unit"].value == "hours, better by"
    figures = reported.figures
    (error,) = (
        each["mae_h"]
        for each in document["models"]
        if (each["period"], each["population"], each["is_champion"]) == ("recent", "open", True)
    )
    assert figures["recent_mae_h"] == error
    assert figures["model"] == document["champion"]
    assert figures["firing_alerts"] == sum(each["fires"] for each in document["alerts"]) > 0


def test_a_limit_that_is_set_and_broken_is_an_error(reported: Reported) -> None:
    check = reported.checks["no_error_limit"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_it_covers_the_days_of_the_present_model(store: Path, instance: dg.DagsterInstance) -> None:
    run_dagster(project(store, model="state-median"), "2016-03-10", instance)
    result = run_dagster(project(store), None, instance, job=REPORT_JOB)
    assert result.success, failure(result)
    document = json.loads((store / "evaluation_report.json").read_text())
    assert document["champion"] == "state-median"
    assert (document["first_day"], document["days"]) == ("2016-03-10", 1)
    (check,) = (
        check
        for check in result.get_asset_check_evaluations()
        if check.check_name == "no_error_limit"
    )
    assert (check.passed, check.severity) == (True, dg.AssetCheckSeverity.WARN)  # none is set


def test_tables_of_other_rows_are_refused(store: Path, instance: dg.DagsterInstance) -> None:
    path = store / "targets/2016-03-08.parquet"
    pd.read_parquet(path).head(7).to_parquet(path)
    result = run_dagster(project(store), None, instance, job=REPORT_JOB)
    assert "targets (7 rows) and sampled_batch (" in failure(result)
    assert not (store / "evaluation_report.html").exists()


def test_the_notice_has_the_alerts_that_are_new_and_no_others(reported: Reported) -> None:
    assert "was delivered" in str(reported.notified.skip_message)
    document = reported.document
    new = [each["description"] for each in document["alerts"] if each["is_new"]]
    known = [
        each["description"] for each in document["alerts"] if each["fires"] and not each["is_new"]
    ]
    assert known
    (body,) = reported.notices
    assert [line for line in body["text"].splitlines() if line.startswith("⚠️")] == [
        f"⚠️ {description}" for description in new
    ]
    assert not any(description in body["text"] for description in known)


def test_a_report_is_requested_after_days_were_evaluated_and_once(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    defs = project(tmp_path)

    def made(*assets: str, day: str | None = None) -> None:
        """What a run of the job reports of these assets."""
        for asset in assets:
            event = dg.AssetMaterialization(asset, partition=day)
            instance.report_runless_asset_event(event)

    def requested(cursor: object = None) -> tuple[int, object]:
        result = dg.evaluate_automation_conditions(
            defs,
            instance,
            asset_selection=dg.AssetSelection.assets("evaluation_report"),
            cursor=cursor,  # type: ignore[arg-type]
        )
        return result.total_requested, result.cursor

    count, cursor = requested()
    assert count == 0
    daily = [asset.name for asset in DAILY_ASSETS]
    made(*daily, day="2016-03-08")
    count, cursor = requested(cursor)
    assert count == 1
    made("evaluation_report", "performance_report")
    count, cursor = requested(cursor)
    assert count == 0
    made(*daily, day="2016-03-09")
    assert requested(cursor)[0] == 1


def test_a_run_s_limits_come_before_those_of_the_settings(
    month: Path, instance: dg.DagsterInstance
) -> None:
    of_settings = AlertLimits(challenger_better_h=2000.0, baseline_better_h=3000.0)
    result = run_dagster(
        project(month, alert_limits=of_settings),
        None,
        instance,
        {"evaluation_report": {"challenger_better_h": 4000.0}},
        job=REPORT_JOB,
    )
    assert result.success, failure(result)
    alerts = json.loads((month / "evaluation_report.json").read_text())["alerts"]
    limits = {each["name"]: each["limit"] for each in alerts}
    assert (limits["better_challenger"], limits["worse_than_state_median"]) == (4000.0, 3000.0)


def test_a_limit_that_cannot_be_is_refused_by_its_name(
    month: Path, instance: dg.DagsterInstance
) -> None:
    config = {"evaluation_report": {"drift_significance": 5.0}}
    result = run_dagster(project(month), None, instance, config, job=REPORT_JOB)
    assert not result.success
    assert "drift_significance" in failure(result)
    assert "found 5.0, expected a number above 0.007 and below 1" in failure(result)
