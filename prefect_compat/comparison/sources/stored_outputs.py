"""Reads a project's assets from a store, by the project's own IO managers; nothing is run.

python -m prefect_compat.comparison.sources.stored_outputs '{"module": ..., "job": ..., ...}'
"""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg

from prefect_compat.comparison.fingerprint.fingerprint import UNKNOWN, Fingerprint, fingerprint
from prefect_compat.comparison.record.contents import open_store
from prefect_compat.comparison.record.record import Record, RecordedOutput
from prefect_compat.comparison.sources.file_store import record_of_outputs
from prefect_compat.comparison.sources.side import SideTask, add_dynamic_partitions, main
from prefect_compat.engine.dagster_port.run_config import merged_config
from prefect_compat.engine.run import run_instance
from prefect_compat.graph.ids import OutputId
from prefect_compat.graph.job import read_plan, resolve_job
from prefect_compat.graph.partitions import ALL, run_keys

NOT_THERE = (FileNotFoundError, NotADirectoryError, KeyError)


def read_store(task: SideTask) -> Record:
    """The outputs that the store has, of all partitions or of those of the task."""
    job = resolve_job(task.project, task.choice)
    config = merged_config(json.loads(task.run_config), json.loads(task.resources))
    with run_instance() as instance:
        add_dynamic_partitions(instance, task.dynamic_partitions)
        keys = run_keys(job, task.partition or (ALL if job.partitions_def else None), instance)
        with open_store(job, instance, config.get("resources", {})) as load:
            outputs = tuple(_outputs(job, keys, load))
    return record_of_outputs("store", outputs, "a store", reads_values=True)


def _outputs(
    job: dg.JobDefinition, keys: tuple[str, ...] | None, load: Any
) -> Iterator[RecordedOutput]:
    for step in read_plan(job).steps:
        for path in step.asset_keys:
            for key in keys if step.partitions and keys else (None,):
                output = OutputId(path, key)
                try:
                    content = fingerprint(load(output))
                except NOT_THERE:
                    continue
                except Exception as error:  # whatever a user's IO manager raises
                    content = Fingerprint(UNKNOWN, f"cannot be read: {error}")
                yield RecordedOutput(output, content)


if __name__ == "__main__":
    main(read_store)
