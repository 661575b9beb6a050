"""The job as Dagster assets: orders, cleaned, by_product, report, each a day."""

from typing import Any

import dagster as dg
import pandas as pd

from examples.by_hand import sales

DAYS = dg.DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-02-01")


class SalesFiles(dg.ConfigurableIOManager):
    """A file for each asset and day."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        sales.save(context.asset_key.path[-1], context.partition_key, obj)

    def load_input(self, context: dg.InputContext) -> Any:
        return sales.load(context.asset_key.path[-1], context.partition_key)


@dg.asset(partitions_def=DAYS)
def orders(context: dg.AssetExecutionContext) -> pd.DataFrame:
    """The orders of the day."""
    return sales.read_orders(context.partition_key)


@dg.asset(partitions_def=DAYS, retry_policy=dg.RetryPolicy(max_retries=2))
def cleaned(orders: pd.DataFrame) -> pd.DataFrame:
    """The orders without returns."""
    return sales.without_returns(orders)


@dg.asset(partitions_def=DAYS, metadata={"prefect_compat/key": "product"})
def by_product(cleaned: pd.DataFrame) -> pd.DataFrame:
    """The revenue of each product."""
    return sales.sum_by_product(cleaned)


@dg.asset(partitions_def=DAYS)
def report(by_product: pd.DataFrame) -> dict[str, Any]:
    """The day in a document."""
    return sales.describe(by_product)


defs = dg.Definitions(
    [orders, cleaned, by_product, report],
    jobs=[dg.define_asset_job("daily_sales")],
    resources={"io_manager": SalesFiles()},
)
