"""The executor that a job declares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg
from dagster._config import process_config
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.init import InitExecutorContext
from dagster._core.executor.multiprocess import MultiprocessExecutor

from prefect_compat.engine.dagster_port.instance import make_instance

ExecutorKind = Literal["in process", "multiprocess", "other"]


@dataclass(frozen=True)
class DeclaredExecutor:
    """A job's executor, by its name in Dagster.

    `max_concurrent` is the number of steps that it runs at once, None for as many as there are
    CPUs.
    """

    name: str
    kind: ExecutorKind
    max_concurrent: int | None = None


def declared_executor(job: dg.JobDefinition, run_config: Mapping[str, Any]) -> DeclaredExecutor:
    """The executor that a Dagster run of the job would have with this run config."""
    definition: Any = job.executor_def
    field = definition.config_schema
    default = field.default_value if field.default_provided else {}
    given = (run_config.get("execution") or {}).get("config", default)
    try:
        whole = process_config(field.config_type, given)
        config = definition.apply_config_mapping({"config": whole.value}).value["config"]
        with make_instance(None) as instance:
            executor = definition.executor_creation_fn(
                InitExecutorContext(InMemoryJob(job), definition, config, instance)
            )
    except Exception:  # whatever an executor asks of the cluster that it is for
        return DeclaredExecutor(definition.name, "other")
    if isinstance(executor, InProcessExecutor):
        return DeclaredExecutor(definition.name, "in process")
    if isinstance(executor, MultiprocessExecutor):
        wanted = config.get("multiprocess", config) or {}
        return DeclaredExecutor(definition.name, "multiprocess", wanted.get("max_concurrent"))
    return DeclaredExecutor(definition.name, "other")
