"""Where a store's files lie: in a local folder, or below a prefix of a bucket."""

import errno
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO, Protocol, TypeVar

from ticket_assets.errors import StoreError, partly_written
from ticket_assets.store.bucket import Bucket
from ticket_assets.store.locks import is_at, lock_file, unlock
from ticket_assets.store.staging import stage

Result = TypeVar("Result")
Write = Callable[[IO[bytes]], object]
Ready = Callable[[], object]


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

    def publish(self, files: Mapping[str, Write], ready: Ready = lambda: None) -> None:
        """Writes the files, in place of those of the same names, each whole.

        Calls `ready` when all are made, before the first takes its place; what it raises leaves
        every file as it was. Raises StoreError, which names the files that were replaced.
        """


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

    def publish(self, files: Mapping[str, Write], ready: Ready = lambda: None) -> None:
        with self.replacing(files, ready) as staged, ThreadPoolExecutor(8) as pool:
            list(pool.map(write_file, staged.values(), files.values()))

    @contextmanager
    def replacing(self, names: Iterable[str], ready: Ready) -> Iterator[dict[str, Path]]:
        """Yields a path for each name; the files written there then replace those of the names.

        The paths lie in a folder that others use for nothing, so that pieces may lie there too.
        Whatever can fail is done before the first file is replaced; they are replaced one after
        the other. A failure in between leaves some new and some old, and the StoreError says
        which; so does a kill, without a word. The new ones survive a power cut once this returns.
        """
        targets = {name: self.folder / name for name in names}
        folders = sorted({target.parent for target in targets.values()})
        try:
            for folder in folders:
                _make_folder(folder)
            _demand_replaceable(targets.values(), folders)
            with stage(Path(os.path.commonpath(folders))) as own:
                staged = {
                    name: own / f"{number}-{target.name}"
                    for number, (name, target) in enumerate(targets.items())
                }
                yield staged
                ready()
                _replace(targets, staged)
        except OSError as error:
            ready()  # where the store was deleted, that is the better explanation
            raise unwritable(next(iter(targets.values())), error) from error
        _confirm(targets, folders)


def _make_folder(folder: Path) -> None:
    """Makes the folder and those above it, to last through a power cut."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync(path.parent)


def _demand_replaceable(targets: Collection[Path], folders: Iterable[Path]) -> None:
    """Raises for what would fail in the middle of the replacing."""
    taken = [str(target) for target in targets if target.is_dir()]
    if taken:
        raise StoreError(
            f"{', '.join(taken)}: found a folder, expected a file or nothing. No file was changed."
            " Move the folder away, then run again."
        )
    for folder in folders:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _replace(targets: Mapping[str, Path], staged: Mapping[str, Path]) -> None:
    written: list[str] = []
    for name, target in targets.items():
        try:
            os.replace(staged[name], target)
        except OSError as error:
            fault = f"{target} cannot be replaced: {error.strerror or error}."
            raise partly_written(fault, targets, written) from error
        written.append(name)


def _confirm(targets: Mapping[str, Path], folders: Iterable[Path]) -> None:
    """Brings the new names to the disk."""
    for folder in folders:
        try:
            _sync(folder)
        except OSError as error:
            fault = f"{folder} cannot be brought to the disk: {error.strerror or error}."
            raise partly_written(fault, targets, (), unconfirmed=targets) from error


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot do it for a folder and say EINVAL: their servers see to
        # it, and a store there must not fail.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


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


class DayLocks:
    """Days held for writing by one run, each an advisory lock on a file of its own.

    The operating system lets a lock go when its process ends, however it ends. One whose file was
    deleted holds nothing any more: another run can take the day.
    """

    def __init__(self, folder: Path, wait_s: float) -> None:
        self._folder = folder
        self._wait_s = wait_s
        self._held: dict[str, BinaryIO] = {}
        self._guard = threading.Lock()

    def acquire(self, keys: Iterable[str]) -> None:
        """Holds the days until `release`. Raises StoreError if another run keeps one longer
        than the waiting time. In ascending order, so that two runs cannot wait for each other."""
        self.demand_held()
        with self._guard:
            for key in sorted(set(keys) - set(self._held)):
                self._held[key] = self._lock(key)

    def demand_held(self) -> None:
        """Raises StoreError if the file of a held day was deleted or replaced since."""
        with self._guard:
            lost = [
                key for key, file in sorted(self._held.items()) if not is_at(file, self._path(key))
            ]
        if lost:
            raise StoreError(
                f"{self._path(lost[0])} is not the file any more that this run locked: the store"
                f" was deleted or replaced while this run wrote it ({len(lost)} of"
                f" {len(self._held)} days, first: {lost[0]}). Nothing of these days was written"
                " now. Leave the store in place, and run them again."
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
