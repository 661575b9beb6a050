"""The daily partitions: keys to dates and back."""

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg
import pandas as pd

from ticket_assets.errors import PartitionError


def daily_partitions(first_day: date, last_day: date | None) -> dg.DailyPartitionsDefinition:
    """One partition per calendar day of `closed_at`, both ends included.

    Without a last day they run up to yesterday, in UTC, and a new one is there each midnight.
    """
    # Dagster's `end_date` is the first day that is left out.
    end = (last_day + timedelta(days=1)).isoformat() if last_day else None
    return dg.DailyPartitionsDefinition(start_date=first_day.isoformat(), end_date=end)


def days_of_run(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
) -> pd.DatetimeIndex:
    """The days that the run covers, ascending, datetime64[s].

    Raises PartitionError for a run without a partition.
    """
    op_context = getattr(context, "op_execution_context", context)
    if not (op_context.has_partition_key or op_context.has_partition_key_range):
        raise PartitionError(
            "This run has no partition, so there is no day to evaluate. Pass one:"
            ' --tags \'{"dagster/partition": "2016-03-08"}\' to `dagster job execute`,'
            " --partition 2016-03-08 to `dg launch`, `dagster asset materialize` or"
            " `prefect-compat run`."
        )
    return to_days(op_context.partition_keys)


def to_days(keys: Sequence[str]) -> pd.DatetimeIndex:
    """Partition keys (`2016-03-08`) as days."""
    return pd.DatetimeIndex(pd.to_datetime(list(keys), format="%Y-%m-%d"), name="day").as_unit("s")


def to_keys(days: pd.DatetimeIndex) -> list[str]:
    """Days as partition keys; the inverse of `to_days`."""
    return list(days.strftime("%Y-%m-%d"))
