"""The configuration that a job declares: of all runs, of each partition, of an op."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from prefect_compat.eject.extraction import Extraction
from prefect_compat.eject.literals import is_literal
from prefect_compat.eject.source import SourceFunction, source_of_function
from prefect_compat.engine.dagster_port.step_facts import processed_config
from prefect_compat.errors import EjectError
from prefect_compat.graph.plan import Step


def config_function(job: dg.JobDefinition, extraction: Extraction) -> SourceFunction | None:
    """The function that gives the configuration of each partition, added to the extraction.

    Raises EjectError for a function of the partition's time window.
    """
    config = job.partitioned_config
    if config is None or _is_same_for_all(config):
        return None
    function = config.run_config_for_partition_key_fn
    if function.__module__.startswith("dagster."):
        raise EjectError(
            f"{job.name}: its configuration is made from the time window of a partition, which no"
            " rule carries over. Make it from the partition key, by `dg.partitioned_config`."
        )
    source = source_of_function(f"the configuration of {job.name}", function)
    extraction.add_function(source)
    return source


def _is_same_for_all(config: dg.PartitionedConfig[Any]) -> bool:
    """True for a value that the job was given: Dagster makes a function of it."""
    name = getattr(config.run_config_for_partition_key_fn, "__qualname__", "")
    return name.startswith("PartitionedConfig.from_flexible_config.")


def declared_config(job: dg.JobDefinition) -> Mapping[str, Any]:
    """The configuration of all runs; empty if each partition has its own."""
    config = job.partitioned_config
    if config is None:
        run_config: Mapping[str, Any] | None = job.run_config
        return run_config or {}
    return config.get_run_config_for_partition_key("") if _is_same_for_all(config) else {}


def op_config(job: dg.JobDefinition, step: Step, op_def: dg.OpDefinition) -> Any:
    """The configuration of an op that has a schema for it, as the job declares it.

    Raises EjectError if the job does not, or if it differs by partition.
    """
    if job.partitioned_config is not None and not _is_same_for_all(job.partitioned_config):
        raise EjectError(
            f"{step.name}: its configuration may differ by partition. Use a class for it, a"
            " dagster.Config."
        )
    given: Any = declared_config(job)
    for part in step.node:
        given = (given.get("ops") or {}).get(part) or {}
    processed = processed_config(op_def, given.get("config") or {})
    mapped = op_def.apply_config_mapping({"config": processed.value}) if processed.success else None
    if mapped is None or not mapped.success or mapped.value is None:
        reasons = "; ".join(error.message.split(" You must")[0] for error in processed.errors or ())
        raise EjectError(f"{step.name}: the job does not declare its configuration: {reasons}")
    config = mapped.value.get("config")
    plain = dict(config) if hasattr(config, "keys") else config
    if not is_literal(plain):
        raise EjectError(f"{step.name}: its configuration is no plain value.")
    return plain
