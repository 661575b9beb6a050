"""Advisory locks on files, which the operating system releases when their process ends.
A lock holds a file, not its path. If someone deletes the path, a second process can lock a new
file there. So a lock counts only while its path still leads to the locked file.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

# Retries help when another process deletes the path meanwhile. Some network file systems give a
# file a new number at each look; without a limit, locking there would never end.
TRIES = 100


def lock_file(path: Path, on_wait: Callable[[], object] | None = None) -> BinaryIO:
    """Locks the file, after making it and its folder if they are missing.

    If another process holds the lock, calls `on_wait` and waits; without `on_wait`, raises
    BlockingIOError.
    """
    fault = OSError(errno.ESTALE, f"{path} was replaced {TRIES} times while it was being locked")
    for _ in range(TRIES):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        except (FileNotFoundError, FileExistsError) as error:
            # The last process that needed the folder may remove it at this moment: `mkdir` still
            # sees it, and `open` no longer does. The next try makes it again.
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
    """Releases the lock and closes the file.

    Closing alone is not enough: a process forked meanwhile has the file open too, and would keep
    the lock until it ends.
    """
    fcntl.flock(file, fcntl.LOCK_UN)
    file.close()
