"""What can go wrong, by whose fault it is."""

from collections.abc import Collection


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


def partly_written(
    fault: str,
    files: Collection[str],
    written: Collection[str],
    unconfirmed: Collection[str] = (),
) -> StoreError:
    """The error of a store that failed between two files of a set. Names each file once.

    `unconfirmed` are those that may be the new ones: sent, and no answer came.
    """
    others = [name for name in files if name not in written and name not in unconfirmed]
    maybe = (
        f"; {len(unconfirmed)} may be, which was not confirmed: {', '.join(unconfirmed)}"
        if unconfirmed
        else ""
    )
    return StoreError(
        f"{fault} Of {len(files)} files {len(written)} are written: {', '.join(written) or 'none'};"
        f" {len(others)} are not: {', '.join(others) or 'none'}{maybe}. Each file is whole, old or"
        " new. Run the same days again: each file is replaced."
    )
