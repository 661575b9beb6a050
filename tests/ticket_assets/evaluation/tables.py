"""Small tables for the tests of the evaluation."""

import numpy as np
import pandas as pd

from ticket_assets.days import to_days


def log(rows_by_day: dict[str, int], priority: str = "3 - Moderate") -> pd.DataFrame:
    """A log with that many rows a day, each closed an hour after its last update."""
    days = [day for day, rows in rows_by_day.items() for _ in range(rows)]
    closed = pd.Series(to_days(days)) + pd.Timedelta(hours=12)
    return pd.DataFrame(
        {
            "day": pd.Series(to_days(days)),
            "log_row": np.arange(1, len(days) + 1),
            "priority": pd.Series([priority] * len(days), dtype="str"),
            "sys_updated_at": (closed - pd.Timedelta(hours=1)).astype("datetime64[s]"),
            "closed_at": closed.astype("datetime64[s]"),
        }
    )


def scored_rows(batch: pd.DataFrame, **hours: float) -> pd.DataFrame:
    """The rows of `score_models`, an incident each, on which each model predicts its hours."""
    numbers = [f"INC{row:07}" for row in batch["log_row"]]
    rows = batch[["day", "log_row"]].assign(number=pd.Series(numbers, dtype="str"))
    rows["incident_state"] = pd.Series(["Active"] * len(batch), dtype="str")
    rows["target_s"] = 3600.0
    return rows.assign(**{model: each * 3600.0 for model, each in hours.items()})
