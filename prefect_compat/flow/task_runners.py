"""Prefect's task runners by their names on the command line."""

from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from prefect_compat.errors import ConfigError
from prefect_compat.flow.prefect_port import process_pool
from prefect_compat.signals import follow_parent

NAMES = ("threads", "sequential", "processes", "dask")


def named_task_runner(
    name: str, workers: int | None = None, address: str | None = None
) -> TaskRunner[Any]:
    """Prefect's task runner of that name. `workers` are threads or processes; for Dask, those of a
    cluster started for the run, or None where the `address` of a running scheduler is given.

    Raises ConfigError for what does not go together, or where Dask is not installed.
    """
    if address is not None and (name != "dask" or workers is not None):
        raise ConfigError("An address is that of a running Dask scheduler, with its own workers.")
    if name == "sequential":
        if workers is not None:
            raise ConfigError("A sequential run has one worker.")
        return ThreadPoolTaskRunner(max_workers=1)
    if name == "threads":
        return ThreadPoolTaskRunner(max_workers=workers)
    if name == "processes":
        return process_pool(workers, follow_parent)
    return _dask(workers, address)


def _dask(workers: int | None, address: str | None) -> TaskRunner[Any]:
    try:
        import dask.config
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise ConfigError('Dask is not installed: pip install "ticket-assets[dask]".') from error
    if address is not None:
        return DaskTaskRunner(address=address)
    # A worker's profile of itself can block it for ever in Python 3.11.0 to 3.11.8 (CPython issue
    # 106883).
    dask.config.set({"distributed.worker.profile.enabled": False})
    # One step at a time in a process: Dagster's step code is not made for several.
    cluster = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    return DaskTaskRunner(cluster_kwargs=cluster)
