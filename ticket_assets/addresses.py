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
    """The address without user, password, query and fragment, safe for logs and messages.

    Takes any text and never fails. A local path (`/data/log.zip`, `./log.zip`, `~/log.zip`) loses
    only the part after a `?`. Other text without `://` may be an address without its scheme: it
    also loses a possible user and password. If host and password cannot be told apart, only the
    scheme is shown. A secret in the path of an address stays: it looks like a folder.
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
    # People put passwords into addresses unquoted. A `/`, `?` or `#` in one ends the authority too
    # early, and a part of the password would show as host or path:
    # `https://user:P@ss/word@host/log.zip`, `https://user:1/word@host`. A later `@` reveals this.
    may_be_cut_short = (
        "@" in authority or not path or re.fullmatch(r"(?!localhost)[^.\[]*:\d*", authority)
    )
    if ("@" in path + left_out and may_be_cut_short) or not _HOST.fullmatch(host):
        return f"{scheme}://{UNREADABLE}"
    return f"{scheme}://{host}{path}"


def holds_secret(address: str) -> bool:
    """True if `printable` leaves out a part of the address."""
    return printable(address) != address


def _split(rest: str) -> tuple[str, str, str]:
    """The authority, the path, and the query with the fragment, from the text after `://`."""
    end = re.search(r"[?#]", rest)
    before, left_out = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    authority, slash, path = before.partition("/")
    return authority, slash + path, left_out


@contextmanager
def requests_not_logged() -> Iterator[None]:
    """Drops urllib3's log records about this thread's requests.

    At DEBUG it logs each path and query, and Dagster's `managed_python_loggers` setting would keep
    them in the run's events.
    """
    thread = threading.get_ident()

    def is_of_another_thread(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("urllib3.connectionpool")
    logger.addFilter(is_of_another_thread)
    try:
        yield
    finally:
        logger.removeFilter(is_of_another_thread)
