"""A job with every kind of event of assets and checks, and the rows of its events."""

import json
import re
from typing import Any

import dagster as dg

LETTERS = dg.StaticPartitionsDefinition(["a", "b", "c"])


@dg.asset(partitions_def=LETTERS, backfill_policy=dg.BackfillPolicy.single_run())
def letters(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    for key in context.partition_keys:
        context.add_asset_metadata({"letter": key}, partition_key=key)
    context.log_event(dg.AssetObservation("letters", partition="a", metadata={"seen": 1}))
    return dg.MaterializeResult(data_version=dg.DataVersion("7"), metadata={"all": 3})


@dg.asset(deps=[letters], code_version="1")
def word() -> None: ...


@dg.asset_check(asset=letters, partitions_def=LETTERS)
def is_good(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    for key in LETTERS.get_partition_keys():
        evaluation: Any = dg.AssetCheckEvaluation(
            asset_key=letters.key,
            check_name="is_good",
            passed=key != "b",
            metadata={"n": dg.MetadataValue.int(1)},
            partition=key,
        )
        context.op_execution_context.log_event(evaluation)
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=word)
def is_long() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


JOB = dg.Definitions(
    [letters, word],
    asset_checks=[is_good, is_long],
    jobs=[dg.define_asset_job("letters_job")],
).resolve_job_def("letters_job")
RANGE = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}

Row = dict[str, Any]
# What differs from run to run: ids, times, and places on this machine.
VOLATILE = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+(\.\d+)? ?m?s\b|\d+\.\d+(e-\d+)?"
    r"|\d{4}-\d\d-\d\d[ T][\d:.]+|(?<=\"storage_id\": )\d+|(?<=pointer/letters\": \")\d+"
    r"|(?<=log_key\": \")[a-z]{8}|/[^\"]*pytest[^\"]*"
)


def lasting(row: Row) -> Row:
    """The row without ids and times."""
    return {
        name: VOLATILE.sub("", value) if isinstance(value, str) else value
        for name, value in row.items()
        if name != "id" and not name.endswith("timestamp")
    }


def in_any_order(rows: list[Row]) -> list[str]:
    """The rows as text, sorted."""
    return sorted(json.dumps(row, sort_keys=True) for row in rows)
