"""Partitions of every kind, their mappings, and what is not partitioned beside what is."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prefect_compat import as_flow
from tests.prefect_compat.graphs import project, stored
from tests.prefect_compat.scenarios.agreement import agree

pytestmark = pytest.mark.usefixtures("prefect_server")

DAILY = dg.DailyPartitionsDefinition(start_date="2016-05-01", end_date="2016-05-20")
STATIC = dg.StaticPartitionsDefinition(["a", "b", "c"])
HOURLY = dg.HourlyPartitionsDefinition(start_date="2016-05-01-00:00", end_date="2016-05-03-00:00")
MONTHLY = dg.MonthlyPartitionsDefinition(start_date="2016-01-01", end_offset=1)
CRON = dg.TimeWindowPartitionsDefinition(
    cron_schedule="30 9 * * 1-5", start="2016-05-02", fmt="%Y-%m-%d", timezone="America/New_York"
)
MULTI = dg.MultiPartitionsDefinition({"day": DAILY, "letter": STATIC})
DAY_BEFORE = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
DYNAMIC = dg.DynamicPartitionsDefinition(name="names")


@pytest.mark.parametrize(
    ("definition", "key"),
    [
        (STATIC, "b"),
        (DAILY, "2016-05-03"),
        (HOURLY, "2016-05-01-07:00"),
        (MONTHLY, "2016-03-01"),
        (CRON, "2016-05-04"),
        (MULTI, "2016-05-03|b"),
        (DYNAMIC, "two"),
    ],
    ids=["static", "daily", "hourly", "monthly", "cron", "multi", "dynamic"],
)
def test_one_key(tmp_path: Path, definition: dg.PartitionsDefinition, key: str) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.asset(partitions_def=definition)
        def made(context: dg.AssetExecutionContext) -> str:
            if isinstance(definition, dg.TimeWindowPartitionsDefinition):
                return str(context.partition_time_window.start)
            return str(context.partition_key)

        @dg.asset(partitions_def=definition)
        def read(context: dg.AssetExecutionContext, made: str) -> list[str]:
            return [made, context.asset_partition_key_for_input("made")]

        return project(root, [made, read])

    outcome = agree(tmp_path, build, partition=key)
    assert [(name, partition) for name, partition, *_ in outcome.materializations] == [
        ("made", key),
        ("read", key),
    ]


def test_a_range_in_one_run(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.asset(partitions_def=DAILY, backfill_policy=dg.BackfillPolicy.single_run())
        def days(context: dg.AssetExecutionContext) -> dict[str, str]:
            span = context.partition_key_range
            return dict.fromkeys(context.partition_keys, f"{span.start} to {span.end}")

        return project(root, [days])

    outcome = agree(tmp_path, build, partition="2016-05-03...2016-05-05")
    assert outcome.stored["days/2016-05-04"] == "2016-05-03 to 2016-05-05"


def test_all_keys_one_run_each(tmp_path: Path) -> None:
    @dg.asset(partitions_def=STATIC)
    def letter(context: dg.AssetExecutionContext) -> str:
        return context.partition_key

    as_flow(project(tmp_path, [letter]), job="the_job")(partition="*")
    assert stored(tmp_path) == {f"letter/{key}": key for key in "abc"}


def test_dynamic_keys_without_an_instance_are_asked_for(tmp_path: Path) -> None:
    @dg.asset(partitions_def=DYNAMIC)
    def named() -> int:
        return 1

    flow = as_flow(project(tmp_path, [named]), job="the_job")
    with pytest.raises(Exception, match="report_to"):
        flow(partition="one")


@pytest.mark.parametrize(
    ("upstream", "downstream", "mapping", "key", "expected"),
    [
        (DAILY, DAILY, dg.TimeWindowPartitionMapping(start_offset=-1), "2016-05-03", 2),
        (DAILY, DAILY, DAY_BEFORE, "2016-05-03", 1),
        (DAILY, DAILY, dg.LastPartitionMapping(), "2016-05-03", 1),
        (DAILY, STATIC, dg.AllPartitionMapping(), "a", 19),
        (DAILY, STATIC, dg.SpecificPartitionsPartitionMapping(["2016-05-01"]), "a", 1),
        (STATIC, STATIC, dg.StaticPartitionMapping({"a": "b", "b": "b"}), "b", 2),
        (HOURLY, DAILY, None, "2016-05-01", 24),
        (STATIC, MULTI, dg.MultiToSingleDimensionPartitionMapping(), "2016-05-03|b", 1),
        (MULTI, STATIC, dg.MultiToSingleDimensionPartitionMapping(), "b", 19),
        (DAILY, None, None, None, 19),
        (None, DAILY, None, "2016-05-03", 0),
    ],
    ids=[
        "today and the day before", "the day before", "last", "all", "specific", "static",
        "hours of a day", "multi from single", "single from multi", "unpartitioned downstream",
        "unpartitioned upstream",
    ],
)  # fmt: skip
def test_mappings(
    tmp_path: Path,
    upstream: dg.PartitionsDefinition | None,
    downstream: dg.PartitionsDefinition | None,
    mapping: dg.PartitionMapping | None,
    key: str | None,
    expected: int,
) -> None:
    """An upstream value is loaded for the keys of Dagster's mapping."""

    def build(root: Path) -> dg.Definitions:
        first = dg.AssetSpec("first", partitions_def=upstream)
        keys = upstream.get_partition_keys() if upstream else [None]
        for stored_key in keys:
            path = root / "first" / f"{stored_key}.json" if stored_key else root / "first.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'"{stored_key}"')

        @dg.asset(
            partitions_def=downstream,
            ins={"first": dg.AssetIn(partition_mapping=mapping)},
        )
        def second(first: Any) -> Any:
            return sorted(first) if isinstance(first, dict) else first

        return project(root, [first, second])

    outcome = agree(tmp_path, build, partition=key)
    value = outcome.stored[f"second/{key}" if key else "second"]
    assert outcome.states == {"second": "Completed"}
    assert (len(value) if isinstance(value, list) else int(value != "None")) == expected
