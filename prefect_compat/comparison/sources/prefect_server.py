"""The Prefect server of a comparison: one temporary server for all its Prefect sides.

Starting one costs 4 s of CPU, so a comparison of several rounds and a failure matrix share it. It
has its own home and database, never the user's.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prefect_compat.server.temporary import (
    HANDED_OVER,
    SERVER_ENVIRONMENT,
    STARTUP_LIMIT_S,
    TemporaryServer,
    database_in,
    prefect_environment,
)

STARTUP_LIMIT = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"


@dataclass(frozen=True)
class RunningServer:
    """A Prefect server that runs for us: its process, its API's address, its start in seconds."""

    pid: int
    url: str
    start_s: float = 0.0

    def as_text(self) -> str:
        return f"{self.pid} {self.url}"

    @classmethod
    def from_text(cls, text: str) -> "RunningServer":
        pid, _, url = text.partition(" ")
        return cls(int(pid), url)

    @classmethod
    def handed_over(cls) -> "RunningServer | None":
        """Reads the server that this process's environment hands over, if it does."""
        text = os.environ.get(HANDED_OVER)
        return cls.from_text(text) if text else None


class ComparisonServer:
    """The server of a comparison. It starts when the first Prefect side needs it, and again if it
    has ended since. A server that the environment hands over is used instead, and left running."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._given = RunningServer.handed_over()
        self._own: TemporaryServer | None = None

    @property
    def starts(self) -> bool:
        """True if `running` has to start the server."""
        return self._given is None and (self._own is None or not self._own.is_running)

    def running(self) -> RunningServer:
        """Returns the server, starting it if it does not run. Raises ServerError if it does not
        start."""
        if self._given is not None:
            return self._given
        if self._own is None or not self._own.is_running:
            self._own = self._started()
        return RunningServer(self._own.pid, self._own.url, self._own.start_s)

    def stop(self) -> None:
        if self._own is not None:
            self._own.stop()

    def _started(self) -> TemporaryServer:
        return TemporaryServer(
            {**prefect_environment(os.environ, self._home), **SERVER_ENVIRONMENT},
            file=database_in(self._home),
            limit_s=max(STARTUP_LIMIT_S, float(os.environ.get(STARTUP_LIMIT) or 0)),
            log=self._home / "log.txt",
        )


@contextmanager
def comparison_server() -> Iterator[ComparisonServer]:
    """Yields the server of a comparison, in a temporary home; afterwards it has ended."""
    with tempfile.TemporaryDirectory(prefix="prefect-compat-server-") as home:
        server = ComparisonServer(Path(home))
        try:
            yield server
        finally:
            server.stop()
