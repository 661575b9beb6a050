"""Our own job under both orchestrators: the same content, the same answers to bad input."""

import json
from dataclasses import fields
from pathlib import Path

import dagster as dg
import pytest
from prefect.exceptions import ParameterTypeError
from prefect.utilities.callables import parameter_schema

from prefect_compat import as_flow
from prefect_compat.errors import StepError
from tests import needs
from tests.projects import JOB, REPORT_JOB, files, project, run_dagster

needs.tickets()

from tests.logs import write_log  # noqa: E402  # reads the tickets' schema
from ticket_assets.evaluation.alert_limits import AlertLimits  # noqa: E402

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_range_leaves_the_same_bytes_under_both(tmp_path: Path) -> None:
    days = "2016-03-05...2016-03-07"
    config = {"batch_size": 500, "seed": 498}
    with dg.DagsterInstance.ephemeral() as instance:
        run_dagster(project(tmp_path / "a"), days, instance, {"sampled_batch": config})
    flow = as_flow(project(tmp_path / "b"), job=JOB)
    assert flow.name == "ticket-model-evaluation"
    result = flow(partition=days, sampled_batch=config)
    assert len(result.materializations) == 27
    assert len(files(tmp_path / "a")) == 27
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_data_versions_and_checks_are_the_same_under_both(tmp_path: Path) -> None:
    from dagster._core.definitions.data_version import DATA_VERSION_TAG

    with dg.DagsterInstance.ephemeral() as instance:
        result = run_dagster(project(tmp_path / "a"), "2016-03-08", instance)
    materializations = [
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
    ]
    under_dagster = {
        m.asset_key.path[0]: (m.tags or {})[DATA_VERSION_TAG] for m in materializations
    }
    found = as_flow(project(tmp_path / "b"), job=JOB)(partition="2016-03-08")
    under_prefect = {m.output.asset_key[0]: m.data_version for m in found.materializations}
    assert under_prefect == under_dagster
    assert {(c.check.name, c.passed, c.severity) for c in found.checks} == {
        (e.check_name, e.passed, e.severity.value) for e in result.get_asset_check_evaluations()
    }


def test_the_report_of_what_is_there_has_the_same_bytes_under_both(tmp_path: Path) -> None:
    defs = project(tmp_path)
    as_flow(defs, job=JOB)(partition="2016-03-08...2016-03-09")
    names = [f"evaluation_report{suffix}" for suffix in (".json", ".html", ".md")]
    names.append("performance_report.json")
    made = as_flow(defs, job=REPORT_JOB)().materializations
    assert sorted(each.output.label for each in made) == ["evaluation_report", "performance_report"]
    of_prefect = [(tmp_path / name).read_bytes() for name in names]
    for name in names:
        (tmp_path / name).unlink()
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_dagster(defs, None, instance, job=REPORT_JOB).success
    assert [(tmp_path / name).read_bytes() for name in names] == of_prefect


def test_a_batch_of_none_is_refused_before_any_task_runs(tmp_path: Path) -> None:
    flow = as_flow(project(tmp_path), job=JOB)
    with pytest.raises(ParameterTypeError, match=r"sampled_batch\.batch_size"):
        flow(partition="2016-03-08", sampled_batch={"batch_size": 0})
    assert files(tmp_path) == {}


def test_the_report_s_limits_are_a_parameter_and_a_wrong_one_is_refused_by_its_name(
    tmp_path: Path,
) -> None:
    as_flow(project(tmp_path), job=JOB)(partition="2016-03-08")
    flow = as_flow(project(tmp_path), job=REPORT_JOB)
    schema = parameter_schema(flow.fn).definitions["AlertLimitsConfig"]["properties"]
    assert list(schema) == [each.name for each in fields(AlertLimits)]
    assert schema["drift_share"]["description"].endswith("empty: TICKET_ALERT_LIMITS, else 0")
    refused = r"evaluation_report\.drift_share: .*found 2\.0, expected a share from 0 to below 1"
    with pytest.raises(ParameterTypeError, match=refused):
        flow(evaluation_report={"drift_share": 2})
    assert not (tmp_path / "evaluation_report.json").exists()
    flow(evaluation_report={"baseline_better_h": 7})
    document = json.loads((tmp_path / "evaluation_report.json").read_text())
    assert {each["name"]: each["limit"] for each in document["alerts"]}["worse_than_constant"] == 7


def test_a_log_with_faults_is_refused_in_the_same_words_and_at_once(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", [{"closed_at": "31/2/2016 10:00"}])
    flow = as_flow(project(tmp_path / "store", str(log), tmp_path / "cache"), job=JOB)
    with pytest.raises(StepError, match="row 1, column closed_at: found '31/2/2016 10:00'"):
        flow(partition="2016-03-05")
    assert files(tmp_path / "store") == {}


def test_a_ticket_closed_before_its_last_update_stops_the_evaluation(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", [{}, {"sys_updated_at": "6/3/2016 12:00"}])
    flow = as_flow(project(tmp_path / "store", str(log), tmp_path / "cache"), job=JOB)
    with pytest.raises(StepError, match="targets: no_negative_target"):
        flow(partition="2016-03-05")
    assert not (tmp_path / "store" / "metrics").exists()
