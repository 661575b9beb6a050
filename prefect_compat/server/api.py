"""Prefect's API for a run: the server that the settings name, or a temporary one of ours.

Prefect starts a temporary server itself where none is named. Ours replaces it, because Prefect's
is given 20 s to start (9 to 20 s were measured), is left behind where that is not enough, outlives
a process that was killed, and costs the client the import of the whole server.
"""

import atexit
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_UI_URL,
    get_current_settings,
    temporary_settings,
)
from prefect.settings.legacy import Setting

from prefect_compat.errors import ServerError
from prefect_compat.flow.prefect_port import settings_of_process
from prefect_compat.server import database
from prefect_compat.signals import ended_at_exit

# The least time that a start is given. A busy machine takes more than Prefect's 20 s.
STARTUP_LIMIT_S = 120
API_URL = "PREFECT_API_URL"
ANSWER_LIMIT_S = 10
MODULE = (sys.executable, "-m", "prefect_compat.server.process")
# As Prefect starts its own: no UI, no services such as the scheduler.
SERVER_ENVIRONMENT = MappingProxyType(
    {
        "PREFECT_UI_ENABLED": "0",
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
    }
)


class TemporaryServer:
    """Prefect's API on a free port of this machine, with the database of the current settings."""

    def __init__(self, command: Sequence[str] = MODULE, limit_s: float | None = None) -> None:
        self._limit_s = startup_limit_s() if limit_s is None else limit_s
        self._owner = os.getpid()
        file = database.database_file()
        is_new = file is not None and not file.exists()
        is_copied = file is not None and database.provide(file)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = listener.getsockname()[1]
            descriptor = listener.fileno()
            self._process = subprocess.Popen(
                [*command, str(descriptor), str(self._owner)],
                env=_environment(),
                pass_fds=(descriptor,),
                stdin=subprocess.DEVNULL,
                # Ctrl-C in a terminal is for the run, which needs the server to say that it ended.
                start_new_session=True,
            )
        ended_at_exit.add(self._process.pid)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        if file is not None and is_new and not is_copied:
            database.keep(file)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/api"

    @property
    def is_running(self) -> bool:
        return self._owner == os.getpid() and self._process.poll() is None

    def stop(self) -> None:
        """Ends the server and waits for it; in a forked copy of its owner it does nothing."""
        if not self.is_running:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        ended_at_exit.discard(self._process.pid)

    def _wait(self) -> None:
        started = time.monotonic()
        while not self._is_healthy():
            if (code := self._process.poll()) is not None:
                raise ServerError(
                    f"Prefect's temporary server ended with exit code {code} while it started;"
                    " what it said stands above.\nCorrect that, or start a server (`prefect server"
                    f" start`) and name it in {API_URL}."
                )
            if time.monotonic() - started > self._limit_s:
                raise ServerError(
                    f"Prefect's temporary server did not answer within {self._limit_s:g} s, and was"
                    " ended.\nRaise PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS, or start a"
                    f" server (`prefect server start`) and name it in {API_URL}."
                )
            time.sleep(0.1)

    def _is_healthy(self) -> bool:
        # Not by httpx or requests: they would ask a proxy for this machine's own address.
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", "/api/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def startup_limit_s() -> float:
    """The seconds that a start may take: ours, or the user's own setting if that is longer."""
    return max(STARTUP_LIMIT_S, get_current_settings().server.ephemeral.startup_timeout_seconds)


def _environment() -> dict[str, str]:
    configured = get_current_settings().to_environment_variables(exclude_unset=True)
    return {**os.environ, **SERVER_ENVIRONMENT, **configured}


_lock = threading.Lock()
_server: TemporaryServer | None = None


def temporary_url() -> str:
    """The API address of this process's temporary server, which is started if it does not run.

    It runs until the process ends, as Prefect's own does, and is the process's API until then.
    """
    global _server
    with _lock:
        if _server is None or not _server.is_running:
            # Registered before Prefect's workers are started, and so called after they have sent
            # their last logs and events.
            _server = TemporaryServer()
            atexit.register(_named_for_process(_server.url).close)
            atexit.register(_server.stop)
        return _server.url


def _named_for_process(url: str) -> ExitStack:
    """Makes the address that of the whole process, until the result is closed: of threads with no
    context of ours, such as those that send logs, and of the processes that it starts."""
    named = ExitStack()
    named.enter_context(settings_of_process(_settings(url)))
    os.environ[API_URL] = url
    named.callback(os.environ.pop, API_URL, None)
    return named


@contextmanager
def own_server() -> Iterator[None]:
    """Uses the temporary server inside the block, whatever server the settings name."""
    with temporary_settings(_settings(temporary_url())):
        yield


def _settings(url: str) -> dict[str | Setting, Any]:
    # It serves no UI; Prefect would log the addresses of pages that are not there.
    return {PREFECT_API_URL: url, PREFECT_UI_URL: ""}


@contextmanager
def prefect_api() -> Iterator[None]:
    """Provides an API inside the block: the configured one, or else the temporary server's.

    Raises ServerError if the temporary server does not start.
    """
    settings = get_current_settings()
    if settings.api.url or not settings.server.ephemeral.enabled:
        yield
        return
    with own_server():
        yield


def validate_server() -> None:
    """Checks once that the configured server, if there is one, can be used.

    Raises ServerError if nothing answers, if the answer is not that of Prefect's API, or if the
    credentials are refused. A run would report that only after minutes, with a long traceback.
    """
    url = get_current_settings().api.url
    if not url:
        return
    try:
        # A question that needs credentials, and that Prefect Cloud answers too.
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(sync_client=True, httpx_settings={"timeout": ANSWER_LIMIT_S}) as client,
        ):
            client.read_flows(limit=1)
    except httpx.HTTPStatusError as error:
        raise ServerError(_refusal(url, error.response)) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise ServerError(
            f"No Prefect server answers at {API_URL}={_shown(url)} ({reason}).\n"
            f"Start it (`prefect server start`), or name a running one in {API_URL}."
        ) from error
    except ValueError as error:  # no JSON, or another's
        raise ServerError(_no_api(url, "an answer of another form")) from error


def _refusal(url: str, response: httpx.Response) -> str:
    found = f"{response.status_code} {response.reason_phrase}"
    if response.status_code in (401, 403):
        return (
            f"The Prefect server at {API_URL}={_shown(url)} refuses the credentials ({found}).\n"
            "Set PREFECT_API_AUTH_STRING to its user:password, or PREFECT_API_KEY for Prefect"
            " Cloud."
        )
    if response.status_code >= 500:
        return (
            f"The Prefect server at {API_URL}={_shown(url)} cannot answer ({found}).\n"
            "See its log, or name another server."
        )
    return _no_api(url, found)


def _no_api(url: str, found: str) -> str:
    return (
        f"What answers at {API_URL}={_shown(url)} is not Prefect's API ({found}).\n"
        "Correct the address; that of a server of your own ends in /api, such as"
        " http://127.0.0.1:4200/api."
    )


def _shown(url: str) -> str:
    """The address without user and password."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"
