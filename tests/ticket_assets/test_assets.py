"""The job as a user runs it under Dagster: on the sample log, and on small logs with faults."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.observe import observe

from tests.logs import write_log
from tests.projects import (
    JOB,
    REPORT_JOB,
    failure,
    files,
    partition_tags,
    project,
    run_dagster,
    small_project,
)
from ticket_assets.evaluation.alerts import ALERTS
from ticket_assets.store.digests import content_digests

TABLES = [
    "challenger_predictions",
    "metrics",
    "model_scores",
    "predictions",
    "raw_log",
    "sampled_batch",
    "targets",
]
DAILY = sorted([*TABLES, "challenger", "trial_summary"])


pytestmark = pytest.mark.xdist_group("assets")  # they share what took long to make


@dataclass(frozen=True)
class Evaluated:
    """A run of days that succeeded, its store, and the instance that knows it; for reading."""

    store: Path
    instance: dg.DagsterInstance
    result: dg.ExecuteInProcessResult


def evaluated(store: Path, days: str) -> Iterator[Evaluated]:
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_dagster(project(store), days, instance)
        assert result.success, failure(result)
        yield Evaluated(store, instance, result)


@pytest.fixture(scope="module")
def a_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluated]:
    yield from evaluated(tmp_path_factory.mktemp("day"), "2016-03-08")


@pytest.fixture(scope="module")
def a_range(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluated]:
    yield from evaluated(tmp_path_factory.mktemp("range"), "2016-03-07...2016-03-09")


@pytest.fixture
def small_log(tmp_path: Path) -> str:
    rows = [{"closed_at": f"{day}/3/2016 12:00"} for day in (5, 5, 7)]
    return str(write_log(tmp_path / "log.csv", rows))


@pytest.mark.usefixtures("instance")  # Dagster looks at the process's last one, dead or alive
def test_the_code_location_declares_these() -> None:
    from ticket_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    assert sorted(key.to_user_string() for key in graph.get_all_asset_keys()) == sorted(
        [*DAILY, "event_log", "evaluation_report", "performance_report"]
    )
    assert sorted(f"{k.asset_key.to_user_string()}:{k.name}" for k in graph.asset_check_keys) == [
        *sorted(f"evaluation_report:no_{name}" for name in ALERTS),
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


def test_a_day_makes_a_file_of_each_product_and_all_checks_pass(a_day: Evaluated) -> None:
    assert list(files(a_day.store)) == [
        f"{name}/2016-03-08.{'parquet' if name in TABLES else 'json'}" for name in DAILY
    ]
    evaluations = a_day.result.get_asset_check_evaluations()
    assert len(evaluations) == 6
    assert all(evaluation.passed for evaluation in evaluations)
    assert {evaluation.partition for evaluation in evaluations} == {"2016-03-08"}


def test_running_a_day_again_or_within_a_range_gives_the_same_bytes(
    a_day: Evaluated, a_range: Evaluated
) -> None:
    within = files(a_range.store)
    alone = files(a_day.store)
    assert alone
    assert alone == {name: within[name] for name in alone}


def test_each_day_of_a_range_has_its_own_metadata(a_range: Evaluated) -> None:
    events = [
        event.step_materialization_data.materialization
        for event in a_range.result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("raw_log")
    ]
    rows = {
        event.partition: event.metadata["dagster/partition_row_count"].value for event in events
    }
    tables = {day: pd.read_parquet(a_range.store / "raw_log" / f"{day}.parquet") for day in rows}
    assert rows == {day: len(table) for day, table in tables.items()}
    assert len(rows) == 3
    assert len({event.metadata["content_sha256"].value for event in events}) == 3
    assert {event.metadata["log_source"].value for event in events} == {"sample"}


def test_a_day_s_data_version_is_its_content_fingerprint(a_day: Evaluated) -> None:
    record = a_day.instance.get_latest_materialization_event(dg.AssetKey("targets"))
    assert record is not None
    materialization = record.asset_materialization
    assert materialization is not None
    defs = project(a_day.store)
    table = defs.load_asset_value("targets", partition_key="2016-03-08", instance=a_day.instance)
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
    assert len(files(tmp_path / "store")) == 3 * len(DAILY)


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
        defs = small_project(tmp_path, [{"closed_at": "31/2/2016 10:00"}])
        result = run_dagster(defs, "2016-03-05", instance)
        assert "row 1, column closed_at: found '31/2/2016 10:00'" in failure(result)
        assert not [event for event in result.all_events if event.is_step_up_for_retry]
        assert files(tmp_path / "store") == {}

    def test_a_batch_size_below_one_is_refused(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        defs = project(tmp_path)
        config = {"sampled_batch": {"batch_size": 0}}
        result = run_dagster(defs, "2016-03-08", instance, config)
        assert "batch_size" in failure(result)
        assert "greater than or equal to 1" in failure(result)
        assert not (tmp_path / "sampled_batch").exists()

    def test_a_store_that_cannot_be_written_is_named(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        (tmp_path / "store").write_text("a file where the folder should be")
        result = run_dagster(project(tmp_path / "store"), "2016-03-08", instance)
        assert "TICKET_STORE" in failure(result)


def test_the_report_covers_the_days_that_are_evaluated(
    a_range: Evaluated, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    store = Path(shutil.copytree(a_range.store, tmp_path / "store"))
    result = run_dagster(project(store), None, instance, job=REPORT_JOB)
    assert result.success, failure(result)
    report = json.loads((store / "performance_report.json").read_text())
    assert (report["first_day"], report["last_day"], report["days"]) == (
        "2016-03-07",
        "2016-03-09",
        3,
    )
    assert {entry["priority"] for entry in report["by_priority"]} <= {
        "1 - Critical", "2 - High", "3 - Moderate", "4 - Low",
    }  # fmt: skip
    (event,) = (
        each
        for each in result.get_asset_materialization_events()
        if each.asset_key == dg.AssetKey("performance_report")
    )
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


class TestTheModel:
    """As TICKET_MODEL names it."""

    @staticmethod
    def run(
        store: Path, instance: dg.DagsterInstance, setting: str, **configured: str
    ) -> dg.ExecuteInProcessResult:
        defs = project(store, model=setting)
        return run_dagster(defs, "2016-05-10", instance, {"predictions": configured})

    def test_that_is_trained_predicts_what_the_challenger_does(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        assert self.run(tmp_path, instance, "gradient-boosting").success
        predicted = pd.read_parquet(tmp_path / "predictions/2016-05-10.parquet")["predicted_s"]
        trained = pd.read_parquet(tmp_path / "challenger_predictions/2016-05-10.parquet")
        assert predicted.equals(trained["gradient_boosting_s"].rename("predicted_s"))
        summary = json.loads((tmp_path / "trial_summary/2016-05-10.json").read_text())
        document = json.loads((tmp_path / "challenger/2016-05-10.json").read_text())
        assert summary["provenance"]["hours"] is None
        assert summary["provenance"]["model"] == {
            "name": "gradient-boosting",
            "version": document["gradient_boosting"]["trained_on"]["sha256"],
        }
        assert list(summary["data"]["scores"]["all"]["models"]) == [
            "constant",
            "gradient-boosting",
            "state-median",
        ]

    def test_may_be_a_function_named_in_a_run_s_configuration(
        self, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "an_hour.py").write_text(
            "def predict(features):\n    return features['sys_mod_count'] * 0 + 3600.0\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        result = self.run(tmp_path / "store", instance, "priority-hours", model="an_hour:predict")
        assert result.success, failure(result)
        summary = json.loads((tmp_path / "store/trial_summary/2016-05-10.json").read_text())
        assert summary["provenance"]["model"]["name"] == "an_hour:predict"
        table = pd.read_parquet(tmp_path / "store/model_scores/2016-05-10.parquet")
        assert set(table.loc[table["is_champion"], "model"]) == {"an_hour:predict"}

    def test_that_reads_a_leak_is_refused_and_nothing_is_written(
        self, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "leak.py").write_text(
            "def predict(features):\n    return features['resolved_at']\n"
            "predict.columns = ['resolved_at']\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        result = self.run(tmp_path / "store", instance, "leak:predict")
        assert "the feature 'resolved_at' is refused as a leak" in failure(result)
        assert not (tmp_path / "store/predictions").exists()

    def test_that_is_trained_cannot_be_chosen_for_a_graph_that_does_not_train_it_first(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        result = self.run(tmp_path, instance, "priority-hours", model="constant")
        assert "Set TICKET_MODEL=constant." in failure(result)

    def test_that_has_no_past_is_refused(
        self, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        result = run_dagster(project(tmp_path, model="constant"), "2016-02-29", instance)
        assert "nothing to train it on for 1 days (first: 2016-02-29)" in failure(result)

    def test_of_stored_days_is_one(
        self, a_day: Evaluated, tmp_path: Path, instance: dg.DagsterInstance
    ) -> None:
        store = Path(shutil.copytree(a_day.store, tmp_path / "store"))
        other = project(store, model="state-median")
        assert run_dagster(other, "2016-03-09", instance).success
        defs = project(store)
        job = defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(
            asset_selection=[dg.AssetKey("model_scores")],
            tags=partition_tags("2016-03-08...2016-03-09"),
            instance=instance,
            raise_on_error=False,
        )
        expected = "found those of several models: priority-hours (2016-03-08), state-median"
        assert expected in failure(result)


def test_the_population_decides_which_rows_are_drawn(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    result = run_dagster(project(tmp_path, population="open"), "2016-05-10", instance)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    batch = pd.read_parquet(tmp_path / "sampled_batch/2016-05-10.parquet")
    log = pd.read_parquet(tmp_path / "raw_log/2016-05-10.parquet")
    still_open = int((log["incident_state"] != "Closed").sum())
    assert "Closed" in set(log["incident_state"])
    assert "Closed" not in set(batch["incident_state"])
    assert len(batch) == min(1000, still_open)
    summary = json.loads((tmp_path / "trial_summary/2016-05-10.json").read_text())
    assert summary["data"]["population"] == summary["provenance"]["population"] == "open"


def test_an_unknown_population_is_refused(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    config = {"sampled_batch": {"population": "closed"}}
    result = run_dagster(project(tmp_path), "2016-05-10", instance, config)
    assert "population is 'closed'; expected all or open." in failure(result)
