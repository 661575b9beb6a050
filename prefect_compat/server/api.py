"""Prefect's API for a run: the server that the settings name, or a temporary one of ours."""

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from pathlib import Path
from typing import Any, TypeVar

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
from prefect_compat.flow.prefect_port import settings_of_process, shared_client
from prefect_compat.server.temporary import (
    API_URL,
    SERVER_ENVIRONMENT,
    STARTUP_LIMIT_S,
    TemporaryServer,
)

ANSWER_LIMIT_S = 60
Result = TypeVar("Result")
SQLITE = "sqlite+aiosqlite:///"


def startup_limit_s() -> float:
    """The seconds that a start may take: ours, or the user's own setting if that is longer."""
    return max(STARTUP_LIMIT_S, get_current_settings().server.ephemeral.startup_timeout_seconds)


def database_file() -> Path | None:
    """The SQLite file of the current settings; None for another database."""
    url = get_current_settings().server.database.connection_url
    text = url.get_secret_value() if url else ""
    if not text.startswith(SQLITE) or ":memory:" in text or "?" in text:
        return None
    return Path(text.removeprefix(SQLITE))


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
            configured = get_current_settings().to_environment_variables(exclude_unset=True)
            _server = TemporaryServer(
                {**os.environ, **SERVER_ENVIRONMENT, **configured},
                database_file(),
                limit_s=startup_limit_s(),
            )
            name_for_process(_server.url)
            atexit.register(_server.stop)
        return _server.url


def start_in_background() -> Future[str]:
    """Starts the process's temporary server; the result is its address.

    A process that ends before does not wait for it: the server then ends too.
    """
    started: Future[str] = Future()

    def start() -> None:
        try:
            started.set_result(temporary_url())
        except BaseException as error:
            started.set_exception(error)

    threading.Thread(target=copy_context().run, args=(start,), daemon=True).start()
    return started


def name_for_process(url: str) -> None:
    """Makes the address that of the whole process until it ends: of threads with no context of
    ours, such as those that send logs, and of the processes that it starts."""
    atexit.register(_named_for_process(url).close)


def _named_for_process(url: str) -> ExitStack:
    """Makes the address that of the whole process, until the result is closed."""
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


@contextmanager
def named_server(url: str) -> Iterator[None]:
    """Makes a running server the API inside and of the process, whatever the settings name."""
    name_for_process(url)
    with temporary_settings(_settings(url)):
        yield


def _settings(url: str) -> dict[str | Setting, Any]:
    # It serves no UI; Prefect would log the addresses of pages that are not there.
    return {PREFECT_API_URL: url, PREFECT_UI_URL: ""}


def needs_server() -> bool:
    """True if a run here would start a temporary server."""
    settings = get_current_settings()
    is_running = _server is not None and _server.is_running
    return not settings.api.url and settings.server.ephemeral.enabled and not is_running


@contextmanager
def prefect_api() -> Iterator[None]:
    """Provides an API inside the block: the configured one, or else the temporary server's.

    Raises ServerError if the temporary server does not start.
    """
    settings = get_current_settings()
    if settings.api.url:
        with shared_client():
            yield
    elif not settings.server.ephemeral.enabled:
        yield
    else:
        with own_server(), shared_client():
            yield


def outside_of_loops(call: Callable[[], Result]) -> Result:
    """Calls the function; in a thread of its own if this one runs an event loop.

    A notebook and an async test run one. Dagster's own code runs loops of its own, and a thread has
    one at a time.
    """
    is_running = False
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        is_running = True
    if not is_running:
        return call()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, call).result()


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
            f"No Prefect server answers at {API_URL}={shown_url(url)} ({reason}).\n"
            f"Start it (`prefect server start`), or name a running one in {API_URL}."
        ) from error
    except ValueError as error:  # no JSON, or another's
        raise ServerError(_no_api(url, "an answer of another form")) from error


def _refusal(url: str, response: httpx.Response) -> str:
    answer = f"{response.status_code} {response.reason_phrase}"
    if response.status_code in (401, 403):
        return (
            f"The Prefect server at {API_URL}={shown_url(url)} refuses the credentials"
            f" ({answer}).\n"
            "Set PREFECT_API_AUTH_STRING to its user:password, or PREFECT_API_KEY for Prefect"
            " Cloud."
        )
    if response.status_code >= 500:
        return (
            f"The Prefect server at {API_URL}={shown_url(url)} cannot answer ({answer}).\n"
            "See its log, or name another server."
        )
    return _no_api(url, answer)


def _no_api(url: str, answer: str) -> str:
    return (
        f"What answers at {API_URL}={shown_url(url)} is not Prefect's API ({answer}).\n"
        "Correct the address; that of a server of your own ends in /api, such as"
        " http://127.0.0.1:4200/api."
    )


def shown_url(url: str) -> str:
    """The address without user and password."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"
