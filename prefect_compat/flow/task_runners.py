"""Prefect's task runners: by name, and the one that a job's executor asks for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from prefect_compat.engine.dagster_port.executors import declared_executor
from prefect_compat.engine.dagster_port.resources import resource_settings
from prefect_compat.errors import ConfigError, DefinitionError
from prefect_compat.flow.prefect_port import process_pool
from prefect_compat.graph.job_source import JobSource
from prefect_compat.signals import follow_parent

Name = Literal["threads", "sequential", "processes", "dask"]
HOW: dict[Name, str] = {
    "threads": "in threads",
    "sequential": "one at a time",
    "processes": "in processes",
    "dask": "on Dask",
}


@dataclass(frozen=True)
class RunnerChoice:
    """A task runner by its name, and why a job gets it.

    `workers` is None for as many as the runner takes by itself.
    """

    name: Name
    reason: str
    workers: int | None = None

    @property
    def words(self) -> str:
        """The way the tasks run, and the reason, for people."""
        return f"{HOW[self.name]}: {self.reason}"

    def task_runner(self) -> TaskRunner[Any]:
        return named_task_runner(self.name, self.workers)


def declared_runner(source: JobSource, run_config: Mapping[str, Any]) -> RunnerChoice:
    """The task runner that does what the job's executor does in Dagster.

    Dagster runs steps one at a time or in processes of their own, never in threads. A project may
    rely on it, for instance if it patches a module while a step runs. So threads are chosen only
    if steps should run at the same time and no process can run them.
    """
    executor = declared_executor(source.job, run_config)
    named = f"the job's executor is {executor.name}"
    if executor.kind == "in process":
        return RunnerChoice("sequential", named)
    steps = len(source.plan.steps)
    if steps <= 1:
        return RunnerChoice("sequential", "the job has one step")
    if in_memory := [entry.key for entry in resource_settings(source.job) if entry.in_memory]:
        return RunnerChoice("sequential", f"'{in_memory[0]}' keeps outputs in memory")
    at_once = executor.max_concurrent or os.cpu_count() or 1
    reports_to = source.instance
    if reports_to is not None and not reports_to.is_persistent:
        reason = f"{named}, but other processes cannot report to an instance in memory"
        return RunnerChoice("threads", reason, at_once)
    try:
        _ = source.place
    except DefinitionError:
        reason = f"{named}, but no other process can import the definitions"
        return RunnerChoice("threads", reason, at_once)
    return RunnerChoice("processes", named, min(at_once, steps))


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
        raise ConfigError('Dask is not installed: pip install "prefect-compat[dask]".') from error
    if address is not None:
        return DaskTaskRunner(address=address)
    # A worker's profile of itself can block it for ever in Python 3.11.0 to 3.11.8 (CPython issue
    # 106883).
    dask.config.set({"distributed.worker.profile.enabled": False})
    # One step at a time in a process: Dagster's step code is not made for several.
    cluster = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    return DaskTaskRunner(cluster_kwargs=cluster)
