"""Our own jobs as Prefect flows: the entry points for deployments (`ticket_flow.py:flow`).

The one file of this package that knows the tickets.
"""

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
from ticket_assets.definitions import DAYS, SETTINGS, defs
from ticket_assets.notices import Notice, deliver, headline
from ticket_assets.store.local import place_at


def tell(flow: prefect.Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Tells the webhook of the settings of a flow run that has ended."""
    if not SETTINGS.webhook_url:
        return
    outcome = state.result(raise_on_failure=False)
    failed = not state.is_completed()
    notice = Notice(
        job=flow.name.replace("-", "_"),
        days=str(flow_run.parameters.get("partition", "")),
        orchestrator="Prefect",
        succeeded=not failed,
        link=url_for(flow_run) or "",
        figures=headline(_metrics_of(outcome)),
        reason=str(outcome if isinstance(outcome, StepError) else state.message) if failed else "",
    )
    deliver(notice, SETTINGS.webhook_url, flow_run_logger(flow_run, flow).warning)


def _metrics_of(result: Any) -> dict[str, dict[str, Any]]:
    """The metadata of `metrics` by day, as the flow run made it."""
    if not isinstance(result, FlowResult):
        return {}
    return {
        str(made.output.partition_key): {name: v.value for name, v in made.metadata.items()}
        for made in result.materializations
        if made.output.asset_key == ("metrics",)
    }


def link_to_dagster(flow: prefect.Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """An artifact of the flow run that leads to the same job in Dagster's UI, whose lineage and
    asset pages Prefect's open-source server does not have."""
    job = flow.name.replace("-", "_")
    address = f"{SETTINGS.dagster_url}/locations/ticket_assets/jobs/{job}"
    link = ArtifactCreate(
        key="in-dagster",
        type="markdown",
        description="The job that this flow is derived from, with its assets' lineage.",
        data=f"[{job} in Dagster]({address})",
        flow_run_id=flow_run.id,
    )
    with get_client(sync_client=True) as client:
        client.create_artifact(link)


def _watched(flow: prefect.Flow[..., Any]) -> prefect.Flow[..., Any]:
    return flow.with_options(
        on_running=[link_to_dagster], on_completion=[tell], on_failure=[tell], on_crashed=[tell]
    )


flow = _watched(as_flow(defs, job="ticket_model_evaluation", makes_artifacts=True))
report_flow = _watched(as_flow(defs, job="ticket_performance_report", makes_artifacts=True))


@prefect.flow(
    name="oldest-days-first",
    description="Evaluates the oldest days that have no trial summary yet, so that a scheduler that"
    " stood still catches up. Each day is a flow run of its own.",
)
def oldest_days(days_per_run: int = DAYS_PER_TICK) -> list[str]:
    """The days that were evaluated; fails where one of them did, after all were tried."""
    waiting = _days_without_summary()[:days_per_run]
    if not waiting:
        get_run_logger().info("Every day of the log is evaluated.")
    states: list[Any] = [flow(partition=day, return_state=True) for day in waiting]
    failed = [day for day, state in zip(waiting, states, strict=True) if not state.is_completed()]
    if failed:
        raise StepError(f"{len(failed)} of {len(waiting)} days failed: {', '.join(failed)}.")
    return waiting


def _days_without_summary() -> list[str]:
    kept = {Path(name).stem for name in place_at(SETTINGS.store).names("trial_summary")}
    return [day for day in DAYS.get_partition_keys() if day not in kept]
