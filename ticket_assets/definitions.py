"""The code location: the one place that assembles assets, checks, jobs and resources."""

import dagster as dg

from ticket_assets.assets import DAILY_ASSETS, SETTINGS, EventLog, event_log, performance_report
from ticket_assets.automation import (
    oldest_day_first,
    ticket_model_evaluation,
    ticket_performance_report,
)
from ticket_assets.checks import CHECKS
from ticket_assets.storage import DailyStore

defs = dg.Definitions(
    assets=[event_log, *DAILY_ASSETS, performance_report],
    asset_checks=CHECKS,
    jobs=[ticket_model_evaluation, ticket_performance_report],
    schedules=[oldest_day_first],
    resources={
        "io_manager": DailyStore(root=str(SETTINGS.store)),
        "event_log": EventLog(
            source=SETTINGS.event_log,
            cache=str(SETTINGS.cache),
            timeout_s=SETTINGS.download_timeout_s,
            attempts=SETTINGS.download_attempts,
            limit_mb=SETTINGS.download_limit_mb,
        ),
    },
)
