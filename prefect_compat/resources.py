"""The job's resources: set up once a flow run, released after it, also when it fails."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg


@contextmanager
def open_resources(
    job: dg.JobDefinition, instance: dg.DagsterInstance, config: Mapping[str, Any]
) -> Iterator[Any]:
    """Every resource of the job, initialised, as an attribute by its key.

    `config` is the run config's `resources`.
    """
    with dg.build_resources(
        job.resource_defs, instance=instance, resource_config=dict(config)
    ) as resources:
        yield resources
