"""Advisory locks on files. The operating system lets one go when its process ends, however it ends.

A lock holds a file, not its path: whoever deletes the path lets a second process lock a new file
there. So a lock counts only while its path still leads to the locked file.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

# Enough for paths that others delete meanwhile; some network file systems number a file anew at
# each look, and there it would never end.
TRIES = 100


def lock_file(path: Path, on_wait: Callable[[], object] | None = None) -> BinaryIO:
    """Locks the file, making it and its folder where they are missing.

    Calls `on_wait` and waits while another holds it; without `on_wait` raises BlockingIOError.
    """
    fault = OSError(errno.ESTALE, f"{path} was replaced {TRIES} times while it was being locked")
    for _ in range(TRIES):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        except (FileNotFoundError, FileExistsError) as error:
            # Its folder may have been removed at this moment, by the last who needed it: `mkdir`
            # then finds it there, and no folder a moment later.
            fault = error
            continue
        try:
            _lock(file, on_wait)
        except BaseException:
            file.close()
            raise
        if is_at(file, path):
            return file
        file.close()
    raise fault


def _lock(file: BinaryIO, on_wait: Callable[[], object] | None) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if on_wait is None:
            raise
        on_wait()
        fcntl.flock(file, fcntl.LOCK_EX)


def is_at(file: BinaryIO, path: Path) -> bool:
    """True while the path leads to this open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def unlock(file: BinaryIO) -> None:
    """Lets the lock go and closes the file.

    Closing alone would leave it locked for as long as a process lives that was forked meanwhile.
    """
    fcntl.flock(file, fcntl.LOCK_UN)
    file.close()
