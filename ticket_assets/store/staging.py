"""Folders for files that are not finished. What a killed process left in one goes with the next.

A stage is `<folder>/.staging/<name>/`, held by a lock on `<name>.lock` beside it. The lock is taken
before the stage is made and let go after it is removed. So a stage whose lock can be taken has no
living writer: its process was killed. Dask's workers write into the stage of a process that waits
for them.
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
    """Yields an empty folder below `folder`, so that its files can be renamed into it.

    One of this name exists once: `on_wait` is called, and the call waits, while another process
    or thread has it. Stages of processes that were killed are removed first.
    """
    sweep(folder)
    staging = folder / STAGING
    name = name or uuid.uuid4().hex
    own, lock_path = staging / name, staging / (name + LOCK)
    lock = lock_file(lock_path, on_wait)
    try:
        shutil.rmtree(own, ignore_errors=True)  # of one that was killed while this one waited
        own.mkdir()
        yield own
    finally:
        _remove(own, lock_path)
        unlock(lock)
        _remove_if_empty(staging)


def sweep(folder: Path) -> None:
    """Removes the stages of processes that were killed. Those of others' that may not be touched
    stay."""
    staging = folder / STAGING
    try:
        found = {path.name.removesuffix(LOCK) for path in staging.iterdir()}
    except OSError:
        return  # there is none, the usual case
    for name in sorted(found):
        lock_path = staging / (name + LOCK)
        with suppress(OSError):  # BlockingIOError: its writer lives
            lock = lock_file(lock_path)
            _remove(staging / name, lock_path)
            unlock(lock)
    _remove_if_empty(staging)


def _remove(own: Path, lock_path: Path) -> None:
    """The lock goes last: without it, no one would know that the rest is to be removed."""
    shutil.rmtree(own, ignore_errors=True)
    with suppress(OSError):
        lock_path.unlink()


def _remove_if_empty(staging: Path) -> None:
    with suppress(OSError):
        staging.rmdir()
