"""The incident event log: fetched, verified and parsed once, then read by day."""

from ticket_assets.event_log.cache import LogIdentity, ParsedLog, open_log
from ticket_assets.event_log.download import DownloadLimits

__all__ = ["DownloadLimits", "LogIdentity", "ParsedLog", "open_log"]
