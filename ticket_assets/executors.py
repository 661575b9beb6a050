"""The executor of the jobs: in the run's own process, or on a Dask cluster by run config."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

DASK_CONFIG = dg.Field(
    {
        "cluster": dg.Field(
            dg.Selector(
                {
                    "existing": dg.Field(
                        {"address": dg.StringSource},
                        description="A scheduler that already runs. Its workers have this project"
                        " installed, and share DAGSTER_HOME and the store.",
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
    description="Runs each step as a task of a Dask cluster.",
)


def _requirements(config: Mapping[str, object]) -> Sequence[dg.ExecutorRequirement]:
    # Another process needs a stored run, a job that it can load, and outputs that last.
    return dg.multiple_process_executor_requirements() if "dask" in config else []


@dg.executor(
    name="in_process_or_dask",
    config_schema=dg.Field(
        dg.Selector(
            {
                "in_process": dg.in_process_executor.config_schema.as_field(),
                "dask": DASK_CONFIG,
            }
        ),
        # The steps are small: a process for each would spend seconds on imports.
        default_value={"in_process": {}},
    ),
    requirements=_requirements,
)
def in_process_or_dask(context: dg.InitExecutorContext) -> dg.Executor:
    """In the run's own process by default; `execution: {config: {dask: {}}}` for Dask."""
    config: Mapping[str, Any] = context.executor_config
    if "in_process" in config:
        create: Any = dg.in_process_executor.executor_creation_fn
        executor: dg.Executor = create(context._replace(executor_config=config["in_process"]))
        return executor
    # Takes a second to import, and only runs on Dask need it.
    from ticket_assets.upstream_fixes.dask_executor import dask_executor

    return dask_executor(config["dask"]["cluster"])
