"""Drift: recent errors against earlier ones."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Drift:
    """The errors of the latest days, and of the days before them."""

    recent_days: int
    recent_mae_s: float | None
    earlier_mae_s: float | None

    @property
    def ratio(self) -> float | None:
        """Recent over earlier error; None if either is missing."""
        if not self.recent_mae_s or not self.earlier_mae_s:
            return None
        return self.recent_mae_s / self.earlier_mae_s


def measure_drift(metrics: pd.DataFrame, recent_days: int = 28) -> Drift:
    """The median daily MAE of the last `recent_days` days with tickets, and of the days before."""
    daily = metrics.sort_values("day")["mae_s"].dropna()
    recent, earlier = daily.iloc[-recent_days:], daily.iloc[:-recent_days]
    medians = [None if part.empty else float(part.median()) for part in (recent, earlier)]
    return Drift(len(recent), medians[0], medians[1])
