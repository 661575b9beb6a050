"""Resources for the settings."""

from pydantic import SecretStr

from ticket_assets.addresses import printable
from ticket_assets.resources import Evaluation, EventLog
from ticket_assets.settings import Settings


def event_log_of(settings: Settings) -> EventLog:
    """The log named by the settings."""
    return EventLog(
        source=printable(settings.event_log),
        address=SecretStr(settings.event_log),
        cache=str(settings.cache),
        dask=settings.dask,
        timeout_s=settings.download_timeout_s,
        attempts=settings.download_attempts,
        limit_mb=settings.download_limit_mb,
    )


def evaluation_of(settings: Settings) -> Evaluation:
    """What the settings say is evaluated."""
    return Evaluation(
        model=settings.model,
        population=settings.population,
        alert_limits=settings.alert_limits.changed(),
    )
