"""Where a Dagster run's steps run: in its own process, or on a Dask cluster by run config."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.executor_definition import (
    IN_PROC_CONFIG,
    ExecutorRequirement,
    _core_in_process_executor_creation,
)

DASK_CONFIG = dg.Field(
    {
        "cluster": dg.Field(
            dg.Selector(
                {
                    "existing": dg.Field(
                        {"address": dg.StringSource},
                        description="A scheduler that runs elsewhere, with workers that have this"
                        " project installed and share DAGSTER_HOME and the store.",
                    ),
                    "local": dg.Field(
                        dg.Permissive(),
                        is_required=False,
                        description="Arguments of dask.distributed.LocalCluster.",
                    ),
                }
            ),
            default_value={"local": {}},
        )
    },
    description="Each step as a task of a Dask cluster.",
)


def _requirements(config: Mapping[str, object]) -> Sequence[ExecutorRequirement]:
    return dg.multiple_process_executor_requirements() if "dask" in config else []


@dg.executor(
    name="in_process_or_dask",
    config_schema=dg.Field(
        dg.Selector({"in_process": IN_PROC_CONFIG, "dask": DASK_CONFIG}),
        # Small steps: a process for each would spend seconds on imports.
        default_value={"in_process": {}},
    ),
    requirements=_requirements,
)
def in_process_or_dask(context: dg.InitExecutorContext) -> dg.Executor:
    """In the run's own process by default; `execution: {config: {dask: {}}}` for Dask."""
    config: Mapping[str, Any] = context.executor_config
    if "in_process" in config:
        return _core_in_process_executor_creation(config["in_process"])
    # Dask takes a second to import.
    from ticket_assets.upstream_fixes.dask_executor import dask_executor

    return dask_executor(config["dask"]["cluster"])
