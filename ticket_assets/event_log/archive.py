"""The CSV inside a file: the file itself, or the only CSV of a zip archive."""

import zipfile
from pathlib import Path

from ticket_assets.errors import SourceError

CHUNK = 1 << 20


def read_csv_bytes(path: Path, limit_mb: int) -> bytes:
    """The CSV's bytes. Whether the file is a zip is told by its content, not by its name.

    Raises SourceError for an archive that is damaged, encrypted, or has no CSV or several, and
    for more than `limit_mb` MiB.
    """
    if _is_zip(path):
        return _unzipped(path, limit_mb)
    if path.suffix.lower() == ".zip":
        raise SourceError(
            f"{path}: is named .zip and is not a zip archive (it begins with {_head(path)!r})."
            " Fetch it again."
        )
    if path.stat().st_size > limit_mb * CHUNK:
        raise SourceError(_too_large(path, limit_mb))
    return path.read_bytes()


def _is_zip(path: Path) -> bool:
    return _head(path) in (b"PK\x03\x04", b"PK\x05\x06")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _unzipped(path: Path, limit_mb: int) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            entry = _only_csv(path, archive)
            if entry.flag_bits & 0x1:
                raise SourceError(f"{path}: {entry.filename} is encrypted. Unpack it first.")
            parts, size = [], 0
            with archive.open(entry) as file:
                while part := file.read(CHUNK):
                    size += len(part)
                    if size > limit_mb * CHUNK:
                        raise SourceError(_too_large(path, limit_mb))
                    parts.append(part)
            return b"".join(parts)
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


def _too_large(path: Path, limit_mb: int) -> str:
    return (
        f"{path}: the CSV is larger than {limit_mb} MiB. If that is right, raise"
        " TICKET_DOWNLOAD_LIMIT_MB."
    )
