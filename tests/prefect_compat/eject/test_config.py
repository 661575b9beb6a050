"""The configuration that a job declares is that of the written flow."""

from pathlib import Path

import pytest

from prefect_compat.errors import EjectError
from tests.prefect_compat.eject.written_projects import ejected

SOURCE = """
import dagster as dg

DAYS = dg.DailyPartitionsDefinition(start_date="2024-01-01")


class Draw(dg.Config):
    seed: int = 1


@dg.asset(partitions_def=DAYS)
def orders(config: Draw) -> int:
    return config.seed


@dg.op
def halved(config: Draw) -> int:
    return config.seed // 2


@dg.graph_asset(partitions_def=DAYS)
def half() -> int:
    return halved()


CONFIG = {
    "ops": {
        "orders": {"config": {"seed": 7}},
        "half": {"ops": {"halved": {"config": {"seed": 9}}}},
    }
}


@dg.daily_partitioned_config(start_date="2024-01-01")
def by_window(start, end):
    return {"ops": {"orders": {"config": {"seed": start.day}}}}


daily = dg.define_asset_job("daily", partitions_def=DAYS, config=CONFIG)
by_time = dg.define_asset_job("by_time", partitions_def=DAYS, config=by_window)
defs = dg.Definitions([orders, half], jobs=[daily, by_time])
"""


def test_the_configuration_of_all_runs_is_the_default_of_the_flow(tmp_path: Path) -> None:
    """Of a partitioned job too, and of an op in a graph."""
    flow = ejected(tmp_path, {"shop.py": SOURCE}, job="daily").files["flows/daily.py"]
    assert "orders_config: shop.Draw = shop.Draw(seed=7)" in flow
    assert "half_halved_config: shop.Draw = shop.Draw(seed=9)" in flow


def test_a_configuration_made_from_time_windows_is_refused(tmp_path: Path) -> None:
    """Nothing in the flow would give it."""
    with pytest.raises(EjectError, match="by_time: its configuration is made from the time window"):
        ejected(tmp_path, {"shop.py": SOURCE}, job="by_time")
