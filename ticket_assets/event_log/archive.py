"""The CSV inside a file: the file itself, or the only CSV of a zip archive."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from ticket_assets.errors import SourceError

MIB = 1 << 20
CHUNK = MIB


def is_zip(path: Path) -> bool:
    """Told by the file's content, not by its name."""
    return _head(path) in (b"PK\x03\x04", b"PK\x05\x06")


def csv_chunks(path: Path, limit_mb: int) -> Iterator[bytes]:
    """The CSV's bytes, a MiB at a time.

    Raises SourceError for an archive that is damaged, encrypted, or has no CSV or several, and
    for more than `limit_mb` MiB.
    """
    if path.suffix.lower() == ".zip" and not is_zip(path):
        raise SourceError(
            f"{path}: is named .zip and is not a zip archive (it begins with {_head(path)!r})."
            " Fetch it again."
        )
    left = limit_mb * MIB
    for chunk in _unzipped(path) if is_zip(path) else _plain(path):
        left -= len(chunk)
        if left < 0:
            raise SourceError(
                f"{path}: the CSV is larger than {limit_mb} MiB. If that is right, raise"
                " TICKET_DOWNLOAD_LIMIT_MB."
            )
        yield chunk


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _unzipped(path: Path) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            entry = _only_csv(path, archive)
            if entry.flag_bits & 0x1:
                raise SourceError(f"{path}: {entry.filename} is encrypted. Unpack it first.")
            with archive.open(entry) as file:
                while chunk := file.read(CHUNK):
                    yield chunk
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise SourceError(
            f"{path}: is a damaged or truncated zip archive ({error}). Fetch it again."
        ) from error


def _only_csv(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    found = [
        entry
        for entry in archive.infolist()
        if entry.filename.lower().endswith(".csv") and not entry.filename.startswith("__MACOSX/")
    ]
    if len(found) != 1:
        names = ", ".join(entry.filename for entry in found) or "none"
        raise SourceError(f"{path}: holds {len(found)} CSV files ({names}); expected one.")
    return found[0]
