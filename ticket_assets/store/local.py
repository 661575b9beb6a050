"""A folder of this machine, or one that is mounted here."""

import errno
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ticket_assets.errors import StoreError
from ticket_assets.store.durable import Write, flush_folder, make_folder, write_file
from ticket_assets.store.failures import partly_written, unwritable
from ticket_assets.store.staging import stage

Result = TypeVar("Result")


@dataclass(frozen=True)
class LocalFolder:
    """Files below a local folder; `place.py` says what each method promises."""

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

    def identity(self, name: str) -> tuple[int, ...]:
        """An identity that a rewritten file does not share. Raises StoreError without the file."""
        try:
            found = os.stat(self.folder / name)
        except OSError as error:
            raise StoreError(
                f"{self.address(name)} cannot be read: {error.strerror}. Materialize it again."
            ) from error
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size

    def each(self, function: Callable[[str], Result], names: Iterable[str]) -> list[Result]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(function, names))

    def publish(
        self, files: Mapping[str, Write], last_check: Callable[[], object] = lambda: None
    ) -> None:
        with self.replacing(files, last_check) as staged, ThreadPoolExecutor(8) as pool:
            list(pool.map(write_file, staged.values(), files.values()))

    @contextmanager
    def replacing(
        self, names: Iterable[str], last_check: Callable[[], object]
    ) -> Iterator[dict[str, Path]]:
        """Yields a staged path for each name; on exit the staged files replace the named ones.

        The stage belongs to this call alone, so temporary pieces may lie there too. Everything
        that can fail is done before the first file is replaced. The files are replaced one by
        one. A failure in between leaves some new and some old, and the StoreError names them. A
        kill in between leaves the same without a message. Once this returns, the new files
        survive a power cut.
        """
        targets = {name: self.folder / name for name in names}
        folders = sorted({target.parent for target in targets.values()})
        try:
            for folder in folders:
                make_folder(folder)
            _check_replaceable(targets.values(), folders)
            with stage(Path(os.path.commonpath(folders))) as own:
                # Numbered, because files of two folders may have the same name.
                staged = {
                    name: own / f"{number}-{target.name}"
                    for number, (name, target) in enumerate(targets.items())
                }
                yield staged
                last_check()
                _replace(targets, staged)
        except OSError as error:
            last_check()  # if the store was deleted, that is the better explanation
            raise unwritable(next(iter(targets.values())), error) from error
        # Outside of the `try`: `unwritable` says that no file was changed, and now all are.
        _flush(targets, folders)


def _check_replaceable(targets: Collection[Path], folders: Iterable[Path]) -> None:
    """Raises now for what would otherwise fail between two replacements."""
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


def _flush(targets: Mapping[str, Path], folders: Iterable[Path]) -> None:
    """Flushes the new names to the disk."""
    for folder in folders:
        try:
            flush_folder(folder)
        except OSError as error:
            fault = f"{folder} cannot be flushed to the disk: {error.strerror or error}."
            raise partly_written(fault, targets, (), unconfirmed=targets) from error
