"""Our own jobs as Prefect flows: the entry points for deployments (`ticket_flow.py:flow`).

The one file of this package that knows the tickets.
"""

import logging
from pathlib import Path
from typing import Any

import prefect
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging import get_run_logger
from prefect.logging.loggers import flow_run_logger
from prefect.utilities.urls import url_for

from prefect_compat.errors import StepError
from prefect_compat.flow.build import as_flow
from prefect_compat.flow.result import FlowResult
from ticket_assets.automation import DAYS_PER_TICK
from ticket_assets.configured import event_log_of
from ticket_assets.days import daily_partitions
from ticket_assets.definitions import defs
from ticket_assets.live_log import days_to_evaluate
from ticket_assets.notices import Notice, deliver, new_alerts, summarize_metrics
from ticket_assets.settings import Settings
from ticket_assets.store.place import place_at
from ticket_assets.store.read import read_documents

Log = logging.Logger | logging.LoggerAdapter[Any]


def deployment_settings() -> dict[str, str]:
    """The settings that `prefect.yaml` uses, as the outputs of a build step."""
    return {"schedule": Settings.from_environment().schedule}


def send_notice(flow: prefect.Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Posts a notice about the finished flow run to TICKET_WEBHOOK_URL, if it is set."""
    webhook_url = Settings.from_environment().webhook_url
    if not webhook_url:
        return
    outcome = state.result(raise_on_failure=False)
    failed = not state.is_completed()
    notice = Notice(
        job=_job_of(flow),
        days=str(flow_run.parameters.get("partition", "")),
        orchestrator="Prefect",
        succeeded=not failed,
        link=url_for(flow_run) or "",
        figures=summarize_metrics(_metrics_of(outcome)),
        alerts=_new_alerts(outcome),
        reason=str(outcome if isinstance(outcome, StepError) else state.message) if failed else "",
    )
    deliver(notice, webhook_url, flow_run_logger(flow_run, flow).warning)


def _metrics_of(result: Any) -> dict[str, dict[str, Any]]:
    """The metadata that the flow run gave to `metrics`, by day."""
    if not isinstance(result, FlowResult):
        return {}
    return {
        str(made.output.partition_key): {name: v.value for name, v in made.metadata.items()}
        for made in result.materializations
        if made.output.asset_key == ("metrics",)
    }


def _new_alerts(outcome: Any) -> tuple[str, ...]:
    """The alerts that the flow run's report calls new."""
    if not isinstance(outcome, FlowResult):
        return ()
    reports = (
        made for made in outcome.materializations if made.output.asset_key == ("evaluation_report",)
    )
    return tuple(
        alert
        for made in reports
        for alert in new_alerts({name: value.value for name, value in made.metadata.items()})
    )


def link_to_dagster(flow: prefect.Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Adds an artifact that links to the same job in Dagster's UI.

    Lineage and asset pages are there; Prefect's open-source server has none.
    """
    job = _job_of(flow)
    address = f"{Settings.from_environment().dagster_url}/locations/ticket_assets/jobs/{job}"
    link = ArtifactCreate(
        key="in-dagster",
        type="markdown",
        description="The job that this flow is derived from, with its assets' lineage.",
        data=f"[{job} in Dagster]({address})",
        flow_run_id=flow_run.id,
    )
    with get_client(sync_client=True) as client:
        client.create_artifact(link)


def _job_of(flow: prefect.Flow[..., Any]) -> str:
    return flow.name.replace("-", "_")


def _with_hooks(flow: prefect.Flow[..., Any]) -> prefect.Flow[..., Any]:
    return flow.with_options(
        on_running=[link_to_dagster],
        on_completion=[send_notice],
        on_failure=[send_notice],
        on_crashed=[send_notice],
    )


flow = _with_hooks(as_flow(defs, job="ticket_model_evaluation", makes_artifacts=True))
report_flow = _with_hooks(as_flow(defs, job="ticket_performance_report", makes_artifacts=True))


@prefect.flow(
    name="oldest-days-first",
    description="Evaluates the oldest days that have no trial summary yet, so that a scheduler that"
    " was stopped catches up. Of a live log, also days that have other rows than they had. Each day"
    " is its own flow run.",
)
def oldest_days(days_per_run: int = DAYS_PER_TICK) -> list[str]:
    """The evaluated days. Tries all of them, then raises StepError if one failed.

    Ends with the report, so that its alerts are those of the last day.
    """
    waiting = _days_to_evaluate(get_run_logger())[:days_per_run]
    if not waiting:
        get_run_logger().info("Every day of the log is evaluated.")
    states: list[Any] = [flow(partition=day, return_state=True) for day in waiting]
    failed = [day for day, state in zip(waiting, states, strict=True) if not state.is_completed()]
    if len(failed) < len(waiting):
        report_flow(return_state=True)  # its own notice says if it fails; the days stay evaluated
    if failed:
        raise StepError(f"{len(failed)} of {len(waiting)} days failed: {', '.join(failed)}.")
    return waiting


def _days_to_evaluate(log: Log) -> list[str]:
    """The days without a trial summary; of a live log, also those whose rows have changed since."""
    settings = Settings.from_environment()
    days = daily_partitions(settings.first_day, settings.last_day).get_partition_keys()
    place = place_at(settings.store)
    summaries = {Path(name).stem: name for name in place.names("trial_summary")}
    if not settings.is_live:
        return [day for day in days if day not in summaries]
    stored = {day: f"trial_summary/{summaries[day]}" for day in days if day in summaries}
    evaluated = {
        day: str(document["provenance"]["log_sha256"])
        for day, document in read_documents(place, stored).items()
    }
    waiting = days_to_evaluate(event_log_of(settings).open(log), days, evaluated)
    if late := [day for day in waiting if day in evaluated]:
        log.info(f"Other rows than when they were evaluated: {', '.join(late)}.")
    return waiting
