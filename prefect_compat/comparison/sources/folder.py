"""The folder of a comparison: a temporary one, or one to keep, which is never taken from others."""

import fcntl
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect_compat.errors import ComparisonError

MARKER = ".prefect-compat-comparison"
MARKED = "Made by `prefect-compat compare --keep`, which replaces this folder when it runs again.\n"
MADE = re.compile(
    rf"{re.escape(MARKER)}|(dagster|prefect|base|head|candidate|left|right|declared)(\.json|-rows)?|(round|failure|noise|rerun)-\d+|warm-up",
)


def validate_folder(keep: Path, outputs: Iterable[Path] = ()) -> None:
    """Raises ComparisonError unless a comparison may replace what is at `keep`.

    It may where there is nothing, an empty folder, or a folder that a comparison made and in which
    nobody has put anything else since. `outputs` are the files that this comparison writes.
    """
    refusal = _refusal(keep, {path.absolute() for path in outputs})
    if refusal:
        raise ComparisonError(
            f"--keep {keep}: {refusal}. Nothing was removed; name a new or an empty folder."
        )


@contextmanager
def comparison_folder(keep: Path | None, outputs: Iterable[Path] = ()) -> Iterator[Path]:
    """Yields the folder, empty but for a marker; a temporary one is removed afterwards.

    Raises ComparisonError as `validate_folder` does, and if another comparison is using it.
    """
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="prefect-compat-") as folder:
            yield Path(folder)
        return
    validate_folder(keep, outputs)
    try:
        keep.mkdir(parents=True, exist_ok=True)
        # Opened to append: `w` would empty the marker of a comparison that is running.
        marker = (keep / MARKER).open("a")
    except OSError as error:
        raise ComparisonError(f"--keep {keep}: cannot be written: {error.strerror}.") from error
    with marker:
        try:
            # The lock ends with this open file, also if a kill closes it. `lockf` would not do:
            # it gives the lock up when the marker is opened and closed once more, as below.
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ComparisonError(
                f"--keep {keep}: another comparison is using it. Name another folder."
            ) from None
        _empty(keep)
        (keep / MARKER).write_text(MARKED, encoding="utf-8")
        yield keep.absolute()


def _refusal(keep: Path, outputs: set[Path]) -> str | None:
    if keep.is_symlink():
        return f"is a link to {keep.readlink()}"
    if not keep.exists():
        return None
    if not keep.is_dir():
        return "is a file"
    entries = sorted(entry.name for entry in keep.iterdir())
    if not entries:
        return None
    if MARKER not in entries:
        return f"is not empty and was not made by a comparison (it holds {entries[0]})"
    ours = {path.relative_to(keep.absolute()).parts[0] for path in _below(keep, outputs)}
    others = [name for name in entries if not MADE.fullmatch(name) and name not in ours]
    return f"holds {others[0]}, which no comparison made" if others else None


def _below(keep: Path, outputs: set[Path]) -> list[Path]:
    return [path for path in outputs if keep.absolute() in path.parents]


def _empty(folder: Path) -> None:
    """Removes what the last comparison made. The marker stays: it is what holds the lock."""
    for entry in folder.iterdir():
        if entry.name == MARKER:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
