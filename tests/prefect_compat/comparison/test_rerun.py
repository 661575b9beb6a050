"""The partitions of a second run into the same store."""

import dagster as dg
import pytest

from prefect_compat.comparison.rerun import rerun_keys

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")
ROOMS = dg.DynamicPartitionsDefinition(name="rooms")


def job_of(partitions: dg.PartitionsDefinition[str] | None) -> dg.JobDefinition:
    @dg.asset(partitions_def=partitions)
    def readings() -> None: ...

    return dg.Definitions([readings]).resolve_implicit_global_asset_job_def()


@pytest.mark.parametrize(
    ("partitions", "keys", "expected"),
    [
        (None, None, ()),
        (DAYS, ("2024-01-02",), ("2024-01-01", "2024-01-02")),
        (DAYS, ("2024-01-01",), ("2024-01-01",)),
        (DAYS, ("2024-01-02", "2024-01-03"), ("2024-01-02", "2024-01-03")),
        (ROOMS, ("east",), ("east",)),  # their keys are known to an instance alone
    ],
    ids=["none", "one day", "the first day", "two days", "a dynamic partition"],
)
def test_a_single_partition_runs_with_the_one_before(
    partitions: dg.PartitionsDefinition[str] | None,
    keys: tuple[str, ...] | None,
    expected: tuple[str, ...],
) -> None:
    assert rerun_keys(job_of(partitions), keys) == expected
