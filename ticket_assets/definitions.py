"""The code location: the one place that assembles assets, checks, jobs and resources."""

import gc

import dagster as dg

from ticket_assets.assets import DAILY_ASSETS, SETTINGS, EventLog, event_log, performance_report
from ticket_assets.automation import (
    notice_sensors,
    oldest_day_first,
    ticket_model_evaluation,
    ticket_performance_report,
)
from ticket_assets.checks import CHECKS
from ticket_assets.execution import in_process_or_dask
from ticket_assets.settings import Settings
from ticket_assets.storage import DailyStore


def build_definitions(
    settings: Settings, executor: dg.ExecutorDefinition | None = in_process_or_dask
) -> dg.Definitions:
    """Everything that Dagster loads, reading and writing where the settings say.

    `executor` None is Dagster's own default, a process for each step.
    """
    return dg.Definitions(
        assets=[event_log, *DAILY_ASSETS, performance_report],
        asset_checks=CHECKS,
        jobs=[ticket_model_evaluation, ticket_performance_report],
        schedules=[oldest_day_first],
        sensors=notice_sensors(settings),
        executor=executor,
        resources={
            "io_manager": DailyStore(root=str(settings.store), dask=settings.dask),
            "event_log": EventLog(
                source=settings.event_log,
                cache=str(settings.cache),
                dask=settings.dask,
                timeout_s=settings.download_timeout_s,
                attempts=settings.download_attempts,
                limit_mb=settings.download_limit_mb,
            ),
        },
    )


defs = build_definitions(SETTINGS)

# What was imported by now stays. Python's collector walked it again and again: a tenth of the time
# of `dagster job execute` for one day.
gc.freeze()
