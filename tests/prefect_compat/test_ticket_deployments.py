"""Our own flows as they are deployed: what `prefect.yaml` names, the daily rule, the notices."""

import json
import logging
import re
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.utilities.importtools import import_object
from prefect.utilities.templating import apply_values

from prefect_compat.errors import StepError
from tests import needs
from tests.webhook import Webhook

needs.tickets()

from prefect_compat import ticket_flow  # noqa: E402  # only where the tickets are

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_every_deployment_names_a_flow_and_parameters_that_it_has(root: Path) -> None:
    deployments = yaml.safe_load((root / "prefect.yaml").read_text())["deployments"]
    for deployment in deployments:
        file, name = deployment["entrypoint"].split(":")
        flow = load_flow_from_entrypoint(f"{root / file}:{name}")
        flow.validate_parameters(deployment.get("parameters", {}))
        assert flow.description


def test_the_daily_deployment_has_the_times_of_the_setting(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployments = yaml.safe_load((root / "prefect.yaml").read_text())["deployments"]
    (daily,) = (each for each in deployments if each["name"] == "daily")
    (step,) = daily["build"]
    ((name, options),) = step.items()
    monkeypatch.setenv("TICKET_SCHEDULE", "* * * * *")
    outputs = {options["id"]: import_object(name)()}
    (schedule,) = apply_values(daily["schedules"], outputs)
    assert schedule == {"cron": "* * * * *", "timezone": "UTC", "active": False}


def test_a_flow_run_takes_the_oldest_days_without_a_summary_and_the_next_one_goes_on() -> None:
    waiting = ticket_flow._days_to_evaluate(logging.getLogger())
    assert ticket_flow.oldest_days(days_per_run=2) == waiting[:2]
    store = Path(ticket_flow.Settings.from_environment().store)
    assert json.loads((store / "evaluation_report.json").read_text())["days"] >= 2
    assert ticket_flow._days_to_evaluate(logging.getLogger()) == waiting[2:]


def test_the_form_says_what_each_parameter_takes() -> None:
    schema = parameter_schema(ticket_flow.flow.fn)
    assert "A key such as 2016-02-29" in schema.properties["partition"]["description"]
    hours = schema.definitions["PredictionsConfig"]["properties"]["critical_h"]
    assert hours["title"] == "1 - Critical, hours"


def test_a_flow_run_shows_the_day_s_products_and_leads_to_dagster() -> None:
    state = ticket_flow.flow(partition="2016-03-08", return_state=True)
    run = ArtifactFilter(flow_run_id={"any_": [state.state_details.flow_run_id]})
    with get_client(sync_client=True) as client:
        found = {artifact.key: artifact for artifact in client.read_artifacts(artifact_filter=run)}
    assert "/jobs/ticket_model_evaluation" in str(found["in-dagster"].data)
    assert '"MAE"' in str(found["trial-summary--summary"].data)
    (figures,) = json.loads(str(found["metrics"].data))
    assert figures["partition"] == "2016-03-08"
    assert figures["mae_h"] > 0


def test_a_flow_run_that_succeeds_sends_a_notice(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKET_WEBHOOK_URL", webhook.url)
    ticket_flow.flow(partition="2016-03-08")
    (body,) = webhook.bodies
    lines = body["text"].split("\n")
    assert lines[0] == "✅ *ticket_model_evaluation* 2016-03-08 succeeded (Prefect)"
    assert re.fullmatch(r"\d+ rows scored, MAE \d+\.\d h", lines[1])


def test_a_flow_run_that_fails_sends_a_notice_and_a_webhook_that_is_down_changes_nothing(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "raw_log").write_text("a file where the folder should be")
    flow = ticket_flow._with_hooks(
        ticket_flow.as_flow(
            ticket_flow.defs,
            job="ticket_model_evaluation",
            run_config={"resources": {"io_manager": {"config": {"root": str(tmp_path)}}}},
        )
    )
    monkeypatch.setenv("TICKET_WEBHOOK_URL", webhook.url)
    with pytest.raises(StepError, match="raw_log failed"):
        flow(partition="2016-03-08")
    (body,) = webhook.bodies
    assert body["text"].startswith(
        "❌ *ticket_model_evaluation* 2016-03-08 failed (Prefect)\nraw_log"
    )
    monkeypatch.setenv("TICKET_WEBHOOK_URL", "http://127.0.0.1:9/SECRET")
    assert ticket_flow.flow(partition="2016-03-08", return_state=True).is_completed()
