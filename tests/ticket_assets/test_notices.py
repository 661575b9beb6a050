"""Notices and their delivery, to a real HTTP server on loopback."""

from typing import Any

import pytest

from tests.projects import JOB
from tests.webhook import Webhook
from ticket_assets.notices import Notice, deliver, summarize_metrics

NOTICE = Notice(JOB, "2016-03-08", "Prefect", True, "http://127.0.0.1:4200/runs/1")


def test_a_busy_webhook_is_tried_again(webhook: Webhook) -> None:
    webhook.statuses = [503, 429, 200]
    assert deliver(NOTICE, webhook.url, pytest.fail)
    assert len(webhook.bodies) == 3


@pytest.mark.parametrize("status", [404, 500])
def test_a_refusal_is_reported_without_the_webhook_s_secret(webhook: Webhook, status: int) -> None:
    webhook.statuses = [status]
    warnings: list[str] = []
    assert not deliver(NOTICE, webhook.url, warnings.append)
    assert f"HTTP status {status}" in warnings[0]
    assert "SECRET" not in warnings[0]
    assert len(webhook.bodies) == (1 if status == 404 else 3)


def test_a_webhook_that_is_down_is_reported_without_its_secret(webhook: Webhook) -> None:
    warnings: list[str] = []
    assert not deliver(NOTICE, "http://127.0.0.1:9/services/SECRET", warnings.append)
    assert "127.0.0.1:9: ConnectionError" in warnings[0]
    assert "SECRET" not in warnings[0]


@pytest.mark.parametrize(
    ("of_days", "phrase"),
    [
        ({}, ""),
        ({"2016-03-08": {"num_obs": 0}}, "no tickets were closed"),
        ({"2016-03-08": {"num_obs": 3, "mae_h": 1.25}}, "3 rows scored, MAE 1.2 h"),
        (
            {"a": {"num_obs": 9, "mae_h": 1}, "b": {"num_obs": 0}, "c": {"num_obs": 3, "mae_h": 3}},
            "12 rows scored on 3 days, median MAE 2.0 h",
        ),
    ],
)  # fmt: skip
def test_a_run_s_metrics_are_one_phrase(of_days: dict[str, dict[str, Any]], phrase: str) -> None:
    assert summarize_metrics(of_days) == phrase
