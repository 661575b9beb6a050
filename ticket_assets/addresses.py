"""Addresses as they may be shown: without the secrets that people put into them."""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

UNREADABLE = "(an address that cannot be read)"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
# A name, an IPv4 address or a bracketed IPv6 address, and a port.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+(%25?[\w.-]+)?\]|[^\s:@\[\]\\]*)(:\d*)?")


def printable(address: str) -> str:
    """The address without user, password, query and fragment, for everything that is written.

    Takes any text and never fails. A path of this machine (`/data/log.zip`, `./log.zip`,
    `~/log.zip`) loses only what follows a `?`. Other text without `://`, such as an address whose
    scheme was forgotten, also loses what may be a user or a password. An address in which host and
    password cannot be told apart for certain shows its scheme alone. A secret in the path of an
    address stays: nothing tells it from a folder.
    """
    scheme, marker, rest = address.partition("://")
    if not marker:
        if re.match(r"(/(?!/)|\.{1,2}/|~/)", address):
            return address.partition("?")[0]
        return re.split(r"[?#]", address, maxsplit=1)[0].rpartition("@")[2]
    if not _SCHEME.fullmatch(scheme):
        return UNREADABLE
    authority, path, left_out = _split(rest)
    host = authority.rpartition("@")[2]
    # People put passwords into addresses unquoted. One with `/`, `?` or `#` ends the authority too
    # early, so that a part of it would show as host or path: `https://user:P@ss/word@host/log.zip`,
    # `https://user:1/word@host`. The `@` that comes later gives it away.
    may_be_cut_short = (
        "@" in authority or not path or re.fullmatch(r"(?!localhost)[^.\[]*:\d*", authority)
    )
    if ("@" in path + left_out and may_be_cut_short) or not _HOST.fullmatch(host):
        return f"{scheme}://{UNREADABLE}"
    return f"{scheme}://{host}{path}"


def holds_secret(address: str) -> bool:
    """Whether some part of the address is left out where it is shown."""
    return printable(address) != address


def _split(rest: str) -> tuple[str, str, str]:
    """What follows `://`: the authority, the path, and the query with the fragment."""
    end = re.search(r"[?#]", rest)
    before, left_out = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    authority, slash, path = before.partition("/")
    return authority, slash + path, left_out


@contextmanager
def requests_not_logged() -> Iterator[None]:
    """Drops what urllib3 logs about this thread's requests: at DEBUG it writes each path and query,
    and Dagster's `managed_python_loggers` keep that in the run's events."""
    thread = threading.get_ident()

    def is_of_another_thread(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("urllib3.connectionpool")
    logger.addFilter(is_of_another_thread)
    try:
        yield
    finally:
        logger.removeFilter(is_of_another_thread)
