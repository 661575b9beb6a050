"""Runs both orchestrators on loopback with everything deployed, until Ctrl-C or SIGTERM.

python -m deployment.dev [--dagster-port 3000] [--prefect-port 4200] [--logs var/dev]
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil
import requests

HOST = "127.0.0.1"
POOL = "tickets"
START_S = 180.0
# Dagster's daemon, code server and webserver take a few seconds to end in order.
STOP_S = 20.0


class StopRequested(Exception):
    """A signal requested the end."""


class ServiceError(Exception):
    """A service cannot be started, or has ended by itself."""


@dataclass
class Service:
    """A program that runs in its own session until it is stopped, and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    descendants: dict[int, psutil.Process] = field(default_factory=dict)

    def check(self) -> None:
        """Remembers the processes it has started so far. Raises ServiceError if it has ended."""
        if self.process.poll() is not None:
            raise ServiceError(
                f"{self.name} has ended (exit code {self.process.returncode}), expected it to run"
                f" until it is stopped. Its log tells the reason. {self.tail()}"
            )
        try:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self.descendants.setdefault(child.pid, child)
        except psutil.NoSuchProcess:
            return

    def tail(self) -> str:
        last = self.log.read_text(errors="replace").splitlines()[-5:]
        return "\n".join([f"The end of {self.log}:", *last])


def script(name: str) -> str:
    """The path of a program in this Python's environment."""
    return str(Path(sys.executable).parent / name)


def start(name: str, command: Sequence[str], environment: dict[str, str], logs: Path) -> Service:
    """Starts the program with default signal handlers.

    In the background of a script it would inherit an ignored SIGINT, and `dagster dev` then ignores
    SIGTERM too.
    """

    def reset_signals() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    path = logs / f"{name}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [script(command[0]), *command[1:]],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=reset_signals,
        )
    return Service(name, process, path)


def finish(command: Sequence[str], environment: dict[str, str]) -> None:
    """Runs the program to its end. Raises ServiceError with its output if it fails."""
    done = subprocess.run(
        [script(command[0]), *command[1:]],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        check=False,
    )
    if done.returncode:
        raise ServiceError(f"`{' '.join(command)}` failed:\n{done.stdout.strip()}")


def wait_for(services: Sequence[Service], addresses: Sequence[str]) -> None:
    """Waits until each address answers. Raises ServiceError if a service ends or none answers."""
    give_up = time.monotonic() + START_S
    for address in addresses:
        while not _answers(address):
            for service in services:
                service.check()
            if time.monotonic() > give_up:
                tails = "\n".join(service.tail() for service in services)
                raise ServiceError(f"{address} did not answer within {START_S:g} s.\n{tails}")
            time.sleep(0.5)


def _answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=5).ok
    except requests.RequestException:
        return False


def check_free(port: int, option: str) -> None:
    """Raises ServiceError if a process listens on the port already."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((HOST, port)) == 0:
            raise ServiceError(
                f"Port {port} is in use. Stop the process that listens there, or pass another"
                f" {option}."
            )


def stop(services: Sequence[Service]) -> None:
    """Ends the services and every process that they started."""
    for service in services:
        try:
            service.check()
        except ServiceError:
            continue
    for service in reversed(services):
        if service.process.poll() is None:
            service.process.send_signal(signal.SIGTERM)
    give_up = time.monotonic() + STOP_S
    left = [process for service in services for process in service.descendants.values()]
    for service in services:
        try:
            service.process.wait(max(0.0, give_up - time.monotonic()))
        except subprocess.TimeoutExpired:
            service.process.kill()
            service.process.wait()
    while any(map(_is_running, left)) and time.monotonic() < give_up:
        time.sleep(0.1)
    for process in filter(_is_running, left):
        process.kill()


def _is_running(process: psutil.Process) -> bool:
    """True unless the process has ended.

    Not by `psutil.wait_procs`: on some kernels it raises FileNotFoundError for a process that
    ends meanwhile (psutil 7, `pidfd_open`).
    """
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def run(dagster_port: int, prefect_port: int, logs: Path, services: list[Service]) -> None:
    """Starts everything, prints the addresses, and watches the services until they are stopped."""
    check_free(dagster_port, "--dagster-port")
    check_free(prefect_port, "--prefect-port")
    dagster_ui, prefect_ui = f"http://{HOST}:{dagster_port}", f"http://{HOST}:{prefect_port}"
    environment = {
        **os.environ,
        "TICKET_DAGSTER_URL": dagster_ui,
        "PREFECT_API_URL": f"{prefect_ui}/api",
    }
    dagster = ["dagster", "dev", "-w", "workspace.yaml", "-h", HOST, "-p", str(dagster_port)]
    services.append(start("dagster", dagster, environment, logs))
    prefect = ["prefect", "server", "start", "--host", HOST, "--port", str(prefect_port)]
    services.append(start("prefect-server", prefect, environment, logs))
    print("Starting Dagster and Prefect ...", flush=True)
    wait_for(services, [f"{prefect_ui}/api/health"])
    finish(
        ["prefect", "work-pool", "create", POOL, "--type", "process", "--overwrite"], environment
    )
    finish(["prefect", "--no-prompt", "deploy", "--all"], environment)
    worker = ["prefect", "worker", "start", "--pool", POOL]
    services.append(start("prefect-worker", worker, environment, logs))
    wait_for(services, [f"{dagster_ui}/server_info"])
    print(f"Dagster  {dagster_ui}\nPrefect  {prefect_ui}\nLogs in {logs}. Ctrl-C stops both.")
    sys.stdout.flush()
    while True:
        for service in services:
            service.check()
        time.sleep(1)


def main() -> int:
    """Exit code 0 after a stop, 1 if a service could not be started or has ended."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dagster-port", type=int, default=3000, help="port of Dagster's UI (default: 3000)"
    )
    parser.add_argument(
        "--prefect-port", type=int, default=4200, help="port of Prefect's UI (default: 4200)"
    )
    parser.add_argument(
        "--logs",
        type=Path,
        default=Path("var", "dev"),
        help="folder of the services' logs (default: var/dev)",
    )
    options = parser.parse_args()

    def request_stop(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):  # a second signal must not interrupt the stop
            signal.signal(each, signal.SIG_IGN)
        raise StopRequested

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, request_stop)
    options.logs.mkdir(parents=True, exist_ok=True)
    services: list[Service] = []
    try:
        run(options.dagster_port, options.prefect_port, options.logs, services)
    except StopRequested:
        print("Stopping ...", flush=True)
        return 0
    except ServiceError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    finally:
        stop(services)
    return 0


if __name__ == "__main__":
    sys.exit(main())
