"""Prefect's API as a process of ours: a temporary server.

Prefect starts a temporary server itself if none is named. Ours replaces it: Prefect's gets 20 s to
start (9 to 20 s were measured), is left behind if that is not enough, outlives a process that was
killed, and costs the client the import of the whole server. Nothing here imports Prefect either.
"""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

from prefect_compat.errors import ServerError
from prefect_compat.server import database
from prefect_compat.signals import ended_at_exit

# The least time that a start is given. A busy machine takes more than Prefect's 20 s.
STARTUP_LIMIT_S = 120.0
API_URL = "PREFECT_API_URL"
SHOWN_LINES = 15
MODULE = (sys.executable, "-m", "prefect_compat.server.process")
# As Prefect starts its own: no UI, no services such as the scheduler.
# Not PREFECT__SERVER_FINAL: with it, Prefect 3.6 deletes the routes that FastAPI 0.137 and later
# still read, and each request ends in "'PrefectRouter' object has no attribute 'routes'".
SERVER_ENVIRONMENT = MappingProxyType(
    {
        "PREFECT_UI_ENABLED": "0",
        "PREFECT__SERVER_EPHEMERAL": "1",
        # It would log an error where it cannot reach Prefect's telemetry.
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # The server writes events every 5 s, and a comparison waits for them: 3.7 s of the 5 s
        # that a small flow took. Much oftener, and the writes hold up those of states in SQLite.
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
    }
)
# A copied database has its tables and the block types already: a second less.
OF_COPIED_DATABASE = MappingProxyType(
    {
        "PREFECT_API_DATABASE_MIGRATE_ON_START": "false",
        "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
        # It would import every collection to find out what has changed.
        "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    }
)

# The environment variable that hands a comparison's server to a Prefect side: "PID URL".
HANDED_OVER = "PREFECT_COMPAT_COMPARISON_SERVER"
USERS_SERVER = ("PREFECT_API_URL", "PREFECT_API_DATABASE_CONNECTION_URL", HANDED_OVER)


def prefect_environment(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Returns the environment with Prefect's home and database in `home`, and no server named.

    A server that the user runs, and its database, must not be filled with comparisons.
    """
    return {
        **{name: value for name, value in environment.items() if name not in USERS_SERVER},
        "PREFECT_HOME": str(home),
        # Also over what a file such as prefect.toml says.
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database_in(home)}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def database_in(home: Path) -> Path:
    """The database of a Prefect home."""
    return home / "prefect.db"


class TemporaryServer:
    """Prefect's API on a free port of this machine, with the database that `environment` names.

    `file` is that database's SQLite file; None for another database. What the server prints goes
    to the file `log`, or else to this process's own output. Raises ServerError if it does not
    start.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        file: Path | None = None,
        command: Sequence[str] = MODULE,
        limit_s: float = STARTUP_LIMIT_S,
        log: Path | None = None,
    ) -> None:
        self._limit_s = limit_s
        self._log = log
        self._owner = os.getpid()
        started = time.monotonic()
        is_new = file is not None and not file.exists()
        is_copied = file is not None and database.provide(file)
        with ExitStack() as opened:
            output = opened.enter_context(log.open("ab")) if log else None
            # Opened here and inherited: no other process can take the port before the server does.
            listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
            self._port = listener.getsockname()[1]
            descriptor = listener.fileno()
            self._process = subprocess.Popen(
                [*command, str(descriptor), str(self._owner)],
                env={**environment, **(OF_COPIED_DATABASE if is_copied else {})},
                pass_fds=(descriptor,),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C in a terminal is for the run, which needs the server to say that it ended.
                start_new_session=True,
            )
        ended_at_exit.add(self._process.pid)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        # Only a database that this server has just set up is known to be empty.
        if file is not None and is_new and not is_copied:
            database.keep(file)
        self.start_s = time.monotonic() - started

    @property
    def pid(self) -> int:
        return self._process.pid

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
                    f"{self._printed()}\nCorrect that, or start a server (`prefect server start`)"
                    f" and name it in {API_URL}."
                )
            if time.monotonic() - started > self._limit_s:
                raise ServerError(
                    f"Prefect's temporary server did not answer within {self._limit_s:g} s, and was"
                    " ended.\nRaise PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS, or start a"
                    f" server (`prefect server start`) and name it in {API_URL}."
                )
            time.sleep(0.1)

    def _printed(self) -> str:
        if self._log is None:
            return " what it printed stands above."
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join([" the end of what it printed:", *lines[-SHOWN_LINES:]])

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
