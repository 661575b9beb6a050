"""One process that parses a log and materializes its `raw_log` for the year.

python -m benchmarks.a_large_log_run LOG FOLDER DASK prints the seconds of both as JSON. DASK is a
value of TICKET_DASK, or `none`.
"""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import dagster as dg
import dask.dataframe  # noqa: F401  imported here, before the clock runs

from prefect_compat.graph.partitions import run_tags
from ticket_assets.days import daily_partitions
from ticket_assets.definitions import build_definitions
from ticket_assets.event_log import open_log
from ticket_assets.settings import Settings
from ticket_assets.store.workers import run_all


def main() -> None:
    source, folder, dask = sys.argv[1], Path(sys.argv[2]), sys.argv[3].replace("none", "")
    settings = replace(
        Settings.from_environment(),
        event_log=source,
        cache=folder / "cache",
        store=folder / "store",
        dask=dask,
    )
    list(run_all(print, [("ready",)], dask))  # the workers have started
    started = time.perf_counter()
    log = open_log(source, cache=settings.cache, dask=dask)
    parsed = time.perf_counter()
    job = build_definitions(settings).resolve_implicit_global_asset_job_def()
    keys = tuple(daily_partitions(settings.first_day, settings.last_day).get_partition_keys())
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(
            instance=instance,
            tags=run_tags(job, keys, None, instance),
            asset_selection=[dg.AssetKey("raw_log")],
            run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
        )
    done = time.perf_counter()
    facts = {
        "rows": log.identity.rows,
        "ingest_s": parsed - started,
        "raw_log_s": done - parsed,
        "wall_s": done - started,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
