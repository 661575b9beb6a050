"""The evaluation in plain pandas: sample, target, predict, score, summarise.

Every table has `day` (datetime64[s]) and, but for the metrics, `log_row` (int64: the row's
number in the log), and may cover any number of days; the days are treated apart, so one day
alone gives the same result as the same day within a year. No orchestrator is imported here.
"""

import math
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ticket_assets.errors import DataError
from ticket_assets.tables import Table, map_parts

KEY_COLUMNS = ["day", "log_row"]
SECONDS_PER_HOUR = 3600.0
TRIAL_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:ticket-assets:trial")


@dataclass(frozen=True)
class PriorityHours:
    """Hours predicted to closing, by the log's own spelling of the priority.

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


@dataclass(frozen=True)
class Provenance:
    """What one day's trial was made from; equal provenance means equal content.

    `log_source` is informative: where the log came from changes neither content nor id.
    """

    day: str
    log_source: str
    log_sha256: str
    batch_size: int
    seed: int
    hours: PriorityHours
    versions: Mapping[str, str]

    @property
    def trial_id(self) -> str:
        """A uuid5 of everything but `log_source`: the same trial has the same id anywhere."""
        facts = [
            self.day, self.log_sha256, self.batch_size, self.seed,
            *asdict(self.hours).items(), *sorted(self.versions.items()),
        ]  # fmt: skip
        return str(uuid.uuid5(TRIAL_NAMESPACE, repr(facts)))


def sample(rows: Table, batch_size: int, seed: int) -> pd.DataFrame:
    """At most `batch_size` rows of each day, drawn without replacement, in the log's order.

    `rows` is ordered by day and `log_row`. Which rows are drawn depends on the seed, the day
    and the rows' positions within the day alone: every position gets a pseudo-random key and
    the smallest keys win, so a larger batch contains the smaller one.
    """
    if batch_size < 1:
        raise DataError(f"batch_size is {batch_size}; expected 1 or more.")
    before, rows_before = [], Counter[pd.Timestamp]()
    for counts in map_parts(rows_by_day, rows[["day"]]):
        before.append({day: rows_before[day] for day in counts})
        rows_before.update(counts)
    candidates = partial(_candidates, batch_size=batch_size, seed=seed)
    drawn = _smallest(pd.concat(map_parts(candidates, rows, before)), batch_size)
    return drawn.drop(columns="draw").reset_index(drop=True)


def rows_by_day(rows: pd.DataFrame) -> dict[pd.Timestamp, int]:
    """How many rows there are of each day that has any."""
    counts: dict[pd.Timestamp, int] = rows["day"].value_counts(sort=False).to_dict()
    return counts


def _candidates(
    rows: pd.DataFrame, rows_before: Mapping[pd.Timestamp, int], batch_size: int, seed: int
) -> pd.DataFrame:
    """The rows of a part that the sample could have, with their keys as `draw` (uint64).

    `rows_before` is how many rows each of its days has in earlier parts.
    """
    before = rows["day"].map(rows_before).to_numpy(np.uint64)
    position = rows.groupby("day", sort=False).cumcount().to_numpy(np.uint64) + before
    day_number = rows["day"].to_numpy("datetime64[D]").astype(np.int64).astype(np.uint64)
    key = _mixed(_mixed(_mixed(np.uint64(seed)) + day_number) + position)
    return _smallest(rows.assign(draw=key), batch_size)


def _smallest(rows: pd.DataFrame, batch_size: int) -> pd.DataFrame:
    rank = rows.groupby("day", sort=False)["draw"].rank(method="first")
    return rows[rank <= batch_size]


def _mixed(state: npt.NDArray[np.uint64] | np.uint64) -> npt.NDArray[np.uint64]:
    """SplitMix64's output function (Steele, Lea and Flood, "Fast splittable pseudorandom
    number generators", 2014): the same 64 bits on every machine and NumPy version."""
    z = np.atleast_1d(np.asarray(state, np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def target_seconds(batch: pd.DataFrame) -> pd.DataFrame:
    """Seconds from each row's `sys_updated_at` to `closed_at`.

    Returns `day`, `log_row`, `target_s` (float64). Negative where the log says so.
    """
    waited = batch["closed_at"] - batch["sys_updated_at"]
    return batch[KEY_COLUMNS].assign(target_s=waited.dt.total_seconds().astype("float64"))


def predict(batch: pd.DataFrame, hours: PriorityHours) -> pd.DataFrame:
    """Seconds to closing predicted from `priority` alone.

    Returns `day`, `log_row`, `priority`, `predicted_s` (float64).
    """
    predicted = batch["priority"].map(hours.by_priority()).astype("float64").fillna(hours.other)
    return batch[[*KEY_COLUMNS, "priority"]].assign(predicted_s=predicted * SECONDS_PER_HOUR)


def score(targets: pd.DataFrame, predictions: pd.DataFrame, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Errors of each day's predictions: one row a day of `days`, in their order.

    Columns: `day`, `num_obs` (int64), `mae_s`, `medae_s`, `mse_s2`, `r2` (float64). A day
    without rows has `num_obs` 0 and nulls; `r2` is null below two rows. Definitions:
    scikit-learn, "Regression metrics"; for a constant target its `force_finite` rule (1 for a
    perfect prediction, else 0). Raises DataError if the two tables are not about the same rows.
    """
    if not targets[KEY_COLUMNS].equals(predictions[KEY_COLUMNS]):
        raise DataError(
            f"targets ({len(targets)} rows) and predictions ({len(predictions)} rows) are not"
            " about the same tickets in the same order. Materialize both from one sampled_batch."
        )
    by_day = targets["day"]
    error = predictions["predicted_s"] - targets["target_s"]
    spread = targets["target_s"] - targets.groupby("day")["target_s"].transform("mean")
    terms = pd.DataFrame({"absolute": error.abs(), "squared": error**2, "spread": spread**2})
    groups = terms.groupby(by_day)
    table = pd.DataFrame(
        {
            "num_obs": groups.size(),
            "mae_s": groups["absolute"].mean(),
            "medae_s": groups["absolute"].median(),
            "mse_s2": groups["squared"].mean(),
            "r2": _r2(groups["squared"].sum(), groups["spread"].sum(), groups.size()),
        }
    ).reindex(days)
    table["num_obs"] = table["num_obs"].fillna(0).astype("int64")
    return table.rename_axis("day").reset_index()


def _r2(residual: pd.Series, total: pd.Series, rows: pd.Series) -> pd.Series:
    constant = (residual == 0).astype("float64")
    ratio = (1 - residual / total.where(total > 0)).where(total > 0, constant)
    return ratio.where(rows >= 2)


def summarise(
    targets: pd.DataFrame, metrics: pd.DataFrame, provenance: Mapping[str, Provenance]
) -> dict[str, dict[str, Any]]:
    """The trial document of each day of `metrics`, by partition key. Errors in seconds."""
    described = targets.groupby("day")["target_s"].agg(["mean", "median", "min", "max"])
    described = described.reindex(metrics["day"])
    documents = {}
    for row, target in zip(metrics.itertuples(), described.itertuples(), strict=True):
        day = row.day.strftime("%Y-%m-%d")
        scores = (row.mae_s, row.medae_s, row.mse_s2, row.r2)
        origin = provenance[day]
        documents[day] = {
            "id": origin.trial_id,
            "data": {
                "num_obs": row.num_obs,
                "metrics": _named(("MAE", "MedAE", "MSE", "R2"), scores),
                "target": _named(("mean", "median", "min", "max"), target[1:]),
            },
            "provenance": asdict(origin),
        }
    return documents


def _named(names: Sequence[str], values: Sequence[float]) -> dict[str, float | None]:
    """JSON has no NaN: a figure that does not exist is null."""
    return {
        name: None if math.isnan(value) else float(value)
        for name, value in zip(names, values, strict=True)
    }


def errors_by_priority(targets: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Over all days together: `priority`, `num_obs`, `mae_s`, `medae_s`, `bias_s`.

    Bias is the mean of predicted minus actual: above 0 the guess is too long.
    """
    merged = targets.merge(predictions, on=KEY_COLUMNS, validate="one_to_one")
    error = merged["predicted_s"] - merged["target_s"]
    terms = pd.DataFrame({"absolute": error.abs(), "error": error})
    groups = terms.groupby(merged["priority"].fillna("?"))
    return pd.DataFrame(
        {
            "num_obs": groups.size(),
            "mae_s": groups["absolute"].mean(),
            "medae_s": groups["absolute"].median(),
            "bias_s": groups["error"].mean(),
        }
    ).reset_index()


def errors_by_month(metrics: pd.DataFrame) -> pd.DataFrame:
    """`month` (`2016-03`), `days` evaluated, `num_obs`, and `mae_s` weighted by tickets
    (null in a month without any)."""
    weighted = metrics["mae_s"].fillna(0) * metrics["num_obs"]
    groups = metrics.assign(weighted=weighted).groupby(metrics["day"].dt.strftime("%Y-%m"))
    table = groups.agg(days=("day", "size"), num_obs=("num_obs", "sum"), total=("weighted", "sum"))
    table["mae_s"] = table["total"] / table["num_obs"].where(table["num_obs"] > 0)
    return table.drop(columns="total").rename_axis("month").reset_index()


@dataclass(frozen=True)
class Drift:
    """Whether the latest days are predicted worse than the days before them."""

    recent_days: int
    recent_mae_s: float | None
    earlier_mae_s: float | None

    @property
    def ratio(self) -> float | None:
        """Recent over earlier error; None where either is missing."""
        if not self.recent_mae_s or not self.earlier_mae_s:
            return None
        return self.recent_mae_s / self.earlier_mae_s


def drift(metrics: pd.DataFrame, recent_days: int = 28) -> Drift:
    """The median daily MAE of the last `recent_days` days with tickets, and of those before."""
    daily = metrics.sort_values("day")["mae_s"].dropna()
    recent, earlier = daily.iloc[-recent_days:], daily.iloc[:-recent_days]
    medians = [None if part.empty else float(part.median()) for part in (recent, earlier)]
    return Drift(len(recent), medians[0], medians[1])
