"""What can go wrong, by whose fault it is."""


class TicketAssetsError(Exception):
    """Base of every error that this package raises on purpose."""


class SettingError(TicketAssetsError):
    """A setting has a value that cannot be used."""


class SourceError(TicketAssetsError):
    """The event log could not be fetched, or what came is not the log."""


class DataError(TicketAssetsError):
    """The log, or a table made from it, does not hold what its schema promises."""


class PartitionError(TicketAssetsError):
    """A day was asked for that the log or the run does not have."""


class StoreError(TicketAssetsError):
    """A data product could not be written or read."""
