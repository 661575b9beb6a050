"""The assets of a day: orders, small and large ones, totals, a trend, and a report."""

from typing import Any

import dagster as dg
import pandas as pd
from bakery import figures

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-06")
SINCE_YESTERDAY = dg.TimeWindowPartitionMapping(
    start_offset=-1, allow_nonexistent_upstream_partitions=True
)
FEW_PIECES = 4


class OrdersConfig(dg.Config):
    """How the orders are drawn."""

    seed: int = 7
    count: int = 24


class Currency(dg.ConfigurableResource):
    """The rate at which prices are converted."""

    rate: float

    def converted(self, price: float) -> float:
        return price * self.rate


@dg.asset(
    partitions_def=DAYS,
    retry_policy=dg.RetryPolicy(max_retries=2, delay=0.1),
    io_manager_key="csv_files",
)
def orders(
    context: dg.AssetExecutionContext, config: OrdersConfig, currency: Currency
) -> pd.DataFrame:
    """The orders of a day."""
    day = context.partition_key
    if day == "2024-01-04":
        raise dg.Failure("The bakery is closed.", allow_retries=False)
    table = figures.drawn(day, config.seed, config.count, currency.converted(1.0))
    context.log.info("%d orders", len(table))
    return table


@dg.asset_check(asset=orders, blocking=True, partitions_def=DAYS)
def pieces_are_positive(orders: pd.DataFrame) -> dg.AssetCheckResult:
    least = int(orders["pieces"].min())
    return dg.AssetCheckResult(
        passed=least > 0, description=f"at least {least}", metadata={"least": least}
    )


@dg.multi_asset(
    outs={"small_orders": dg.AssetOut(), "large_orders": dg.AssetOut()}, partitions_def=DAYS
)
def divide_orders(orders: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    small, large = figures.divided(orders, FEW_PIECES)
    return small, large


@dg.asset(partitions_def=DAYS, io_manager_key="csv_files")
def totals(small_orders: pd.DataFrame, large_orders: pd.DataFrame) -> pd.DataFrame:
    """What was sold of each product."""
    return figures.summed(small_orders, large_orders)


@dg.asset_check(asset=totals, partitions_def=DAYS)
def large_orders_are_few(totals: pd.DataFrame) -> dg.AssetCheckResult:
    """A warning alone."""
    most = float(totals["large_share"].max())
    return dg.AssetCheckResult(
        passed=most < 0.8,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"at most {most:.3f}",
        metadata={"most": most},
    )


@dg.asset(
    partitions_def=DAYS,
    ins={"recent": dg.AssetIn("totals", partition_mapping=SINCE_YESTERDAY)},
    retry_policy=dg.RetryPolicy(max_retries=1),
)
def trend(context: dg.AssetExecutionContext, recent: Any) -> pd.DataFrame:
    """The revenue of each product, today's and yesterday's."""
    by_day = recent if isinstance(recent, dict) else {context.partition_key: recent}
    columns = {
        day: (table["small"] + table["large"]).set_axis(table["product"])
        for day, table in by_day.items()
    }
    frame = pd.DataFrame(columns).round(2)
    frame["note"] = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    return frame


@dg.asset(partitions_def=DAYS, deps=[trend])
def closing_note(context: dg.AssetExecutionContext, config: OrdersConfig) -> str:
    """A line that is written once the trend is known."""
    return f"{context.partition_key}: {config.count} orders"


@dg.op
def summarise(totals: pd.DataFrame, trend: pd.DataFrame) -> dict[str, float]:
    summary = {"pieces": float(totals["pieces"].sum())}
    for day in trend.columns.drop("note"):
        summary[day] = float(trend[day].sum())
    return summary


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def write_report(context: dg.OpExecutionContext, summary: dict[str, float]) -> str:
    return figures.written(summary, context.partition_key)


@dg.graph_asset(partitions_def=DAYS)
def report(totals: pd.DataFrame, trend: pd.DataFrame) -> str:
    return write_report(summarise(totals, trend))
