"""Work on Dask's workers, or in this process where no Dask is named."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

# The workers' profile of themselves takes a tenth of their time, and can block a worker for ever in
# Python 3.11.0 to 3.11.8 (`sys._current_frames`, CPython issue 106883; seen here).
NO_PROFILE = {"distributed.worker.profile.enabled": False}

Result = TypeVar("Result")

_clients: dict[str, Any] = {}
_guard = threading.Lock()


def run_all(
    function: Callable[..., Result], calls: Iterable[tuple[Any, ...]], dask: str
) -> Iterator[Result]:
    """What `function` returns for the arguments of each call, in their order.

    `dask` is as in the setting TICKET_DASK; where it is empty, each call is made in this process
    when its result is asked for.
    """
    if not dask:
        yield from (function(*call) for call in calls)
        return
    with dask_client(dask) as client:
        yield from in_order(client, [client.submit(function, *call, pure=False) for call in calls])


def in_order(client: Any, futures: Iterable[Any]) -> Iterator[Any]:
    """The results of the client's futures, each let go of by its worker when it was taken; what is
    not asked for any more is cancelled."""
    waiting = deque(futures)
    del futures
    try:
        while waiting:
            yield waiting.popleft().result()
    finally:
        client.cancel(list(waiting))


@contextmanager
def dask_client(dask: str) -> Iterator[Any]:
    """A client of the scheduler at this address, or of a cluster of this process's own (`local`,
    `local:4` for four workers), which then lasts as long as the process.

    On a Dask worker it is the worker's own cluster whatever is named: workers start no clusters.
    """
    from distributed import get_worker, worker_client  # 0.5 s, and only with Dask

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
            client = Client(address, set_as_default=False)  # type: ignore[no-untyped-call]
            _clients[dask] = client
        return client
