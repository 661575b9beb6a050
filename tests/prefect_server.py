"""The Prefect server of a test session: one for all tests, in every worker of xdist.

python -m tests.prefect_server HOME PARENT_PID: runs it until the standard input closes, or the
parent has ended.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from prefect_compat.comparison.sources.prefect_server import RunningServer, prefect_environment
from prefect_compat.server.temporary import SERVER_ENVIRONMENT, TemporaryServer
from prefect_compat.signals import end_with_parent

# A minute was measured beside 12 busy processes.
LIMIT_S = 600.0


class SessionServer:
    """The server's process, which starts in the background and ends with the session."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> Path:
        return self._home / "prefect.db"

    def start(self) -> None:
        """Starts it without waiting for it."""
        self._home.mkdir(parents=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.prefect_server", str(self._home), str(os.getpid())],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            # Ctrl-C is for the session, which closes the server's input when its tests have ended.
            start_new_session=True,
        )

    def running(self) -> RunningServer:
        """Returns the server when it answers; starts it if no process of the session has."""
        if not self._home.exists():
            self.start()
        address = _address(self._home)
        given_up = time.monotonic() + LIMIT_S
        while not address.exists():
            code = self._process.poll() if self._process else None
            if code is not None or time.monotonic() > given_up:
                log = self._home / "log.txt"
                printed = log.read_text() if log.exists() else ""
                raise RuntimeError(f"the session's Prefect server did not start:\n{printed}")
            time.sleep(0.1)
        return RunningServer.from_text(address.read_text())

    def stop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()


def _address(home: Path) -> Path:
    return home / "address"


def main() -> None:
    home, parent = Path(sys.argv[1]), int(sys.argv[2])
    end_with_parent(parent)
    server = TemporaryServer(
        {**prefect_environment(os.environ, home), **SERVER_ENVIRONMENT},
        file=home / "prefect.db",
        limit_s=LIMIT_S,
        log=home / "log.txt",
    )
    new = home / "address.new"
    new.write_text(RunningServer(server.pid, server.url).as_text())
    new.rename(_address(home))
    sys.stdin.buffer.read()
    server.stop()


if __name__ == "__main__":
    main()
