"""Plain functions of tables, and the files, that the job and the flow share."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PRODUCTS = ("chair", "desk", "lamp", "shelf")


def read_orders(day: str) -> pd.DataFrame:
    """The orders of a day, made from a seed: 200 rows of id, product, amount, price, time."""
    start = pd.Timestamp(day)
    numbers = np.random.default_rng(start.dayofyear)
    return pd.DataFrame(
        {
            "id": np.arange(200) + start.dayofyear * 1000,
            "product": numbers.choice(PRODUCTS, 200),
            "amount": numbers.integers(-1, 9, 200),
            "price": numbers.random(200).round(2) * 100,
            "ordered_at": start + pd.to_timedelta(np.sort(numbers.integers(0, 86400, 200)), "s"),
        }
    )


def without_returns(orders: pd.DataFrame) -> pd.DataFrame:
    """The orders of at least one piece, with their revenue."""
    kept = orders[orders["amount"] > 0].reset_index(drop=True)
    return kept.assign(revenue=kept["amount"] * kept["price"])


def sum_by_product(orders: pd.DataFrame) -> pd.DataFrame:
    """A row for each product: its orders, pieces and revenue."""
    grouped = orders.groupby("product", as_index=False)
    return grouped.agg(orders=("id", "count"), pieces=("amount", "sum"), revenue=("revenue", "sum"))


def describe(products: pd.DataFrame) -> dict[str, Any]:
    """The day in a document."""
    best = products.loc[products["revenue"].idxmax()]
    return {
        "orders": int(products["orders"].sum()),
        "revenue": float(products["revenue"].sum()),
        "best": str(best["product"]),
    }


def save(name: str, day: str, value: Any) -> Path:
    """Writes a table as Parquet, a document as JSON, below the folder in `SALES_STORE`."""
    folder = Path(os.environ.get("SALES_STORE", "var/sales"), name)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(value, pd.DataFrame):
        path = folder / f"{day}.parquet"
        value.to_parquet(path, index=False)
    else:
        path = folder / f"{day}.json"
        path.write_text(json.dumps(value, sort_keys=True), encoding="utf-8")
    return path


def load(name: str, day: str) -> Any:
    """Reads what `save` has written."""
    folder = Path(os.environ.get("SALES_STORE", "var/sales"), name)
    document = folder / f"{day}.json"
    if document.is_file():
        return json.loads(document.read_text(encoding="utf-8"))
    return pd.read_parquet(folder / f"{day}.parquet")
