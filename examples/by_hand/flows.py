"""The same job as a Prefect flow, as someone would write it who has no Dagster."""

from datetime import date
from typing import Any

import pandas as pd
from prefect import flow, task

from examples.by_hand import sales


@task
def orders(day: str) -> pd.DataFrame:
    """The orders of the day."""
    found = sales.read_orders(day)
    sales.save("orders", day, found)
    return found


@task(retries=2)
def cleaned(day: str, orders: pd.DataFrame) -> pd.DataFrame:
    """The orders without returns."""
    kept = sales.without_returns(orders)
    sales.save("cleaned", day, kept)
    return kept


@task(name="by product")
def by_product(day: str, cleaned: pd.DataFrame) -> pd.DataFrame:
    """The revenue of each product."""
    products = sales.sum_by_product(cleaned)
    sales.save("by_product", day, products)
    return products


@task
def report(day: str, products: pd.DataFrame) -> dict[str, Any]:
    """The day in a document."""
    document = sales.describe(products)
    sales.save("report", day, document)
    return document


@flow
def daily_sales(day: date) -> None:
    """One day of sales."""
    text = day.isoformat()
    found = orders(text)
    kept = cleaned(text, found)
    products = by_product(text, kept)
    report(text, products)
