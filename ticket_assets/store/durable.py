"""Files and folders that survive a power cut."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

Write = Callable[[IO[bytes]], object]  # puts a file's content into the open file


def write_file(path: Path, write: Write) -> None:
    """Writes the file; it is on the disk when this returns."""
    with path.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def make_folder(folder: Path) -> None:
    """Makes the folder and its missing parents; they are on the disk when this returns."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        # A folder's own name is kept by its parent.
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Flushes the names in the folder to the disk. Raises OSError if the disk fails."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot flush a folder and answer EINVAL. Their servers keep
        # the names safe, so a store there must not fail.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)
