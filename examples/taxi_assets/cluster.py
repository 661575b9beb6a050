"""A Dask cluster that several runs share."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import Field

# This process's clusters, one for each setting. Dask itself closes one that has been idle.
_clusters: dict[tuple[int, float], Any] = {}
_guard = threading.Lock()


class DaskCluster(dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own generic
    """The Dask cluster at `address`, or a local one.

    This process starts the local cluster at its first use and keeps it for its next runs. The
    cluster stops itself after an idle time.
    """

    address: str = Field(default="", description="a scheduler, such as tcp://10.0.0.1:8786")
    workers: int = Field(default=2, ge=1, description="workers of a local cluster")
    idle_s: float = Field(default=300, gt=0, description="idle seconds until a local one stops")

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Yields a client, which is Dask's default within the block."""
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
                # A worker's profile can block it for ever before Python 3.11.9 (CPython 106883).
                with config.set({"distributed.worker.profile.enabled": False}):
                    _clusters[kind] = cluster = LocalCluster(  # type: ignore[no-untyped-call]
                        n_workers=self.workers,
                        threads_per_worker=1,
                        dashboard_address="127.0.0.1:0",
                    )
                # Not by the setting: a scheduler that closes before its first worker has started
                # leaves LocalCluster waiting for that worker without end.
                scheduler: Any = cluster.scheduler
                scheduler.idle_since, scheduler.idle_timeout = None, self.idle_s
            return cluster


def _is_up(cluster: Any) -> bool:
    return bool(cluster.status.name == "running" and cluster.scheduler.status.name == "running")
