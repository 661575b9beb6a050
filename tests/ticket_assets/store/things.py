"""A small asset `thing` for the tests of the store: its days, its table, its contexts."""

from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from ticket_assets.days import daily_partitions, to_days
from ticket_assets.store.io_manager import DailyStore
from ticket_assets.store.provenance import with_provenance

DAYS = daily_partitions(*(pd.Timestamp(day).date() for day in ("2016-05-01", "2016-05-31")))
KEYS = ["2016-05-10", "2016-05-11", "2016-05-12"]


def table(rows_by_day: tuple[int, ...] = (2, 0, 1)) -> pd.DataFrame:
    """A table of the days of KEYS, with a column of each type and its own provenance a day."""
    days = [day for day, rows in zip(KEYS, rows_by_day, strict=True) for _ in range(rows)]
    frame = pd.DataFrame(
        {
            "day": pd.Series(to_days(days)),
            "log_row": np.arange(len(days), dtype="int64"),
            "text": pd.Series(["a", None, "c"][: len(days)], dtype="str"),
            "flag": np.arange(len(days)) % 2 == 0,
            "number": np.linspace(0, 1, len(days)),
            "time": pd.Series(to_days(days)),
        }
    )
    return with_provenance(frame, {key: {"seed": n} for n, key in enumerate(KEYS)})


def output_context(first: str, last: str) -> dg.OutputContext:
    return dg.build_output_context(
        asset_key="thing",
        asset_partitions_def=DAYS,
        asset_partition_key_range=dg.PartitionKeyRange(first, last),
    )


def input_context(first: str, last: str, **metadata: object) -> dg.InputContext:
    return dg.build_input_context(
        asset_key="thing",
        asset_partitions_def=DAYS,
        asset_partition_key_range=dg.PartitionKeyRange(first, last),
        definition_metadata=metadata,
    )


def open_store(root: Path | str, lock_wait_s: float = 0.2, **options: Any) -> DailyStore:
    store = DailyStore(root=str(root), lock_wait_s=lock_wait_s, **options)
    store.setup_for_execution(dg.build_init_resource_context())
    return store


def names_of_files(root: Path) -> list[str]:
    """Every file below the folder but the lock files, sorted."""
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )
