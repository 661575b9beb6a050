"""Locks on days: while a run writes a day, no other run writes it."""

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from ticket_assets.errors import StoreError
from ticket_assets.store.failures import unwritable
from ticket_assets.store.locks import is_at, lock_file, unlock


class DayLocks:
    """The days that one run holds for writing, each by an advisory lock on its own file.

    The operating system releases a lock when its process ends, however it ends. A lock whose file
    was deleted no longer holds anything: another run can take the day.
    """

    def __init__(self, folder: Path, wait_s: float) -> None:
        self._folder = folder
        self._wait_s = wait_s
        self._held: dict[str, BinaryIO] = {}
        self._guard = threading.Lock()

    def acquire(self, keys: Iterable[str]) -> None:
        """Holds the days until `release`.

        Takes them in ascending order, so that two runs cannot wait for each other. Raises
        StoreError if another run keeps a day longer than the waiting time.
        """
        self.verify_held()
        with self._guard:
            # Under the guard: a lock belongs to an open file, so two threads of this run that want
            # one day would wait for each other like two runs.
            for key in sorted(set(keys) - set(self._held)):
                self._held[key] = self._lock(key)

    def verify_held(self) -> None:
        """Raises StoreError if the lock file of a held day was deleted or replaced."""
        with self._guard:
            lost = [
                key for key, file in sorted(self._held.items()) if not is_at(file, self._path(key))
            ]
        if lost:
            raise StoreError(
                f"{self._path(lost[0])} is no longer the file that this run locked: the store was"
                f" deleted or replaced while this run wrote it ({len(lost)} of {len(self._held)}"
                f" days, first: {lost[0]}). This run wrote nothing more of these days. Leave the"
                " store in place, and run them again."
            )

    def release(self) -> None:
        with self._guard:
            for file in self._held.values():
                unlock(file)
            self._held.clear()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.lock"

    def _lock(self, key: str) -> BinaryIO:
        path = self._path(key)
        give_up = time.monotonic() + self._wait_s
        # Asks again and again, because `flock` waits without a limit or not at all.
        while True:
            try:
                return lock_file(path)
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    raise StoreError(
                        f"{key} is being written by another run (waited {self._wait_s:g} s for"
                        f" {path}). Nothing of this day was written. Run it again when that run"
                        " has ended."
                    ) from None
                time.sleep(0.05)
            except OSError as error:
                raise unwritable(path, error) from error
