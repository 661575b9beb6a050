"""The third step of a write publishes the files at a place: a local folder or a bucket."""

from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Protocol, TypeVar

from ticket_assets.store.bucket import Bucket
from ticket_assets.store.durable import Write
from ticket_assets.store.local import LocalFolder

Result = TypeVar("Result")


class Place(Protocol):
    """Files by names such as `metrics/2016-03-01.parquet`, each whole or absent."""

    @property
    def lock_folder(self) -> Path | None:
        """The folder of the locks that hold days for writing; None if the place has no locks."""

    def address(self, name: str) -> str:
        """The full path or `s3://` address of a name, as people know it."""

    def names(self, folder: str, start: str = "") -> set[str]:
        """Names of the folder's files; empty if there is no such folder.

        Contains at least those that begin with `start`.
        """

    def open(self, name: str) -> Path | BytesIO:
        """The path or buffer from which pyarrow reads the file."""

    def read(self, name: str) -> bytes:
        """The file's content. Raises FileNotFoundError if there is no such file."""

    def each(self, function: Callable[[str], Result], names: Iterable[str]) -> list[Result]:
        """Results of the function for each name, in their order; many calls run at a time."""

    def publish(
        self, files: Mapping[str, Write], last_check: Callable[[], object] = lambda: None
    ) -> None:
        """Writes the files over those of the same names, each whole.

        Makes all new files first, then calls `last_check`, then replaces the old files. If
        `last_check` raises, every file stays as it was. Raises StoreError naming the files that
        were replaced.
        """


def place_at(root: str | Path) -> Place:
    """The bucket for `s3://bucket/prefix`, a local folder for a path."""
    if str(root).startswith("s3://"):
        return Bucket(str(root))
    return LocalFolder(Path(root))
