"""A function's context gives the same answers under both."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.prefect_compat.graphs import DAYS, project
from tests.prefect_compat.scenarios.agreement import agree

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_partitioned_asset_s_context(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.asset(partitions_def=DAYS, config_schema={"a": int}, tags={"tag": "1"})
        def asks(context: dg.AssetExecutionContext) -> dict[str, Any]:
            window = context.partition_time_window
            return {
                "key": context.partition_key,
                "keys": list(context.partition_keys),
                "range": list(context.partition_key_range),
                "window": [str(window.start), str(window.end)],
                "has": [context.has_partition_key, context.has_partition_key_range],
                "asset": context.asset_key.to_user_string(),
                "selected": sorted(key.to_user_string() for key in context.selected_asset_keys),
                "job": context.job_name,
                "run": [context.run.job_name, context.run.run_id == context.run_id],
                "tag": [context.run.tags["dagster/partition"], context.has_tag("no")],
                "config": context.op_execution_context.op_config,
                "op": str(context.op_execution_context.op_handle),
                "retry": context.retry_number,
                "instance": context.instance.is_ephemeral,
                "repository": context.op_execution_context.has_partition_key,
            }

        return project(root, [asks])

    config = {"ops": {"asks": {"config": {"a": 3}}}}
    outcome = agree(tmp_path, build, partition="2016-05-10", run_config=config)
    assert outcome.states == {"asks": "Completed"}


def test_what_an_unpartitioned_run_does_not_know_is_an_error_under_both(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.asset
        def asks(context: dg.AssetExecutionContext) -> str:
            return context.partition_key

        return project(root, [asks])

    assert agree(tmp_path, build).states == {"asks": "Failed"}


def test_an_input_knows_which_partitions_it_is_of(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        policy = dg.BackfillPolicy.single_run()

        @dg.asset(partitions_def=DAYS, backfill_policy=policy)
        def first(context: dg.AssetExecutionContext) -> dict[str, int]:
            return dict.fromkeys(context.partition_keys, 1)

        @dg.asset(partitions_def=DAYS, backfill_policy=policy)
        def second(context: dg.AssetExecutionContext, first: dict[str, int]) -> dict[str, Any]:
            span = list(context.asset_partition_key_range_for_input("first"))
            keys = list(context.asset_partition_keys_for_input("first"))
            window = str(context.asset_partitions_time_window_for_input("first").end)
            return {key: [span, keys, window] for key in context.partition_keys}

        return project(root, [first, second])

    outcome = agree(tmp_path, build, partition="2016-05-10...2016-05-11")
    assert outcome.states == {"first": "Completed", "second": "Completed"}
