"""The CSV in a file: the file itself, or the only CSV in a zip archive."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ticket_assets.errors import SourceError
from ticket_assets.event_log.schema import one_line

MIB = 1 << 20
CHUNK = MIB
# The real archive expands 19 times. Deflate's limit is 1,032 times, for one byte repeated.
MOST_EXPANSION = 200
# zipfile reads an archive's table of contents whole. Each file takes 46 bytes or more there, so
# this is room for 90,000 files.
CONTENTS_BYTES = 4 * MIB
# The methods that zip programs use by default. With others zipfile unpacks everything it has read
# at once, in memory, and bzip2 expands up to 45,000 times.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
METHOD_NAMES = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}
SHOWN_NAMES = 5

# Formats that users pass by mistake, by their first bytes.
OTHER_FORMATS = (
    (rb"\x1f\x8b", "a gzip file"),
    (rb"\xfd7zXZ\x00", "an xz file"),
    (rb"BZh[1-9]1AY&SY", "a bzip2 file"),
    (rb"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (rb"Rar!\x1a\x07", "a RAR archive"),
    (rb"PK\x03\x04", "a zip archive within another"),
    (rb".{257}ustar", "a tar archive"),
    (rb"%PDF-", "a PDF file"),
    (rb"\xd0\xcf\x11\xe0", "an Excel file"),
    (rb"PAR1", "a Parquet file"),
    (rb"SQLite format 3\x00", "an SQLite database"),
    (rb"\xff\xfe|\xfe\xff", "UTF-16 text"),
    (rb"(\xef\xbb\xbf)?\s*(?i:<!doctype html|<html|<head)", "an HTML page"),
    (rb"(\xef\xbb\xbf)?\s*<\?xml", "an XML file"),
    (rb"(\xef\xbb\xbf)?\s*[{\[]", "JSON"),
)


def is_zip(path: Path) -> bool:
    """True if the file's content is a zip archive, whatever its name."""
    return _head(path) in (b"PK\x03\x04", b"PK\x05\x06")


def csv_chunks(path: Path, limit_mb: int) -> Iterator[bytes]:
    """The CSV's bytes, one MiB at a time.

    Raises SourceError for an archive that is damaged or encrypted, uses a rare method, expands
    more than MOST_EXPANSION times, or does not hold exactly one CSV. Raises it too for any other
    format, and for more than `limit_mb` MiB.
    """
    if path.suffix.lower() == ".zip" and not is_zip(path):
        raise SourceError(
            f"{path}: is named .zip but begins with {_head(path)!r}; expected a zip archive. Fetch"
            " it again."
        )
    left = limit_mb * MIB
    at_start = True
    for chunk in _unzipped(path) if is_zip(path) else _plain(path):
        left -= len(chunk)
        if left < 0:
            raise SourceError(
                f"{path}: the CSV is larger than {limit_mb} MiB. If that is right, raise"
                " TICKET_DOWNLOAD_LIMIT_MB."
            )
        if at_start:
            _check_csv(path, chunk)
            at_start = False
        yield chunk


def _check_csv(path: Path, start: bytes) -> None:
    for pattern, name in OTHER_FORMATS:
        if re.match(pattern, start, re.DOTALL):
            raise SourceError(
                f"{path}: is {name}, expected a CSV in UTF-8 or a zip archive of one. Unpack it,"
                " or save it as such a CSV."
            )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _unzipped(path: Path) -> Iterator[bytes]:
    try:
        with _ZipBytes(path) as content, zipfile.ZipFile(content) as archive:
            entry = _only_csv(path, archive)
            _check_unpackable(path, entry)
            with archive.open(entry) as file:
                while chunk := file.read(CHUNK):
                    yield chunk
    # zipfile fails in any of these ways on a damaged archive.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise SourceError(
            f"{path}: is a damaged or truncated zip archive ({one_line(str(error))}). Fetch it"
            " again."
        ) from error


class _ZipBytes(io.FileIO):
    """A zip's bytes, with a limit: zipfile reads as many at once as a damaged archive claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > CONTENTS_BYTES:
            raise zipfile.BadZipFile(f"a table of contents of {size:,} bytes")
        return super().read(size)


def _check_unpackable(path: Path, entry: zipfile.ZipInfo) -> None:
    """Raises SourceError for an entry that cannot be unpacked, or into far too much."""
    if entry.flag_bits & 0x1:
        raise SourceError(
            f"{path}: {one_line(entry.filename)} is encrypted, expected an archive without a"
            " password. Unpack it first."
        )
    if entry.compress_type not in METHODS:
        name = METHOD_NAMES.get(entry.compress_type, str(entry.compress_type))
        raise SourceError(
            f"{path}: {one_line(entry.filename)} is packed by the method {name}, expected deflate."
            " Unpack it, or pack it again as zip programs do by default."
        )
    # `file_size` is the archive's own claim, and zipfile unpacks no more than that.
    packed = min(entry.compress_size, path.stat().st_size)
    if entry.file_size > MOST_EXPANSION * max(packed, CHUNK):
        raise SourceError(
            f"{path}: {one_line(entry.filename)} expands from {packed:,} to {entry.file_size:,}"
            f" bytes, expected at most {MOST_EXPANSION} times as many. If that is right, unpack it"
            " and set TICKET_EVENT_LOG to the CSV."
        )


def _only_csv(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    entries = [
        entry
        for entry in archive.infolist()
        if entry.filename.lower().endswith(".csv") and not entry.filename.startswith("__MACOSX/")
    ]
    if len(entries) != 1:
        names = [one_line(entry.filename) for entry in entries[:SHOWN_NAMES]] or ["none"]
        more = f" and {len(entries) - SHOWN_NAMES:,} more" if len(entries) > SHOWN_NAMES else ""
        raise SourceError(
            f"{path}: holds {len(entries):,} CSV files ({', '.join(names)}{more}); expected one."
            " Pack the log alone, or unpack it and set TICKET_EVENT_LOG to the CSV."
        )
    return entries[0]
