"""A job whose steps can be made to fail, to need another attempt, or to take their worker down."""

import os
import signal
from pathlib import Path

import dagster as dg

from ticket_assets.executors import in_process_or_dask

DAYS = dg.StaticPartitionsDefinition([str(number) for number in range(10)])
# Files in this folder say what is to go wrong.
FOLDER = Path(os.environ.get("DASK_PROJECT", "/nonexistent"))


def go_wrong(name: str, key: str) -> None:
    if (FOLDER / f"{name}-{key}-kills-always").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    if (kills := FOLDER / f"{name}-{key}-kills").exists():
        kills.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    if (fails := FOLDER / f"{name}-{key}-fails").exists():
        if fails.read_text() == "once":
            fails.unlink()
        raise ValueError(f"{name} of {key} fails")


@dg.asset(partitions_def=DAYS, retry_policy=dg.RetryPolicy(max_retries=1))
def first(context: dg.AssetExecutionContext) -> int:
    go_wrong("first", context.partition_key)
    return int(context.partition_key)


@dg.asset(partitions_def=DAYS)
def second(context: dg.AssetExecutionContext, first: int) -> int:
    go_wrong("second", context.partition_key)
    return 10 * first


@dg.asset(partitions_def=DAYS)
def third(second: int) -> int:
    return second + 1


defs = dg.Definitions(
    [first, second, third],
    jobs=[dg.define_asset_job("the_job")],
    executor=in_process_or_dask,
)
