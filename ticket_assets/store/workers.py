"""Function calls on Dask's workers, or in this process without Dask."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

# Workers profile themselves. That takes a tenth of their time, and in Python 3.11.0 to 3.11.8 it
# can block a worker for ever (`sys._current_frames`, CPython issue 106883; seen here).
NO_PROFILE = {"distributed.worker.profile.enabled": False}

Result = TypeVar("Result")

_clients: dict[str, Any] = {}
_guard = threading.Lock()


def run_all(
    function: Callable[..., Result], calls: Iterable[tuple[Any, ...]], dask: str
) -> Iterator[Result]:
    """Results of `function` for the arguments of each call, in order.

    `dask` names the cluster, as in the setting TICKET_DASK. If it is empty, each call runs in this
    process when its result is requested.
    """
    if not dask:
        yield from (function(*call) for call in calls)
        return
    # These calls write files. If they were pure, Dask would run two equal ones once.
    with dask_client(dask) as client:
        yield from in_order(client, [client.submit(function, *call, pure=False) for call in calls])


def in_order(client: Any, futures: Iterable[Any]) -> Iterator[Any]:
    """Results of the client's futures, in order.

    A worker frees each result as soon as it was taken. When the caller stops early, the remaining
    calls are cancelled.
    """
    waiting = deque(futures)
    del futures  # a second reference would keep every result on its worker until the end
    try:
        while waiting:
            yield waiting.popleft().result()
    finally:
        client.cancel(list(waiting))


@contextmanager
def dask_client(dask: str) -> Iterator[Any]:
    """A client of the scheduler at this address, or of a local cluster (`local`, `local:4`).

    This process starts the local cluster once and keeps it until it ends. On a Dask worker the
    client is that of the worker's own cluster, whatever `dask` says: workers start no clusters.
    """
    from distributed import get_worker, worker_client  # takes 0.5 s, and only Dask needs it

    try:
        get_worker()
    except ValueError:
        yield _connected(dask)
        return
    with worker_client() as client:
        yield client


def _connected(dask: str) -> Any:
    from dask import config
    from distributed import Client, LocalCluster

    with _guard:
        client = _clients.get(dask)
        if client is None or client.status != "running":
            address: Any = dask
            if dask.startswith("local"):
                workers = int(dask.partition(":")[2] or 0) or None
                cluster = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
                with config.set(NO_PROFILE):
                    address = LocalCluster(n_workers=workers, **cluster)  # type: ignore[no-untyped-call]
            # The default client would compute whatever else this process does with Dask.
            client = Client(address, set_as_default=False)  # type: ignore[no-untyped-call]
            _clients[dask] = client
        return client
