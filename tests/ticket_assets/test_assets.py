"""The job as a user runs it under Dagster: on the sample log, and on small logs with faults."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.observe import observe

from tests.logs import write_log
from tests.projects import DAYS, JOB, REPORT_JOB, failure, files, project, run_dagster
from ticket_assets import checks
from ticket_assets.checks import CHECKS
from ticket_assets.store.digests import content_digests

DAILY = ["metrics", "predictions", "raw_log", "sampled_batch", "targets", "trial_summary"]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def small_log(tmp_path: Path) -> str:
    rows = [{"closed_at": f"{day}/3/2016 12:00"} for day in (5, 5, 7)]
    return str(write_log(tmp_path / "log.csv", rows))


def small(tmp_path: Path, rows: list[dict[str, str]]) -> dg.Definitions:
    log = write_log(tmp_path / "log.csv", rows)
    return project(tmp_path / "store", str(log), tmp_path / "cache")


def test_the_code_location_declares_these() -> None:
    from ticket_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    assert sorted(key.to_user_string() for key in graph.get_all_asset_keys()) == sorted(
        [*DAILY, "event_log", "performance_report"]
    )
    assert sorted(f"{k.asset_key.to_user_string()}:{k.name}" for k in graph.asset_check_keys) == [
        "metrics:metrics_are_finite",
        "performance_report:no_drift",
        "predictions:predictions_are_positive",
        "raw_log:known_priorities",
        "raw_log:raw_log_schema",
        "sampled_batch:sample_is_of_the_log",
        "targets:no_negative_target",
    ]
    assert {job.name for job in defs.jobs or ()} == {JOB, REPORT_JOB}
    partitions = defs.resolve_job_def(JOB).partitions_def
    assert partitions is not None
    assert len(partitions.get_partition_keys()) == 356


def test_a_day_makes_six_files_and_all_checks_pass(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    result = run_dagster(project(tmp_path), "2016-03-08", instance)
    assert result.success
    assert list(files(tmp_path)) == [
        f"{name}/2016-03-08.{'json' if name == 'trial_summary' else 'parquet'}" for name in DAILY
    ]
    evaluations = result.get_asset_check_evaluations()
    assert len(evaluations) == 6
    assert all(evaluation.passed for evaluation in evaluations)
    assert {evaluation.partition for evaluation in evaluations} == {"2016-03-08"}


def test_running_a_day_again_or_within_a_range_gives_the_same_bytes(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    run_dagster(project(tmp_path / "alone"), "2016-03-08", instance)
    run_dagster(project(tmp_path / "range"), "2016-03-06...2016-03-09", instance)
    within = files(tmp_path / "range")
    alone = files(tmp_path / "alone")
    assert alone
    assert alone == {name: within[name] for name in alone}


def test_each_day_of_a_range_has_its_own_metadata(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    result = run_dagster(project(tmp_path), "2016-03-07...2016-03-09", instance)
    events = [
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("raw_log")
    ]
    rows = {
        event.partition: event.metadata["dagster/partition_row_count"].value for event in events
    }
    tables = {day: pd.read_parquet(tmp_path / "raw_log" / f"{day}.parquet") for day in rows}
    assert rows == {day: len(table) for day, table in tables.items()}
    assert len(rows) == 3
    assert len({event.metadata["content_sha256"].value for event in events}) == 3
    assert {event.metadata["log_source"].value for event in events} == {"sample"}


def test_a_day_s_data_version_is_its_content_fingerprint(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    defs = project(tmp_path)
    run_dagster(defs, "2016-03-08", instance)
    record = instance.get_latest_materialization_event(dg.AssetKey("targets"))
    assert record is not None
    materialization = record.asset_materialization
    assert materialization is not None
    table = defs.load_asset_value("targets", partition_key="2016-03-08", instance=instance)
    (digest,) = content_digests(table, ["2016-03-08"]).values()
    assert materialization.tags is not None
    assert materialization.tags[DATA_VERSION_TAG] == digest


def test_batch_size_and_seed_are_configured_and_recorded(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    defs = project(tmp_path)
    run_dagster(defs, "2016-03-08", instance, {"sampled_batch": {"batch_size": 7, "seed": 3}})
    (content,) = (c for name, c in files(tmp_path).items() if name.startswith("trial_summary"))
    document = json.loads(content)
    assert document["data"]["num_obs"] == 7
    assert document["provenance"]["batch_size"] == 7
    assert document["provenance"]["seed"] == 3
    assert document["provenance"]["log_source"] == "sample"


def test_a_day_without_tickets_gives_whole_files_and_no_errors(
    tmp_path: Path, small_log: str, instance: dg.DagsterInstance
) -> None:
    defs = project(tmp_path / "store", small_log, tmp_path / "cache")
    result = run_dagster(defs, "2016-03-05...2016-03-07", instance)
    assert result.success, failure(result)
    summary = json.loads((tmp_path / "store/trial_summary/2016-03-06.json").read_text())
    assert summary["data"]["num_obs"] == 0
    assert summary["data"]["metrics"]["MAE"] is None
    assert len(files(tmp_path / "store")) == 18


class TestBadInput:
    def test_a_run_without_a_partition_says_what_to_pass(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        result = run_dagster(project(tmp_path), None, instance)
        assert not result.success
        assert "This run has no partition" in failure(result)
        assert '{"dagster/partition": "2016-03-08"}' in failure(result)
        assert files(tmp_path) == {}

    def test_a_day_outside_the_log_is_named_with_the_log_s_days(
        self, tmp_path: Path, small_log: str, instance: dg.DagsterInstance
    ) -> None:
        defs = project(tmp_path / "store", small_log, tmp_path / "cache")
        result = run_dagster(defs, "2016-03-06...2016-03-09", instance)
        assert "runs from 2016-03-05 to 2016-03-07, so 2016-03-08 (2 of the run's 4" in failure(
            result
        )
        assert files(tmp_path / "store") == {}

    def test_a_log_with_faults_fails_the_first_step_at_once_and_writes_nothing(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        defs = small(tmp_path, [{"closed_at": "31/2/2016 10:00"}])
        result = run_dagster(defs, "2016-03-05", instance)
        assert "row 1, column closed_at: found '31/2/2016 10:00'" in failure(result)
        assert not [event for event in result.all_events if event.is_step_up_for_retry]
        assert files(tmp_path / "store") == {}

    @pytest.mark.parametrize("batch_size", [0, -1])
    def test_a_batch_size_below_one_is_refused(
        self, tmp_path: Path, instance: dg.DagsterInstance, batch_size: int
    ) -> None:
        defs = project(tmp_path)
        config = {"sampled_batch": {"batch_size": batch_size}}
        result = run_dagster(defs, "2016-03-08", instance, config)
        assert "batch_size" in failure(result)
        assert "greater than or equal to 1" in failure(result)
        assert not (tmp_path / "sampled_batch").exists()

    def test_an_unknown_priority_is_warned_of_and_gets_the_default(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        defs = small(tmp_path, [{"priority": "4 - Lower"}, {}])
        result = run_dagster(defs, "2016-03-05", instance)
        assert result.success
        (warned,) = (e for e in result.get_asset_check_evaluations() if not e.passed)
        assert (warned.check_name, warned.severity) == (
            "known_priorities",
            dg.AssetCheckSeverity.WARN,
        )
        assert "priority 4 - Lower" in (warned.description or "")
        predictions = pd.read_parquet(tmp_path / "store/predictions/2016-03-05.parquet")
        assert predictions["predicted_s"].tolist() == [180 * 3600.0, 120 * 3600.0]

    def test_of_a_range_each_day_has_its_own_check_results(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        odd = {"priority": "4 - Lower", "closed_at": "7/3/2016 12:00"}
        defs = small(tmp_path, [{}, odd])
        assert run_dagster(defs, "2016-03-05...2016-03-07", instance).success
        shown = check_states(instance)
        days = ["2016-03-05", "2016-03-06", "2016-03-07"]
        assert shown.pop(("known_priorities", "SUCCEEDED")) == days[:2]
        assert shown.pop(("known_priorities", "FAILED")) == days[2:]
        assert {status for _, status in shown} == {"SUCCEEDED"}
        assert list(shown.values()) == [days] * 5

    def test_a_ticket_closed_before_its_last_update_stops_the_evaluation(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        defs = small(tmp_path, [{}, {"sys_updated_at": "6/3/2016 12:00"}])
        result = run_dagster(defs, "2016-03-05", instance)
        assert not result.success
        (broken,) = (e for e in result.get_asset_check_evaluations() if not e.passed)
        assert broken.check_name == "no_negative_target"
        assert "log_row 2, target_s -86400.0" in (broken.description or "")
        assert not (tmp_path / "store/metrics").exists()

    def test_a_store_that_cannot_be_written_is_named(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        (tmp_path / "store").write_text("a file where the folder should be")
        result = run_dagster(project(tmp_path / "store"), "2016-03-08", instance)
        assert "TICKET_STORE" in failure(result)


def check_states(instance: dg.DagsterInstance) -> dict[tuple[str, str], list[str]]:
    """The days of each check by status, as Dagster's UI shows them."""
    keys = [
        (dg.AssetCheckKey(dg.AssetKey(check.options["asset"]), check.name), DAYS)
        for check in CHECKS
        if check.is_daily
    ]
    states = instance.event_log_storage.get_asset_check_state(keys)
    return {
        (key.name, status.name): sorted(days)
        for key, state in states.items()
        for status, subset in state.subsets.items()
        if (days := subset.value.get_partition_keys())
    }


CONTEXT = dg.build_asset_check_context()
raw_log_schema = checks.raw_log_schema.define(DAYS)
sample_is_of_the_log = checks.sample_is_of_the_log.define(DAYS)
predictions_are_positive = checks.predictions_are_positive.define(DAYS)
no_drift = checks.no_drift.define(DAYS)


class TestChecksFindPlantedFaults:
    @pytest.fixture
    def products(self, tmp_path: Path, instance: dg.DagsterInstance) -> dict[str, pd.DataFrame]:
        defs = project(tmp_path)
        run_dagster(defs, "2016-03-08", instance)
        return {
            name: defs.load_asset_value(name, partition_key="2016-03-08", instance=instance)
            for name in DAILY
        }

    def test_a_column_of_the_wrong_type(self, products: dict[str, pd.DataFrame]) -> None:
        found = raw_log_schema(CONTEXT, products["raw_log"].astype({"sys_mod_count": "float64"}))
        assert not found.passed
        assert "column sys_mod_count, expected int64, found float64" in str(found.description)
        assert not raw_log_schema(CONTEXT, products["raw_log"].drop(columns="vendor")).passed

    def test_a_sample_of_other_rows_or_of_too_few(self, products: dict[str, pd.DataFrame]) -> None:
        batch, log = products["sampled_batch"], products["raw_log"]
        assert sample_is_of_the_log(CONTEXT, batch, log).passed
        stray = batch.assign(log_row=batch["log_row"].where(batch.index > 0, 10**9))
        for wrong in (stray, batch.iloc[1:], pd.concat([batch.iloc[1:], batch.iloc[[1]]])):
            wrong = wrong.sort_values("log_row", ignore_index=True)
            wrong.attrs = batch.attrs
            assert not sample_is_of_the_log(CONTEXT, wrong, log).passed

    def test_a_prediction_that_is_none(self, products: dict[str, pd.DataFrame]) -> None:
        predictions = products["predictions"]
        assert predictions_are_positive(CONTEXT, predictions).passed
        broken = predictions.assign(
            predicted_s=predictions["predicted_s"].where(lambda s: s.index > 0)
        )
        assert not predictions_are_positive(CONTEXT, broken).passed

    @pytest.mark.parametrize(("ratio", "passes"), [(None, True), (1.2, True), (1.8, False)])
    def test_drift(self, ratio: float | None, passes: bool) -> None:
        found = no_drift({"drift": {"ratio": ratio}})
        assert found.passed is passes
        assert found.severity is dg.AssetCheckSeverity.WARN


def test_the_report_covers_the_days_that_are_evaluated(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    defs = project(tmp_path)
    run_dagster(defs, "2016-03-07...2016-03-09", instance)
    result = run_dagster(defs, None, instance, job=REPORT_JOB)
    assert result.success, failure(result)
    report = json.loads((tmp_path / "performance_report.json").read_text())
    assert (report["first_day"], report["last_day"], report["days"]) == (
        "2016-03-07",
        "2016-03-09",
        3,
    )
    assert {entry["priority"] for entry in report["by_priority"]} <= {
        "1 - Critical", "2 - High", "3 - Moderate", "4 - Low",
    }  # fmt: skip
    (event,) = result.get_asset_materialization_events()
    images = event.step_materialization_data.materialization.metadata
    assert "data:image/png;base64," in str(images["trend"].value)


def test_the_event_log_s_data_version_is_its_sha256(
    tmp_path: Path, small_log: str, instance: dg.DagsterInstance
) -> None:
    import hashlib

    defs = project(tmp_path / "store", small_log, tmp_path / "cache")
    source = defs.resolve_asset_graph().get(dg.AssetKey("event_log")).assets_def
    assert observe([source], instance=instance).success
    (record,) = instance.fetch_observations(dg.AssetKey("event_log"), limit=1).records
    assert record.asset_observation is not None
    expected = hashlib.sha256(Path(small_log).read_bytes()).hexdigest()
    assert record.asset_observation.tags[DATA_VERSION_TAG] == expected
