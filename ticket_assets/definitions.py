"""The code location: the one place that assembles assets, checks, jobs and resources.

It is also the only module that does something when it is imported: it reads the settings from the
environment, builds the definitions that Dagster loads, and changes how this process warns and
collects garbage.
"""

import gc
import warnings

import dagster as dg

from ticket_assets.assets import DAILY_ASSETS, EventLog, event_log, performance_report
from ticket_assets.automation import (
    notice_sensors,
    oldest_day_first,
    ticket_model_evaluation,
    ticket_performance_report,
)
from ticket_assets.checks import CHECKS
from ticket_assets.days import daily_partitions
from ticket_assets.executors import in_process_or_dask
from ticket_assets.settings import Settings
from ticket_assets.store.io_manager import DailyStore

# What Dagster 1.13 marks as beta or preview and this package uses on purpose; named one by one,
# so that a new warning is seen.
EXPECTED_WARNINGS = (
    "Parameter `backfill_policy` of function `asset`",
    "Function `observable_source_asset`",
    "Specifying a partitions_def on an AssetCheckSpec",
)


def build_definitions(
    settings: Settings, executor: dg.ExecutorDefinition | None = in_process_or_dask
) -> dg.Definitions:
    """Everything that Dagster loads: for the days, reading and writing where the settings say.

    `executor` None is Dagster's own default, a process for each step.
    """
    _ignore_expected_warnings()
    days = daily_partitions(settings.first_day, settings.last_day)
    return dg.Definitions(
        assets=[recipe(days) for recipe in (event_log, *DAILY_ASSETS, performance_report)],
        asset_checks=[recipe(days) for recipe in CHECKS],
        jobs=[ticket_model_evaluation, ticket_performance_report],
        schedules=[oldest_day_first(days)],
        sensors=notice_sensors(settings),
        executor=executor,
        resources={
            "io_manager": DailyStore(root=str(settings.store), dask=settings.dask),
            "event_log": EventLog.of(settings),
        },
    )


def _ignore_expected_warnings() -> None:
    """For good: Dagster makes specs anew, and warns again, long after the definitions."""
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message=message)


SETTINGS = Settings.from_environment()
DAYS = daily_partitions(SETTINGS.first_day, SETTINGS.last_day)
defs = build_definitions(SETTINGS)

# What was imported by now stays. Python's collector walked it again and again: a tenth of the time
# of `dagster job execute` for one day.
gc.freeze()
