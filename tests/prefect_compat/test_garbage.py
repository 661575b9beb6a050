"""Garbage of the server is collected in a thread that may wait, not in the event loop's."""

import subprocess
import sys
from pathlib import Path

# The main thread stands for the event loop: it holds the lock of the database, for which another
# connection waits. That connection has a cursor in a cycle, half read; to free it is to wait for
# the connection.
PROCESS = """
import gc, sqlite3, sys, threading, time
from prefect_compat import garbage

def connect():
    options = {"timeout": 60, "isolation_level": None, "check_same_thread": False}
    return sqlite3.connect(sys.argv[1], **options)

class Cycle:
    pass

holder, waiter = connect(), connect()
holder.execute("create table t (x)")
gc.disable()
lost = Cycle()
lost.itself, lost.cursor = lost, waiter.execute("select 1 union all select 2")
del lost
holder.execute("begin immediate")

def wait():
    try:
        waiter.execute("begin immediate")
        print("has the lock")
    except sqlite3.OperationalError as error:
        print(error)

thread = threading.Thread(target=wait)
thread.start()
time.sleep(0.5)
garbage._EVERY_S, garbage._MANY = 0.1, 0
gc.freeze = lambda: None  # the cycle is not part of what was imported
gc.enable()
garbage.collect_in_a_thread()
kept = [[] for _ in range(200_000)]  # enough for a collection
time.sleep(0.5)
holder.execute("commit")
thread.join()
"""


def test_a_collection_waits_for_a_busy_connection_in_its_own_thread(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "x.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout == "has the lock\n"
