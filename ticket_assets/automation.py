"""The jobs and the schedule."""

import dagster as dg

from ticket_assets.assets import DAILY_ASSETS, DAYS, performance_report, trial_summary

ticket_model_evaluation = dg.define_asset_job(
    "ticket_model_evaluation",
    selection=dg.AssetSelection.assets(*DAILY_ASSETS),
    description="Evaluates the closing-time prediction for a day or a range of days.",
)

ticket_performance_report = dg.define_asset_job(
    "ticket_performance_report",
    selection=dg.AssetSelection.assets(performance_report),
    description="Draws the trend over all days evaluated so far.",
)


@dg.schedule(
    job=ticket_model_evaluation,
    cron_schedule="0 6 * * *",
    description="Every morning: evaluates the oldest day that has no trial summary yet, so that a"
    " scheduler that stood still catches up day by day.",
)
def oldest_day_first(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The oldest day without a trial summary, or why there is none."""
    evaluated = context.instance.get_materialized_partitions(trial_summary.key)
    waiting = [day for day in DAYS.get_partition_keys() if day not in evaluated]
    if not waiting:
        return dg.SkipReason("Every day of the log is evaluated.")
    return dg.RunRequest(partition_key=waiting[0])
