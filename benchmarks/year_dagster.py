"""The year in one Dagster run: prints its seconds.

The run uses the DAGSTER_HOME of the environment. If that is empty, it uses an ephemeral instance,
or with `batched` the one in memory that stores many events at once. It makes the named assets, or
all of the job.

python -m benchmarks.year_dagster FIRST_DAY LAST_DAY [batched] [ASSET ...]
"""

import os
import sys
import time

import dagster as dg

from prefect_compat.graph.partitions import run_tags
from ticket_assets.definitions import defs
from ticket_assets.upstream_fixes.in_memory_event_log_storage import instance_in_memory


def main() -> None:
    first, last, *words = sys.argv[1:]
    job = defs.resolve_job_def("ticket_model_evaluation")
    days = job.partitions_def
    assert days, "the job is partitioned by day"
    keys = tuple(key for key in days.get_partition_keys() if first <= key <= last)
    selection = [dg.AssetKey(name) for name in words if name != "batched"]
    in_memory = instance_in_memory if "batched" in words else dg.DagsterInstance.ephemeral
    home = os.environ.get("DAGSTER_HOME")
    with dg.DagsterInstance.get() if home else in_memory() as instance:
        started = time.perf_counter()
        job.execute_in_process(
            instance=instance,
            tags=run_tags(job, keys, None, instance),
            resources={"io_manager": job.resource_defs["io_manager"]},
            asset_selection=selection or None,
        )
        print(time.perf_counter() - started)


if __name__ == "__main__":
    main()
