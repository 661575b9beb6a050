"""Prefect's API as a process that ends with the one that has started it.

python -m prefect_compat.server.process SOCKET_DESCRIPTOR PARENT_PID
"""

import socket
import sys

import uvicorn

from prefect_compat.garbage import collect_in_a_thread, collect_rarely
from prefect_compat.signals import end_with_parent


def main() -> None:
    """Serves the API on the open socket until it is asked to end, or the parent has ended."""
    collect_rarely()
    descriptor, parent = map(int, sys.argv[1:])
    end_with_parent(parent)
    config = uvicorn.Config(
        "prefect.server.api.server:create_app",
        factory=True,
        log_level="error",
        lifespan="on",
        timeout_graceful_shutdown=1,  # clients keep their websockets open
    )
    config.load()
    collect_in_a_thread()
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main()
