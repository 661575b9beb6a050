"""A Dask cluster that several runs share."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import Field

# Of this process; one for each setting, closed by Dask itself when it has been idle.
_clusters: dict[tuple[int, float], Any] = {}
_guard = threading.Lock()


class DaskCluster(dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own generic
    """A client of the scheduler at `address`; without one, of a local cluster that this process
    starts at its first use, keeps for its next runs, and that stops itself when it was idle."""

    address: str = Field(default="", description="of a scheduler, such as tcp://10.0.0.1:8786")
    workers: int = Field(default=2, ge=1, description="of a local cluster")
    idle_s: float = Field(default=300, gt=0, description="idle seconds until a local one stops")

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A client, the default one within the block."""
        from distributed import Client

        with Client(self.address or self._local()) as client:  # type: ignore[no-untyped-call]
            yield client

    def _local(self) -> Any:
        from dask import config
        from distributed import LocalCluster

        kind = (self.workers, self.idle_s)
        with _guard:
            cluster = _clusters.get(kind)
            if cluster is None or not _is_up(cluster):
                # The profile can block a worker for ever before Python 3.11.9 (CPython 106883).
                settings = {
                    "distributed.worker.profile.enabled": False,
                    "distributed.scheduler.idle-timeout": f"{self.idle_s} s",
                }
                with config.set(settings):
                    _clusters[kind] = cluster = LocalCluster(  # type: ignore[no-untyped-call]
                        n_workers=self.workers,
                        threads_per_worker=1,
                        dashboard_address="127.0.0.1:0",
                    )
            return cluster


def _is_up(cluster: Any) -> bool:
    return bool(cluster.status.name == "running" and cluster.scheduler.status.name == "running")
