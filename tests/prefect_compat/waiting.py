"""A job whose first step says that it runs, by a file, and then waits to be ended."""

import os
import time
from pathlib import Path

import dagster as dg


@dg.asset
def waiting() -> int:
    # On one side of a comparison alone: each side has a home named after it.
    if os.environ.get("WAITS_UNDER", "") in os.environ.get("DAGSTER_HOME", ""):
        Path(os.environ["WAITING_MARKER"]).write_text(str(os.getpid()))
        while True:
            time.sleep(0.1)
    return 1


@dg.asset
def after(waiting: int) -> int:
    return waiting


defs = dg.Definitions(assets=[waiting, after], jobs=[dg.define_asset_job("the_job")])
