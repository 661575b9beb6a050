"""The errors of a store that could not write all or any of its files."""

from collections.abc import Collection
from pathlib import Path

from ticket_assets.errors import StoreError


def partly_written(
    fault: str,
    files: Collection[str],
    written: Collection[str],
    unconfirmed: Collection[str] = (),
) -> StoreError:
    """The error of a write that failed between two files. It names every file exactly once.

    `unconfirmed` files may be old or new: they were sent, and no answer came.
    """
    unchanged = [name for name in files if name not in written and name not in unconfirmed]
    uncertain = (
        f"; {len(unconfirmed)} may be, without confirmation: {', '.join(unconfirmed)}"
        if unconfirmed
        else ""
    )
    return StoreError(
        f"{fault} Of {len(files)} files, {len(written)} are written:"
        f" {', '.join(written) or 'none'}; {len(unchanged)} are not:"
        f" {', '.join(unchanged) or 'none'}{uncertain}. Each file is whole, old or new. Run the"
        " same days again: each file is replaced."
    )


def unwritable(path: Path, error: OSError) -> StoreError:
    """The error of a path that cannot be written, before any file was changed."""
    reason = error.strerror or str(error)
    return StoreError(
        f"{path} cannot be written: {reason}. No file was changed. Make room or correct"
        " TICKET_STORE, then run again."
    )
