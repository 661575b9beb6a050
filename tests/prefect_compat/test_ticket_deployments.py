"""Our own flows as they are deployed: what `prefect.yaml` names, the daily rule, the notices."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint

from prefect_compat import ticket_flow
from prefect_compat.errors import StepError
from tests.webhook import Webhook

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_every_deployment_names_a_flow_and_parameters_that_it_has(root: Path) -> None:
    deployments = yaml.safe_load((root / "prefect.yaml").read_text())["deployments"]
    assert [deployment["name"] for deployment in deployments] == ["by-hand", "report", "daily"]
    for deployment in deployments:
        file, name = deployment["entrypoint"].split(":")
        flow = load_flow_from_entrypoint(f"{root / file}:{name}")
        flow.validate_parameters(deployment.get("parameters", {}))
        assert flow.description


def test_a_flow_run_takes_the_oldest_days_without_a_summary_and_the_next_one_goes_on() -> None:
    waiting = ticket_flow._days_without_summary()
    assert ticket_flow.oldest_days(days_per_run=2) == waiting[:2]
    assert ticket_flow._days_without_summary() == waiting[2:]


def test_a_flow_run_that_succeeds_is_told(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(ticket_flow.SETTINGS, webhook_url=webhook.url)
    monkeypatch.setattr(ticket_flow, "SETTINGS", settings)
    ticket_flow.flow(partition="2016-03-08")
    (body,) = webhook.bodies
    lines = body["text"].split("\n")
    assert lines[0] == "✅ *ticket_model_evaluation* 2016-03-08 succeeded (Prefect)"
    assert re.fullmatch(r"\d+ rows scored, MAE \d+\.\d h", lines[1])


def test_a_flow_run_that_fails_is_told_and_a_webhook_that_is_down_changes_nothing(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "raw_log").write_text("a file where the folder should be")
    flow = ticket_flow._told(
        ticket_flow.as_flow(
            ticket_flow.defs,
            job="ticket_model_evaluation",
            run_config={"resources": {"io_manager": {"config": {"root": str(tmp_path)}}}},
        )
    )
    settings = replace(ticket_flow.SETTINGS, webhook_url=webhook.url)
    monkeypatch.setattr(ticket_flow, "SETTINGS", settings)
    with pytest.raises(StepError, match="raw_log failed"):
        flow(partition="2016-03-08")
    (body,) = webhook.bodies
    assert body["text"].startswith(
        "❌ *ticket_model_evaluation* 2016-03-08 failed (Prefect)\nraw_log"
    )
    down = replace(settings, webhook_url="http://127.0.0.1:9/SECRET")
    monkeypatch.setattr(ticket_flow, "SETTINGS", down)
    assert ticket_flow.flow(partition="2016-03-08", return_state=True).is_completed()
