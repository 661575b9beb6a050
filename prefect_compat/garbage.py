"""Fewer garbage collections while a process of this library loads and ends."""

import atexit
import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_USUAL = gc.get_threshold()
# Imports make half a million objects that stay. Looking through them took a third of the import of
# Prefect's server, and a sixth of that of Dagster and Prefect (2.4 and 1.6 s of CPU before).
_WHILE_LOADING = (50_000, 10, 10)
_EVERY_S = 1.0
_MANY = 20_000  # new objects that are worth a collection


def collect_rarely() -> None:
    """Makes collections rare until `collect_as_usual`; at exit there is none.

    At exit, Python visits all objects twice: the end of a process took 0.8 s, now 0.1 s. What the
    process opened is closed as before, because exit functions run first.
    """
    gc.set_threshold(*_WHILE_LOADING)
    atexit.register(gc.freeze)


def collect_as_usual() -> None:
    """Restores collections for the work; they leave out what was loaded until now.

    Does nothing in a process that has not called `collect_rarely`, such as a user's own.
    """
    if gc.get_threshold() != _WHILE_LOADING:
        return
    gc.freeze()
    gc.set_threshold(*_USUAL)


def collect_in_a_thread() -> None:
    """Collects garbage in a thread of its own from now on, and in no other thread.

    For a server on SQLite with one event loop. A collection in the loop's thread stopped such a
    server for a minute: it freed a cursor whose connection was waiting for the database's lock in
    another thread, so it waited for that connection, and the transaction that held the lock waited
    for the loop. Here only this thread waits.
    """
    gc.freeze()
    gc.disable()
    threading.Thread(target=_collect, name="garbage", daemon=True).start()


def _collect() -> None:
    while True:
        time.sleep(_EVERY_S)
        if gc.get_count()[0] >= _MANY:  # also counted while disabled
            gc.collect()


@contextmanager
def uncollected() -> Iterator[None]:
    """Collects no garbage inside the block, which makes many objects that stay.

    Half of the time to build a flow of 10,000 assets went into collections that found nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
