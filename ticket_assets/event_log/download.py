"""Downloads from http(s):// and s3:// addresses: each file once, resumed after a cut."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from ticket_assets.addresses import printable, requests_not_logged
from ticket_assets.errors import SourceError
from ticket_assets.store.staging import stage, sweep

Result = TypeVar("Result")

MIB = 1 << 20
# A broken connection loses at most this many bytes.
CHUNK = 1 << 16
RETRIED_STATUS = {408, 425, 429, 500, 502, 503, 504}
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class DownloadLimits:
    """Limits of a download: the time and number of attempts, and the size.

    `wait_s` is the pause after the first failed attempt; it doubles after each.
    """

    timeout_s: float = 30.0
    attempts: int = 4
    limit_mb: int = 4096
    wait_s: float = 1.0


class _PassingFault(Exception):
    """A fault that another attempt may not meet."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def fetch(
    url: str, folder: Path, limits: DownloadLimits, log: Callable[[str], None], version: str = ""
) -> Path:
    """The address's file in `folder`, fetched unless it is already there and whole.

    With another `version` (an ETag, say) it is another file, and is fetched again. A JSON file
    beside it records its address, sha256, size, ETag and time of fetching. Raises SourceError
    naming the attempts; a partial download stays for the next call.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    name = hashlib.sha256(f"{url} {version}".strip().encode()).hexdigest()
    path = folder / f"{name}.download"
    if _is_whole(path):
        return path
    waiting = f"waiting for another process that fetches {printable(url)}"
    # One process fetches an address at a time: two would mix their bytes in one partial file.
    with stage(folder, name, lambda: log(waiting)) as work:
        return path if _is_whole(path) else _fetched(url, path, work, limits, log)


def _fetched(
    url: str, path: Path, work: Path, limits: DownloadLimits, log: Callable[[str], None]
) -> Path:
    """Fetches the file into a part beside it, which stays after a failure or a kill."""
    shown, part = printable(url), path.with_suffix(".part")

    def attempt(number: int) -> Path:
        log(f"fetching {shown} (attempt {number} of {limits.attempts})")
        etag = (_fetch_s3 if url.startswith("s3://") else _fetch_http)(url, part, limits)
        return _keep(part, path, work, {"url": shown, "etag": etag})

    return _attempted(attempt, shown, limits)


def _attempted(attempt: Callable[[int], Result], shown: str, limits: DownloadLimits) -> Result:
    """The result of the first attempt that meets no passing fault."""
    for number in range(1, limits.attempts + 1):
        try:
            return attempt(number)
        except _PassingFault as fault:
            reason = str(fault)
            if number < limits.attempts:
                time.sleep(_pause(fault, number, limits))
    raise SourceError(
        f"{shown}: could not be fetched in {limits.attempts} attempts; last: {reason}. Try again"
        " later, or set TICKET_EVENT_LOG to a local file."
    )


def sha256_of(path: Path) -> str:
    """The file's sha256. A process reads it again only if its size or a time has changed."""
    facts = path.stat()
    return _sha256(path, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


@lru_cache(maxsize=1 << 14)  # a live log has a file a day
def _sha256(path: Path, *_facts: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pause(fault: _PassingFault, attempt: int, limits: DownloadLimits) -> float:
    own = limits.wait_s * 2 ** (attempt - 1)
    return min(fault.wait_s if fault.wait_s is not None else own, LONGEST_WAIT_S)


def _is_whole(path: Path) -> bool:
    try:
        expected: str = json.loads(_facts_path(path).read_bytes())["sha256"]
        return sha256_of(path) == expected
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _keep(part: Path, path: Path, work: Path, facts: dict[str, Any]) -> Path:
    with part.open("rb") as file:
        os.fsync(file.fileno())
    facts |= {
        "sha256": sha256_of(part),
        "bytes": part.stat().st_size,
        "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    # The facts come after the file: a file without them, or with another's, is fetched again.
    part.replace(path)
    _etag_path(part).unlink(missing_ok=True)
    temporary = work / "facts.json"
    temporary.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    temporary.replace(_facts_path(path))
    return path


def _facts_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _etag_path(part: Path) -> Path:
    return part.with_suffix(".etag")


def _fetch_http(url: str, part: Path, limits: DownloadLimits) -> str | None:
    """Appends to `part` until it is whole; returns the ETag."""
    import requests  # takes 0.2 s, and only downloads need it
    from urllib3.exceptions import HTTPError

    start, headers = _where_to_resume(part)
    fault: Exception | None = None
    try:
        with (
            requests_not_logged(),
            requests.get(url, stream=True, timeout=limits.timeout_s, headers=headers) as response,
        ):
            if response.status_code == 416:
                # The server has nothing after the part. Either the part is whole and its process
                # was killed too early, or it is of another file. If it stayed, the server would
                # refuse it for ever.
                part.unlink(missing_ok=True)
            _check_response(url, response)
            if response.status_code != 206:
                # Before the new ETag is written: after a kill in between, the next process would
                # append the new file's bytes to the old file's part.
                part.unlink(missing_ok=True)
                start = 0
            etag = response.headers.get("ETag")
            # Before the bytes: after a kill, a part without its ETag could not be resumed.
            _etag_path(part).write_text(etag or "", encoding="utf-8")
            expected = _announced_size(response, start)
            _check_size(url, expected or 0, limits)
            _append(part, start, response.iter_content(CHUNK), url, limits)
    except (requests.ConnectionError, requests.Timeout) as error:
        fault = _PassingFault(_reason(error))
    except requests.exceptions.ChunkedEncodingError as error:
        fault = _PassingFault(f"the connection broke: {_reason(error)}")
    except (requests.RequestException, HTTPError, ValueError) as error:
        fault = SourceError(
            f"{printable(url)}: cannot be fetched: {_reason(error)}. Check the address in"
            " TICKET_EVENT_LOG, and the redirects of its server."
        )
    if fault:
        raise fault  # raised here, so that its traceback has no text of the libraries
    size = part.stat().st_size
    if expected is not None and size != expected:
        raise _PassingFault(f"the connection ended after {size:,} of {expected:,} bytes")
    return etag


def _reason(error: BaseException) -> str:
    """The error's class and the operating system's message.

    The error's own text is left out: requests, urllib3 and s3fs repeat the address there with
    password and query, even the unknown address of a redirect.
    """
    kind, root = type(error).__name__, ""
    inner: BaseException | None = error
    while inner is not None:
        root = (isinstance(inner, OSError) and inner.strerror) or type(inner).__name__
        inner = inner.__cause__ or inner.__context__
    return kind if root == kind else f"{kind} ({root})"


def _where_to_resume(part: Path) -> tuple[int, dict[str, str]]:
    """The bytes already in the part, and the headers that ask for the rest.

    A download resumes only with a strong ETag: it lets the server tell whether the file changed.
    """
    try:
        etag = _etag_path(part).read_text(encoding="utf-8")
        start = part.stat().st_size
    except FileNotFoundError:
        return 0, {}
    if not etag or etag.startswith("W/") or start == 0:
        return 0, {}
    return start, {"Range": f"bytes={start}-", "If-Range": etag}


def _check_response(url: str, response: Any) -> None:
    shown, status = printable(url), response.status_code
    if status in RETRIED_STATUS:
        wait = response.headers.get("Retry-After", "")
        raise _PassingFault(f"HTTP status {status}", float(wait) if wait.isdigit() else None)
    if status == 416:
        raise _PassingFault("the server refused to resume")
    if status not in (200, 206):
        raise SourceError(
            f"{shown}: HTTP status {status}{_phrase(status)}. Check the address in"
            " TICKET_EVENT_LOG."
        )
    if "text/html" in response.headers.get("Content-Type", ""):
        raise SourceError(_html(shown))


def _phrase(status: int) -> str:
    """The standard's words for the status: the server's own words may repeat the request."""
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _html(shown: str) -> str:
    return (
        f"{shown}: answered with an HTML page instead of a zip or CSV file. Open it in a browser to"
        " see why (a login, a moved page), and set TICKET_EVENT_LOG to the file's own address."
    )


def _announced_size(response: Any, start: int) -> int | None:
    if response.headers.get("Content-Encoding"):
        return None  # the announced length is that of the compressed body
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isdigit() else None


def _check_size(url: str, size: int, limits: DownloadLimits) -> None:
    if size > limits.limit_mb * MIB:
        raise SourceError(
            f"{printable(url)}: is larger than {limits.limit_mb} MiB. If that is right,"
            " raise TICKET_DOWNLOAD_LIMIT_MB."
        )


def _append(
    part: Path, start: int, pieces: Iterator[bytes], url: str, limits: DownloadLimits
) -> None:
    size = start
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        for piece in pieces:
            # A server may send a page under any content type, or none.
            if size == 0 and piece.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
                raise SourceError(_html(printable(url)))
            size += len(piece)
            try:
                _check_size(url, size, limits)
            except SourceError:
                part.unlink()
                raise
            file.write(piece)
        file.truncate()


def list_s3(prefix: str, limits: DownloadLimits) -> dict[str, str]:
    """The names of the objects directly below the prefix, which ends in `/`, and their ETags."""

    def names(files: Any) -> dict[str, str]:
        below = prefix.removeprefix("s3://")
        return {
            str(entry["name"]).removeprefix(below): str(entry.get("ETag", ""))
            for entry in files.ls(prefix, detail=True)
            if entry["type"] == "file"
        }

    return _attempted(lambda number: _on_s3(prefix, limits, names), printable(prefix), limits)


def _fetch_s3(url: str, part: Path, limits: DownloadLimits) -> str | None:
    def fetch_object(files: Any) -> str:
        facts = files.info(url)
        _check_size(url, int(facts["size"]), limits)
        with files.open(url, "rb") as source:
            _append(part, 0, iter(lambda: source.read(CHUNK), b""), url, limits)
        return str(facts.get("ETag", ""))

    return _on_s3(url, limits, fetch_object)


def _on_s3(url: str, limits: DownloadLimits, use: Callable[[Any], Result]) -> Result:
    """Calls `use` with the object store, opened by AWS's usual credentials (environment, profile,
    role)."""
    shown = printable(url)
    if "@" in url.removeprefix("s3://").partition("/")[0]:
        raise SourceError(
            f"{shown}: an s3:// address takes no user and password. Leave them out of"
            " TICKET_EVENT_LOG; credentials come from AWS's own settings (AWS_PROFILE, ...)."
        )
    try:
        import fsspec
        from aiohttp import ClientError
        from botocore.exceptions import BotoCoreError, NoCredentialsError
        from botocore.parsers import ResponseParserError

        files = fsspec.filesystem(
            "s3", config_kwargs={"read_timeout": limits.timeout_s}, skip_instance_cache=True
        )
    except ImportError as error:
        raise SourceError(f"{shown}: needs the extra: pip install 'ticket-assets[s3]'.") from error
    fault: Exception
    try:
        return use(files)
    except (FileNotFoundError, PermissionError, NoCredentialsError, ValueError) as error:
        fault = SourceError(
            f"{shown}: cannot be fetched: {_s3_reason(error)}. Check the address in"
            " TICKET_EVENT_LOG, and the credentials."
        )
    except (OSError, BotoCoreError, ResponseParserError, ClientError) as error:
        fault = _PassingFault(_s3_reason(error))
    raise fault  # raised here, so that its traceback has no text of the libraries


def _s3_reason(error: Exception) -> str:
    """The error's class and S3's code for it, such as `NoSuchBucket`."""
    answer = getattr(error.__cause__, "response", {})
    code = str(answer.get("Error", {}).get("Code", ""))
    return f"{type(error).__name__} ({code})" if code else _reason(error)
