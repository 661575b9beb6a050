"""The figures of a day, in plain Python."""

import json

import numpy as np
import pandas as pd

PRODUCTS = ("bread", "cake", "roll")


def drawn(day: str, seed: int, count: int, price: float) -> pd.DataFrame:
    """The orders of a day: `id`, `product`, `pieces`, `price`, and a `note` that may be missing."""
    rng = np.random.default_rng(seed + int(day[-2:]))
    table = pd.DataFrame(
        {
            "id": np.arange(1, count + 1),
            "product": rng.choice(PRODUCTS, count),
            "pieces": rng.integers(1, 10, count),
            "price": np.round(rng.uniform(1, 5, count) * price, 2),
        }
    )
    table["note"] = pd.Series([None if row % 3 else "late" for row in table["id"]], dtype=object)
    if day == "2024-01-03":
        table.loc[0, "pieces"] = -1
    return table


def divided(orders: pd.DataFrame, limit: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The orders of at most so many pieces, and the others."""
    is_small = orders["pieces"] <= limit
    small, large = orders[is_small], orders[~is_small]
    return small.reset_index(drop=True), large.reset_index(drop=True)


def summed(small: pd.DataFrame, large: pd.DataFrame) -> pd.DataFrame:
    """For each product the pieces, the revenue, and the part of it from large orders."""
    revenue = [table["pieces"] * table["price"] for table in (small, large)]
    both = pd.concat(
        [
            pd.DataFrame({"product": small["product"], "small": revenue[0], "large": 0.0}),
            pd.DataFrame({"product": large["product"], "small": 0.0, "large": revenue[1]}),
        ]
    )
    both["pieces"] = pd.concat([small["pieces"], large["pieces"]])
    totals = both.groupby("product", as_index=False).sum()
    totals["large_share"] = (totals["large"] / (totals["small"] + totals["large"])).round(3)
    return totals[["product", "pieces", "small", "large", "large_share"]]


def written(summary: dict[str, float], day: str) -> str:
    """The summary as text, the entries in their order."""
    return json.dumps({"day": day, **summary})
