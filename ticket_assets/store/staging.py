"""Folders for unfinished files; the next stage removes what a killed process left in its own.

A stage is `<folder>/.staging/<name>/`, held by a lock on `<name>.lock` beside it. A process takes
the lock before it makes the stage, and releases it after it removed the stage. So a stage whose
lock is free has no living writer: its process was killed. Dask's workers write into the stage of
a process that waits for them.
"""

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ticket_assets.store.locks import lock_file, unlock

STAGING = ".staging"
LOCK = ".lock"


@contextmanager
def stage(
    folder: Path, name: str | None = None, on_wait: Callable[[], object] = lambda: None
) -> Iterator[Path]:
    """Yields an empty folder on the same file system as `folder`, so that files can be renamed.

    A named stage exists once: if another process or thread has it, calls `on_wait` and waits.
    Stages of killed processes are removed first.
    """
    sweep(folder)
    staging = folder / STAGING
    name = name or uuid.uuid4().hex
    own, lock_path = staging / name, staging / (name + LOCK)
    lock = lock_file(lock_path, on_wait)
    try:
        shutil.rmtree(own, ignore_errors=True)  # its writer may have been killed during the wait
        own.mkdir()
        yield own
    finally:
        # Still locked: whoever waits for the lock sees that its file is gone, and makes another.
        _remove(own, lock_path)
        unlock(lock)
        _remove_if_empty(staging)


def sweep(folder: Path) -> None:
    """Removes the stages of killed processes, but for those that this user may not remove."""
    staging = folder / STAGING
    try:
        names = {path.name.removesuffix(LOCK) for path in staging.iterdir()}
    except OSError:
        return  # the usual case: there are no stages
    for name in sorted(names):
        lock_path = staging / (name + LOCK)
        with suppress(OSError):  # BlockingIOError: its writer is alive
            lock = lock_file(lock_path)
            _remove(staging / name, lock_path)
            unlock(lock)
    _remove_if_empty(staging)


def _remove(own: Path, lock_path: Path) -> None:
    """Removes the stage, then its lock: only the lock tells others that a stage needs removal."""
    shutil.rmtree(own, ignore_errors=True)
    with suppress(OSError):
        lock_path.unlink()


def _remove_if_empty(staging: Path) -> None:
    with suppress(OSError):
        staging.rmdir()
