"""The errors of this package, one class for each kind of fault."""


class TicketAssetsError(Exception):
    """The base of every error that this package raises on purpose."""


class SettingError(TicketAssetsError):
    """A setting has a value that cannot be used."""


class SourceError(TicketAssetsError):
    """The event log could not be fetched, or the fetched file is not the log."""


class DataError(TicketAssetsError):
    """The log, or a table made from it, breaks the promise of its schema."""


class PartitionError(TicketAssetsError):
    """A requested day is not in the log, or the run has no day."""


class StoreError(TicketAssetsError):
    """A data product could not be written or read."""


class ModelError(TicketAssetsError):
    """The model cannot be loaded, asks for a refused feature, or predicts no time."""
