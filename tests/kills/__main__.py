"""`make kills`: kills at random moments, and what they leave.

Each target runs in a fork that is killed at a moment drawn from a seeded generator: half of them
by the clock, half just before the n-th change of a file. After each kill every file must be whole,
the old one or the new one. Then the run is made once more, and must leave the right bytes, nothing
else, and no lock that holds. Prints a table; exits 1 where anything is otherwise.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

WORK = Path(tempfile.mkdtemp(prefix="ticket-kills-"))
os.environ.update(
    PREFECT_HOME=str(WORK / "prefect"),
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    DO_NOT_TRACK="1",
    TICKET_EVENT_LOG="sample",
    TICKET_STORE=str(WORK / "store"),
    TICKET_CACHE=str(WORK / "cache"),
)
for _name in ("DAGSTER_HOME", "PREFECT_API_URL", "PREFECT_PROFILE"):
    os.environ.pop(_name, None)

ROOT = Path(__file__).parent.parent.parent
LANDED = ("nothing changed", "half-written", "some new", "all new", "had ended")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="in all (default 200)")
    parser.add_argument("--seed", type=int, default=20161124)
    parser.add_argument("--only", default="", help="targets whose name has this in it")
    options = parser.parse_args()
    try:
        with prepared(options.only) as found:
            # A fork has only the thread that made it: what others held would stay locked.
            assert threading.active_count() == 1, threading.enumerate()
            rows = campaign.campaign(
                found, WORK / "runs", options.kills, random.Random(options.seed)
            )
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    print_table(rows)
    faults = [f"{name}: {fault}" for name, row in rows.items() for fault in row.all_faults]
    for fault in faults:
        print(fault)
    sys.exit(bool(faults))


@contextmanager
def prepared(only: str) -> Iterator[list["targets.Target"]]:
    with ExitStack() as ending:
        prefect = ""
        if only in targets.UnderPrefect.name:
            prefect = ending.enter_context(prefect_server())
        targets.make_small()
        forks.in_fork(targets.write_logs, WORK)
        log = WORK / "log.csv"
        address, server = targets.serve(log.read_bytes())
        ending.callback(os.waitpid, server, 0)
        ending.callback(os.kill, server, signal.SIGKILL)
        home, cache = WORK / "dagster", WORK / "job-cache"
        events = WORK / "dagster-events"
        for place in (home, events):
            place.mkdir()
            shutil.copy(ROOT / "deployment" / "dagster.yaml", place)
        found = [
            *targets.ingests(WORK, address),
            targets.Publish(),
            targets.UnderDagster(log, cache, home),
            targets.ManyEvents(log, cache, events),
            targets.UnderPrefect(log, cache, prefect),
        ]
        yield [target for target in found if only in target.name]


@contextmanager
def prefect_server() -> Iterator[str]:
    """The address of the campaign's own, started once."""
    port = forks.in_fork(free_port)
    said = (WORK / "prefect.log").open("wb")
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    server = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
    address = f"http://127.0.0.1:{port}/api"
    try:
        while server.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{address}/health") as answer:
                if json.load(answer) is True:
                    break
            time.sleep(0.2)
        else:
            raise RuntimeError(f"Prefect's server ended: {(WORK / 'prefect.log').read_text()}")
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def print_table(rows: dict[str, "campaign.Row"]) -> None:
    heads = ["kills", *LANDED, "torn", "mixed", "left", "blocked", "events"]
    print(f"{'':24}" + "".join(f"{head:>{len(head) + 2}}" for head in heads))
    total: Counter[str] = Counter()
    for name, row in rows.items():
        values = {
            "kills": row.kills,
            **{head: row.landed[head] for head in LANDED},
            **{head: len(getattr(row, head)) for head in heads[-5:]},
        }
        total.update(values)
        print_line(name, heads, values)
    print_line("all", heads, total)


def print_line(name: str, heads: list[str], values: "dict[str, int] | Counter[str]") -> None:
    print(f"{name:24}" + "".join(f"{values[head]:>{len(head) + 2}}" for head in heads))


if __name__ == "__main__":
    # After the environment: both orchestrators and the settings read it when they are imported.
    from tests.kills import campaign, forks, targets

    main()
