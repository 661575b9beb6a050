"""The jobs, the schedule, and the notices of runs that have ended."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from ticket_assets.assets import DAILY_ASSETS, metrics, performance_report, trial_summary
from ticket_assets.notices import Notice, deliver, headline
from ticket_assets.settings import Settings

# A scheduler that stood still for long catches up a week a tick.
DAYS_PER_TICK = 7
PARTITION_TAG = "dagster/partition"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

ticket_model_evaluation = dg.define_asset_job(
    "ticket_model_evaluation",
    selection=dg.AssetSelection.assets(*(asset.name for asset in DAILY_ASSETS)),
    description="Evaluates the closing-time prediction for a day or a range of days.",
)

ticket_performance_report = dg.define_asset_job(
    "ticket_performance_report",
    selection=dg.AssetSelection.assets(performance_report.name),
    description="Draws the trend over all days evaluated so far.",
)


def oldest_day_first(days: dg.PartitionsDefinition[str]) -> dg.ScheduleDefinition:
    """The schedule that catches up on these days."""

    @dg.schedule(
        name="oldest_day_first",
        job=ticket_model_evaluation,
        cron_schedule="0 6 * * *",
        description="Every morning at 6:00 UTC: evaluates the oldest days that have no trial"
        f" summary yet, at most {DAYS_PER_TICK}, so that a scheduler that stood still catches up.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        waiting = _days_to_run(context.instance, days)
        if not waiting:
            return dg.SkipReason("Every day of the log is evaluated.")
        # With the tick in its key, so that a day that failed is asked for again at the next.
        time = context.scheduled_execution_time.isoformat()
        return [
            dg.RunRequest(run_key=f"{day} at {time}", partition_key=day)
            for day in waiting[:DAYS_PER_TICK]
        ]

    return tick


def _days_to_run(instance: dg.DagsterInstance, days: dg.PartitionsDefinition[str]) -> list[str]:
    """The days without a trial summary, oldest first, but for those that a run is at."""
    evaluated = instance.get_materialized_partitions(dg.AssetKey(trial_summary.name))
    running = {
        run.tags.get(PARTITION_TAG)
        for run in instance.get_runs(
            dg.RunsFilter(
                job_name=ticket_model_evaluation.name,
                statuses=[
                    dg.DagsterRunStatus.QUEUED,
                    dg.DagsterRunStatus.STARTING,
                    dg.DagsterRunStatus.STARTED,
                ],
            )
        )
    }
    return [day for day in days.get_partition_keys() if day not in evaluated | running]


def notice_sensors(
    settings: Settings,
    jobs: Sequence[UnresolvedAssetJobDefinition] = (
        ticket_model_evaluation,
        ticket_performance_report,
    ),
) -> list[dg.SensorDefinition]:
    """What tells the webhook of the settings of each run of the jobs that succeeds or fails."""

    def tell(context: dg.RunStatusSensorContext) -> dg.SkipReason:
        if not settings.webhook_url:
            return dg.SkipReason("TICKET_WEBHOOK_URL is not set.")
        notice = _notice_of(context, settings.dagster_url)
        taken = deliver(notice, settings.webhook_url, context.log.warning)
        outcome = "was delivered" if taken else "was not delivered"
        return dg.SkipReason(f"The notice of run {context.dagster_run.run_id} {outcome}.")

    def sensor(name: str, status: dg.DagsterRunStatus, words: str) -> dg.SensorDefinition:
        return dg.run_status_sensor(
            name=name,
            run_status=status,
            monitored_jobs=list(jobs),
            description=f"Tells the webhook TICKET_WEBHOOK_URL of each run that {words}: what,"
            " which day, its figures, a link. A webhook that is down fails no run.",
            default_status=dg.DefaultSensorStatus.RUNNING
            if settings.webhook_url
            else dg.DefaultSensorStatus.STOPPED,
        )(tell)

    return [
        sensor("notice_of_success", dg.DagsterRunStatus.SUCCESS, "succeeds"),
        sensor("notice_of_failure", dg.DagsterRunStatus.FAILURE, "fails"),
    ]


def _notice_of(context: dg.RunStatusSensorContext, dagster_url: str) -> Notice:
    run = context.dagster_run
    days = run.tags.get(PARTITION_TAG) or "...".join(
        run.tags[tag] for tag in RANGE_TAGS if tag in run.tags
    )
    return Notice(
        job=run.job_name,
        days=days,
        orchestrator="Dagster",
        succeeded=run.is_success,
        link=f"{dagster_url}/runs/{run.run_id}",
        figures=headline(_metrics_of(context.instance, run.run_id)),
        reason="" if run.is_success else _reason(context),
    )


def _metrics_of(instance: dg.DagsterInstance, run_id: str) -> dict[str, dict[str, Any]]:
    """The metadata of `metrics` by day, as the run made it."""
    found: dict[str, dict[str, Any]] = {}
    for event in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        made = event.asset_materialization
        if made and made.asset_key == dg.AssetKey(metrics.name) and made.partition:
            found[made.partition] = {name: value.value for name, value in made.metadata.items()}
    return found


def _reason(context: dg.RunStatusSensorContext) -> str:
    """What the first step that failed said, else what the run says."""
    for event in context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE
    ):
        step = event.get_dagster_event()
        data = step.step_failure_data
        described = data.user_failure_data.description if data.user_failure_data else None
        return f"{step.step_key}: {described or (data.error.message if data.error else '')}".strip()
    return context.dagster_event.message or ""
