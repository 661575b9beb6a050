"""The incident event log: found, fetched, verified, parsed once, read by day."""

from ticket_assets.event_log.cache import LogIdentity, ParsedLog, open_log
from ticket_assets.event_log.download import DownloadLimits

__all__ = ["DownloadLimits", "LogIdentity", "ParsedLog", "open_log"]
