"""Models that predict a ticket's time to closing."""

from dataclasses import dataclass

import pandas as pd

from ticket_assets.evaluation.keys import KEY_COLUMNS

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True)
class PriorityHours:
    """Hours to closing that the model predicts, by the log's own spelling of the priority.

    The published tutorials map `4 - Lower`, a value that the log never has.
    """

    critical: float = 6.0
    high: float = 24.0
    moderate: float = 120.0
    low: float = 240.0
    other: float = 180.0

    def by_priority(self) -> dict[str, float]:
        return {
            "1 - Critical": self.critical,
            "2 - High": self.high,
            "3 - Moderate": self.moderate,
            "4 - Low": self.low,
        }


def predict(batch: pd.DataFrame, hours: PriorityHours) -> pd.DataFrame:
    """Seconds to closing predicted from `priority` alone.

    Returns `day`, `log_row`, `priority`, `predicted_s` (float64).
    """
    predicted = batch["priority"].map(hours.by_priority()).astype("float64").fillna(hours.other)
    return batch[[*KEY_COLUMNS, "priority"]].assign(predicted_s=predicted * SECONDS_PER_HOUR)
