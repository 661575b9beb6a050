"""The code location: the one place that assembles assets, checks, jobs and resources."""

import gc
import warnings

import dagster as dg

from ticket_assets import live_log
from ticket_assets.assets import DAILY_ASSETS, event_log
from ticket_assets.automation import (
    notice_sensors,
    oldest_day_first,
    report_after_days,
    report_condition,
    ticket_model_evaluation,
    ticket_performance_report,
)
from ticket_assets.checks import CHECKS
from ticket_assets.configured import evaluation_of, event_log_of
from ticket_assets.days import daily_partitions
from ticket_assets.executors import in_process_or_dask
from ticket_assets.live_log import LogParts
from ticket_assets.model_assets import (
    challenger,
    challenger_of_the_past,
    predictions,
    predictions_for,
)
from ticket_assets.report_assets import evaluation_report, performance_report
from ticket_assets.settings import Settings
from ticket_assets.store.io_manager import DailyStore

# Features that Dagster 1.13 marks as beta or preview and that this package uses on purpose. Named
# one by one, so that a new warning is seen.
EXPECTED_WARNINGS = (
    "Parameter `backfill_policy` of function `asset`",
    "Function `observable_source_asset`",
    "Specifying a partitions_def on an AssetCheckSpec",
    "Parameter `allow_nonexistent_upstream_partitions`",
)


def build_definitions(
    settings: Settings, executor: dg.ExecutorDefinition | None = in_process_or_dask
) -> dg.Definitions:
    """All definitions for the settings' days, log and store.

    `executor` None means Dagster's own default, a process for each step.
    """
    _ignore_expected_warnings()
    days = daily_partitions(settings.first_day, settings.last_day)
    configured = {
        predictions.name: predictions_for(settings),
        challenger.name: challenger_of_the_past(),
    }
    live = live_log.parts(settings, days) if settings.is_live else LogParts(event_log.define(days))
    daily = [
        configured.get(asset.name, asset).define(days, **live.options.get(asset.name, {}))
        for asset in DAILY_ASSETS
    ]
    return dg.Definitions(
        assets=[
            live.source,
            *daily,
            performance_report.define(days),
            evaluation_report.define(days, automation_condition=report_condition()),
        ],
        asset_checks=[check.define(days) for check in CHECKS],
        jobs=[ticket_model_evaluation, ticket_performance_report, *live.jobs],
        schedules=[oldest_day_first(days, settings.schedule, live.waiting_days)],
        sensors=[*notice_sensors(settings), report_after_days(settings), *live.sensors],
        executor=executor,
        resources={
            "io_manager": DailyStore(root=str(settings.store), dask=settings.dask),
            "event_log": event_log_of(settings),
            "evaluation": evaluation_of(settings),
        },
    )


def _ignore_expected_warnings() -> None:
    """Ignores them for good: Dagster makes specs anew, and warns again, long after this call."""
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message=message)


def load_definitions() -> dg.Definitions:
    """The definitions for the environment's settings, loaded once by a process that runs them."""
    definitions = build_definitions(Settings.from_environment())
    # The modules imported so far stay. Python's garbage collector walked their objects again and
    # again: a tenth of the time of `dagster job execute` for one day.
    gc.freeze()
    return definitions


# Read at import, and nothing else is: Dagster loads a code location by importing this module, and
# looks for a module global of this type.
defs = load_definitions()
