"""Where a store's files lie: in a local folder, or below a prefix of a bucket."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO, Protocol, TypeVar

from ticket_assets.bucket import Bucket
from ticket_assets.errors import StoreError

Result = TypeVar("Result")
Write = Callable[[IO[bytes]], object]


class Place(Protocol):
    """Files by names such as `metrics/2016-03-01.parquet`, each whole or not there."""

    @property
    def lock_folder(self) -> Path | None:
        """Where days can be held for writing; None where they cannot."""

    def address(self, name: str) -> str:
        """The name as people know it: with the folder, or with `s3://bucket/prefix`."""

    def names(self, folder: str, start: str = "") -> set[str]:
        """Of the files in the folder, at least those that begin with `start`; none if it is not
        there."""

    def open(self, name: str) -> Path | BytesIO:
        """What pyarrow reads the file from."""

    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError if the file is not there."""

    def each(self, function: Callable[[str], Result], names: Iterable[str]) -> list[Result]:
        """What the function returns for each name, many at a time, in their order."""

    def publish(self, files: Mapping[str, Write]) -> None:
        """Writes the files, in place of those of the same names. Raises StoreError."""


def place_at(root: str | Path) -> Place:
    """The place of `s3://bucket/prefix`, or of a local path."""
    if str(root).startswith("s3://"):
        return Bucket(str(root))
    return LocalFolder(Path(root))


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine, or one that is mounted here."""

    folder: Path

    @property
    def lock_folder(self) -> Path:
        return self.folder / ".locks"

    def address(self, name: str) -> str:
        return str(self.folder / name)

    def names(self, folder: str, start: str = "") -> set[str]:
        try:
            return set(os.listdir(self.folder / folder))
        except (FileNotFoundError, NotADirectoryError):
            return set()

    def open(self, name: str) -> Path:
        return self.folder / name

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def each(self, function: Callable[[str], Result], names: Iterable[str]) -> list[Result]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(function, names))

    def publish(self, files: Mapping[str, Write]) -> None:
        """All the files or none: each under a temporary name, flushed, then renamed."""
        own = f"{os.getpid()}-{threading.get_ident()}"
        staged = {
            path: path.with_name(f".{path.name}.{own}.tmp")
            for path in (self.folder / name for name in files)
        }
        try:
            for folder in {path.parent for path in staged}:
                folder.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(write_file, staged.values(), files.values()))
            for path, temporary in staged.items():
                temporary.replace(path)
        except OSError as error:
            raise unwritable(next(iter(staged)), error) from error
        finally:
            for temporary in staged.values():
                _discard(temporary)


def write_file(path: Path, write: Write) -> None:
    """The file is on the disk when this returns."""
    with path.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def unwritable(path: Path, error: OSError) -> StoreError:
    """Says that the path cannot be written and that nothing was changed."""
    reason = error.strerror or str(error)
    return StoreError(
        f"{path} cannot be written: {reason}. No file was changed. Make room or correct"
        " TICKET_STORE, then run again."
    )


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # its folder could not even be made, so neither could the file


class DayLocks:
    """Days held for writing by one run, each an advisory lock on a file of its own.

    The operating system lets a lock go when its process ends, however it ends.
    """

    def __init__(self, folder: Path, wait_s: float) -> None:
        self._folder = folder
        self._wait_s = wait_s
        self._held: dict[str, BinaryIO] = {}
        self._guard = threading.Lock()

    def acquire(self, keys: Iterable[str]) -> None:
        """Holds the days until `release`. Raises StoreError if another run keeps one longer
        than the waiting time. In ascending order, so that two runs cannot wait for each other."""
        with self._guard:
            for key in sorted(set(keys) - set(self._held)):
                self._held[key] = self._lock(key)

    def release(self) -> None:
        with self._guard:
            for file in self._held.values():
                file.close()
            self._held.clear()

    def _lock(self, key: str) -> BinaryIO:
        path = self._folder / f"{key}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        except OSError as error:
            raise unwritable(path, error) from error
        give_up = time.monotonic() + self._wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    file.close()
                    raise StoreError(
                        f"{key} is being written by another run (waited {self._wait_s:g} s for"
                        f" {path}). Nothing of this day was written. Run it again when that run"
                        " has ended."
                    ) from None
                time.sleep(0.05)
