"""Notices about finished runs, posted to a webhook: the same from Dagster and from Prefect.

The webhook is TICKET_WEBHOOK_URL, so the team that follows the tickets follows these jobs too.
"""

import json
import os
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

TIMEOUT_S = 5.0


def post(text: str, warn: Callable[[str], None]) -> None:
    """Posts a Slack-compatible message, if a webhook is set; a failure warns and raises nothing."""
    url = os.environ.get("TICKET_WEBHOOK_URL", "")
    if not url:
        return
    body = json.dumps({"text": text}).encode()
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        # Only the kind of error: its text may repeat the address, which is a secret.
        warn(f"The notice was not delivered: {type(error).__name__}.")


def message(job: str, partition: str, succeeded: bool, orchestrator: str, link: str) -> str:
    """One line about the run, and a link to it."""
    mark, verb = ("✅", "succeeded") if succeeded else ("❌", "failed")
    words = [mark, f"*{job}*", partition, verb, f"({orchestrator})"]
    lines = [" ".join(word for word in words if word)]
    return "\n".join([*lines, f"<{link}|Open the run>"] if link else lines)


def sensors(jobs: Sequence[Any]) -> list[dg.SensorDefinition]:
    """Dagster sensors that post a notice for each run of the jobs that succeeds or fails."""

    def notify(context: dg.RunStatusSensorContext) -> None:
        run = context.dagster_run
        dagster_url = os.environ.get("TICKET_DAGSTER_URL", "http://127.0.0.1:3000").rstrip("/")
        partition = run.tags.get("dagster/partition", "")
        link = f"{dagster_url}/runs/{run.run_id}"
        text = message(run.job_name, partition, run.is_success, "Dagster", link)
        post(text, context.log.warning)

    is_set = bool(os.environ.get("TICKET_WEBHOOK_URL"))
    running = dg.DefaultSensorStatus.RUNNING if is_set else dg.DefaultSensorStatus.STOPPED
    return [
        dg.run_status_sensor(
            name=f"notice_of_{outcome}",
            run_status=status,
            monitored_jobs=list(jobs),
            default_status=running,
            description="Posts a notice to TICKET_WEBHOOK_URL for each such run.",
        )(notify)
        for outcome, status in {
            "success": dg.DagsterRunStatus.SUCCESS,
            "failure": dg.DagsterRunStatus.FAILURE,
        }.items()
    ]


def flow_run_finished(flow: Any, flow_run: Any, state: Any) -> None:
    """A Prefect hook that posts a notice for the flow run."""
    from prefect.logging.loggers import flow_run_logger
    from prefect.utilities.urls import url_for

    text = message(
        flow.name.replace("-", "_"),
        str(flow_run.parameters.get("partition") or ""),
        state.is_completed(),
        "Prefect",
        url_for(flow_run) or "",
    )
    post(text, flow_run_logger(flow_run, flow).warning)
