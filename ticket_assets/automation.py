"""The jobs, the schedule, and the sensors that send notices about finished runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from ticket_assets.assets import DAILY_ASSETS, metrics, trial_summary
from ticket_assets.notices import Notice, deliver, new_alerts, summarize_metrics
from ticket_assets.report_assets import evaluation_report, performance_report
from ticket_assets.settings import Settings
from ticket_assets.upstream_fixes.private_names import UnresolvedAssetJobDefinition

# After a long stop the scheduler catches up by a week at each tick.
DAYS_PER_TICK = 7
SUMMARY = dg.AssetKey(trial_summary.name)
PARTITION_TAG = "dagster/partition"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

ticket_model_evaluation = dg.define_asset_job(
    "ticket_model_evaluation",
    selection=dg.AssetSelection.assets(*(asset.name for asset in DAILY_ASSETS)),
    description="Evaluates the closing-time prediction for a day or a range of days.",
)

ticket_performance_report = dg.define_asset_job(
    "ticket_performance_report",
    selection=dg.AssetSelection.assets(performance_report.name, evaluation_report.name),
    description="Reports on all days evaluated so far: the trend, the models side by side, alerts.",
)


def oldest_day_first(
    days: dg.PartitionsDefinition[str],
    cron: str,
    waiting_days: Callable[[dg.DagsterInstance], Sequence[str]] | None = None,
) -> dg.ScheduleDefinition:
    """The schedule that evaluates the oldest of these days first; `cron` is in UTC.

    `waiting_days` gives those that are to be evaluated, oldest first. By default, they are those
    without a trial summary.
    """

    @dg.schedule(
        name="oldest_day_first",
        job=ticket_model_evaluation,
        cron_schedule=cron,
        execution_timezone="UTC",
        description="Evaluates the oldest days that have no trial summary yet, at most"
        f" {DAYS_PER_TICK} at each tick. So a scheduler that was stopped catches up.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        waiting = _not_running(
            context.instance,
            waiting_days(context.instance)
            if waiting_days
            else _days_without_summary(context.instance, days),
        )
        if not waiting:
            return dg.SkipReason("Every day of the log is evaluated.")
        # The tick is part of the run key: otherwise Dagster would never run a failed day again.
        time = context.scheduled_execution_time.isoformat()
        return [
            dg.RunRequest(run_key=f"{day} at {time}", partition_key=day)
            for day in waiting[:DAYS_PER_TICK]
        ]

    return tick


def _days_without_summary(
    instance: dg.DagsterInstance, days: dg.PartitionsDefinition[str]
) -> list[str]:
    evaluated = instance.get_materialized_partitions(SUMMARY)
    return [day for day in days.get_partition_keys() if day not in evaluated]


def _not_running(instance: dg.DagsterInstance, days: Sequence[str]) -> list[str]:
    """The days but for those that a run evaluates or is about to."""
    runs = instance.get_runs(
        dg.RunsFilter(
            statuses=[
                dg.DagsterRunStatus.QUEUED,
                dg.DagsterRunStatus.STARTING,
                dg.DagsterRunStatus.STARTED,
            ],
        )
    )
    running = [_first_and_last_day(run.tags) for run in runs if _is_evaluation(run)]
    return [day for day in days if not any(first <= day <= last for first, last in running)]


def _is_evaluation(run: dg.DagsterRun) -> bool:
    """True for runs of the job, and for runs of its assets that Dagster's automation requests."""
    is_of_job = run.job_name == ticket_model_evaluation.name
    return is_of_job or SUMMARY in (run.asset_selection or ())


def _first_and_last_day(tags: Mapping[str, str]) -> tuple[str, str]:
    """The days of a run, as ISO dates, which sort as days do."""
    day = tags.get(PARTITION_TAG, "")
    first, last = (tags.get(name, day) for name in RANGE_TAGS)
    return first, last


def report_condition() -> dg.AutomationCondition[Any]:
    """True once days were evaluated since the last report, and none is being evaluated."""
    condition = dg.AutomationCondition
    return (
        condition.any_deps_updated().since_last_handled()
        & ~condition.any_deps_in_progress()
        & ~condition.in_progress()
    ).with_label("days_since_the_last_report")


def report_after_days(settings: Settings) -> dg.AutomationConditionSensorDefinition:
    """The sensor that requests a report when days were evaluated."""
    is_on = settings.is_live
    return dg.AutomationConditionSensorDefinition(
        "report_after_days",
        target=dg.AssetSelection.assets(evaluation_report.name),
        default_status=dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED,
        description="Requests evaluation_report after runs of days, so that its alerts are those of"
        " the last day. On from the start for a live log.",
    )


def notice_sensors(
    settings: Settings,
    jobs: Sequence[UnresolvedAssetJobDefinition] = (
        ticket_model_evaluation,
        ticket_performance_report,
    ),
) -> list[dg.SensorDefinition]:
    """Sensors that post to the settings' webhook when a run of the jobs succeeds or fails.

    For a live log they hear of every run: those that Dagster's automation requests belong to no
    job of ours.
    """

    names = {job.name for job in jobs}

    def notify(context: dg.RunStatusSensorContext) -> dg.SkipReason:
        if not settings.webhook_url:
            return dg.SkipReason("TICKET_WEBHOOK_URL is not set.")
        run = context.dagster_run
        if run.is_success and not (_is_evaluation(run) or run.job_name in names):
            return dg.SkipReason(f"Run {run.run_id} evaluated nothing.")
        notice = _notice_of(context, settings.dagster_url)
        accepted = deliver(notice, settings.webhook_url, context.log.warning)
        outcome = "was delivered" if accepted else "was not delivered"
        return dg.SkipReason(f"The notice of run {context.dagster_run.run_id} {outcome}.")

    def sensor(name: str, status: dg.DagsterRunStatus, outcome: str) -> dg.SensorDefinition:
        return dg.run_status_sensor(
            name=name,
            run_status=status,
            monitored_jobs=None if settings.is_live else list(jobs),
            description=f"Posts a notice to TICKET_WEBHOOK_URL for each run that {outcome}: its"
            " job, days, figures, and a link. A webhook that is down fails no run.",
            default_status=dg.DefaultSensorStatus.RUNNING
            if settings.webhook_url
            else dg.DefaultSensorStatus.STOPPED,
        )(notify)

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
        job=ticket_model_evaluation.name if _is_evaluation(run) else run.job_name,
        days=days,
        orchestrator="Dagster",
        succeeded=run.is_success,
        link=f"{dagster_url}/runs/{run.run_id}",
        figures=summarize_metrics(_metrics_of(context.instance, run.run_id)),
        alerts=_new_alerts(context.instance, run.run_id),
        reason="" if run.is_success else _reason(context),
    )


def _metrics_of(instance: dg.DagsterInstance, run_id: str) -> dict[str, dict[str, Any]]:
    """The metadata that the run gave to `metrics`, by day."""
    by_day: dict[str, dict[str, Any]] = {}
    for event in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        made = event.asset_materialization
        if made and made.asset_key == dg.AssetKey(metrics.name) and made.partition:
            by_day[made.partition] = {name: value.value for name, value in made.metadata.items()}
    return by_day


def _new_alerts(instance: dg.DagsterInstance, run_id: str) -> tuple[str, ...]:
    """The alerts that the run's report calls new."""
    for event in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        made = event.asset_materialization
        if made and made.asset_key == dg.AssetKey(evaluation_report.name):
            return new_alerts({name: value.value for name, value in made.metadata.items()})
    return ()


def _reason(context: dg.RunStatusSensorContext) -> str:
    """The error of the first failed step, else the message of the run."""
    for event in context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE
    ):
        step = event.get_dagster_event()
        data = step.step_failure_data
        described = data.user_failure_data.description if data.user_failure_data else None
        return f"{step.step_key}: {described or (data.error.message if data.error else '')}".strip()
    return context.dagster_event.message or ""
