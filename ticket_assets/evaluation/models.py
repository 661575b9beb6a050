"""Models that predict a ticket's time to closing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from ticket_assets.errors import ModelError
from ticket_assets.evaluation.features import features_of
from ticket_assets.evaluation.keys import KEY_COLUMNS

SECONDS_PER_HOUR = 3600.0
PRIORITY_HOURS = "priority-hours"
CONSTANT, STATE_MEDIAN, GRADIENT_BOOSTING = "constant", "state-median", "gradient-boosting"
TRAINED = (CONSTANT, STATE_MEDIAN, GRADIENT_BOOSTING)
"""Models that the asset `challenger` trains anew for each day, on the days before it."""

Seconds = npt.NDArray[np.float64]


def column_of(model: str) -> str:
    """The column of a trained model's predictions."""
    return f"{model.replace('-', '_')}_s"


def compared_with(champion: str) -> list[str]:
    """The models that are scored: the champion, then the trained ones."""
    return list(dict.fromkeys([champion, *TRAINED]))


class Model(Protocol):
    """A model: a frame of the columns that it reads goes in, seconds to closing come out.

    `columns` are some of `FEATURES`. `name` and `version` identify the model in the provenance:
    another version must have another text.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def columns(self) -> Sequence[str]: ...

    def predict(self, features: pd.DataFrame) -> Any:
        """One finite number of seconds for each row, in order."""
        ...


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

    name = PRIORITY_HOURS
    version = "1"
    columns = ("priority",)

    def by_priority(self) -> dict[str, float]:
        return {
            "1 - Critical": self.critical,
            "2 - High": self.high,
            "3 - Moderate": self.moderate,
            "4 - Low": self.low,
        }

    def predict(self, features: pd.DataFrame) -> pd.Series:
        hours = features["priority"].map(self.by_priority()).astype("float64").fillna(self.other)
        return hours * SECONDS_PER_HOUR


def identity_of(model: Model) -> dict[str, str]:
    """The model's name and version, as the provenance has them."""
    return {"name": model.name, "version": model.version}


def predict(batch: pd.DataFrame, model: Model) -> pd.DataFrame:
    """Seconds to closing predicted for each row of the batch.

    Returns `day`, `log_row`, `priority`, `predicted_s` (float64). Raises ModelError if the model
    asks for a refused feature or does not return one finite number for each row.
    """
    features = features_of(batch, model.columns, model.name)
    seconds = model.predict(features) if len(batch) else np.empty(0)
    return predicted_table(batch, _checked(batch, seconds, model.name))


def predicted_table(batch: pd.DataFrame, seconds: Seconds) -> pd.DataFrame:
    """The predictions as `predict` returns them."""
    return batch[[*KEY_COLUMNS, "priority"]].assign(predicted_s=seconds)


def _checked(batch: pd.DataFrame, seconds: Any, model: str) -> Seconds:
    expected = f"expected one finite number of seconds for each of {len(batch)} rows"
    try:
        values = np.asarray(seconds, dtype="float64")
    except (TypeError, ValueError) as error:
        found = f"found {type(seconds).__name__} ({error})"
        raise ModelError(f"model {model}: {found}, {expected}. Correct the model.") from error
    if values.shape != (len(batch),):
        raise ModelError(
            f"model {model}: found an array of shape {values.shape}, {expected}. Correct the model."
        )
    wrong = ~np.isfinite(values)
    if wrong.any():
        first = batch.iloc[int(np.argmax(wrong))]
        raise ModelError(
            f"model {model}: found {values[wrong][0]} for {int(wrong.sum())} rows (first:"
            f" {first['day'].date()}, log_row {first['log_row']}), {expected}. Correct the model."
        )
    return values
