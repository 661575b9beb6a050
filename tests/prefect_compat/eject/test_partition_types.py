"""The written project's partitions have the same keys and depend on the same ones as Dagster's."""

from types import ModuleType

import dagster as dg
import pytest

from prefect_compat.eject.partitions import PartitionNames, keys_code, partitions_code
from prefect_compat.eject.templates import template
from prefect_compat.errors import EjectError

Daily = dg.DailyPartitionsDefinition
Hourly = dg.HourlyPartitionsDefinition
Weekly = dg.WeeklyPartitionsDefinition
Monthly = dg.MonthlyPartitionsDefinition
STATIC = dg.StaticPartitionsDefinition(["north", "south"])
OURS = [
    Daily("2024-02-26", end_date="2024-03-03"),
    Daily("2024-03-29", end_date="2024-04-02", timezone="Europe/Berlin"),
    Daily("2024-01-01", end_date="2024-01-05", hour_offset=6, minute_offset=30),
    Daily("2024-01-01-00:00", end_date="2024-01-05-00:00", fmt="%Y-%m-%d-%H:%M"),
    Hourly("2024-03-31-00:00", end_date="2024-03-31-06:00", timezone="Europe/Berlin"),
    Hourly("2024-10-27-00:00", end_date="2024-10-27-05:00", minute_offset=15),
    Weekly("2024-01-01", end_date="2024-02-10"),
    Weekly("2024-01-01", end_date="2024-02-10", day_offset=3),
    Monthly("2024-01-15", end_date="2024-07-01"),
    Monthly("2024-01-01", end_date="2024-07-01", day_offset=10),
    STATIC,
    dg.MultiPartitionsDefinition({"shop": STATIC, "day": Daily("2024-01-01", "2024-01-03")}),
]


def written_module() -> ModuleType:
    """The template of `partitions.py`, as a module."""
    module = ModuleType("partitions")
    exec(compile(template("partition_types"), "partitions.py", "exec"), vars(module))
    return module


MODULE = written_module()


def written(partitions: dg.PartitionsDefinition[str]) -> object:
    return eval(partitions_code(partitions), vars(MODULE))


@pytest.mark.parametrize("partitions", OURS, ids=lambda p: partitions_code(p)[:70])
def test_the_keys_are_those_of_dagster(partitions: dg.PartitionsDefinition[str]) -> None:
    ours = written(partitions)
    assert ours.keys() == list(partitions.get_partition_keys())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "partitions",
    [p for p in OURS if isinstance(p, dg.TimeWindowPartitionsDefinition)],
    ids=lambda p: partitions_code(p)[:70],
)
def test_the_windows_are_those_of_dagster(
    partitions: dg.TimeWindowPartitionsDefinition,
) -> None:
    ours = written(partitions)
    for key in partitions.get_partition_keys():
        expected = partitions.time_window_for_partition_key(key)
        found = ours.window(key)  # type: ignore[attr-defined]
        assert (found.start, found.end) == (expected.start, expected.end), key


TWO_MONTHS = Daily("2024-01-01", end_date="2024-03-01")
MAPPINGS = [
    (Daily("2024-01-01", end_date="2024-01-20"), Daily("2024-01-01", end_date="2024-01-20"), -3, 0),
    (
        Daily("2024-01-01", end_date="2024-01-20"),
        Daily("2024-01-01", end_date="2024-01-20"),
        -5,
        -1,
    ),
    (
        Hourly("2024-01-01-00:00", end_date="2024-01-04-00:00"),
        Daily("2024-01-01", end_date="2024-01-04"),
        0,
        0,
    ),
    (TWO_MONTHS, Monthly("2024-01-01", end_date="2024-03-01"), 0, 0),
    (
        Daily("2024-01-01", end_date="2024-03-01"),
        Weekly("2024-01-07", end_date="2024-03-01"),
        -1,
        0,
    ),
]


@pytest.mark.parametrize(("upstream", "own", "start", "end"), MAPPINGS)
def test_the_upstream_keys_are_those_of_dagster(
    upstream: dg.TimeWindowPartitionsDefinition,
    own: dg.TimeWindowPartitionsDefinition,
    start: int,
    end: int,
) -> None:
    mapping = dg.TimeWindowPartitionMapping(
        start_offset=start, end_offset=end, allow_nonexistent_upstream_partitions=True
    )
    names = PartitionNames()
    names.name_of(own, "partitions")
    for key in own.get_partition_keys()[:-1]:
        code = keys_code(own, upstream, mapping, f"[{key!r}]", names, "orders")
        made = {name: eval(text, vars(MODULE)) for text, name in names.by_code.items()}
        module = ModuleType("partitions")
        vars(module).update(vars(MODULE) | made)
        found = eval(str(code), {"partitions": module})
        expected = mapping.get_upstream_mapped_partitions_result_for_partitions(
            own.empty_subset().with_partition_keys([key]), own, upstream
        ).partitions_subset.get_partition_keys()
        assert sorted(found) == sorted(expected), key


def test_a_key_that_does_not_exist_is_refused() -> None:
    days = written(OURS[0])
    with pytest.raises(ValueError, match="no partition '2024-03-03'; there are 2024-02-26 to"):
        days.validated("2024-03-03")  # type: ignore[attr-defined]
    shops = written(OURS[-1])
    with pytest.raises(ValueError, match="'north' is no key of day, shop"):
        shops.validated("north")  # type: ignore[attr-defined]


def test_a_range_is_its_keys() -> None:
    days = written(OURS[0])
    assert days.keys_of("2024-02-28...2024-03-01") == [  # type: ignore[attr-defined]
        "2024-02-28",
        "2024-02-29",
        "2024-03-01",
    ]
    with pytest.raises(ValueError, match="ends before it begins"):
        days.keys_of("2024-03-01...2024-02-28")  # type: ignore[attr-defined]


def test_kinds_without_a_counterpart_are_refused() -> None:
    cron = dg.TimeWindowPartitionsDefinition(
        start="2024-01-01", fmt="%Y-%m-%d", cron_schedule="0 0 * * 1-5"
    )
    with pytest.raises(EjectError, match="cron schedule '0 0 \\* \\* 1-5'"):
        partitions_code(cron)
