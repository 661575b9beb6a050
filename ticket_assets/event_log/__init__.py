"""The incident event log: fetched, verified and parsed once, then read by day."""

from ticket_assets.event_log.cache import Log, open_log
from ticket_assets.event_log.download import DownloadLimits
from ticket_assets.event_log.live import LiveLog, is_live
from ticket_assets.event_log.parsed import LogIdentity, ParsedLog

__all__ = ["DownloadLimits", "LiveLog", "Log", "LogIdentity", "ParsedLog", "is_live", "open_log"]
