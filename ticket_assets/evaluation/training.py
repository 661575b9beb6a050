"""Models trained on the past of the day that they score: two medians and gradient boosting.

A day's training rows are those of incidents closed before it, so their targets are known then. Each
day stands alone: its models depend on the log and the day.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ticket_assets.days import to_keys
from ticket_assets.errors import ModelError
from ticket_assets.evaluation.boosting import COLUMNS, PARAMETERS, Trees, train_trees
from ticket_assets.evaluation.keys import KEY_COLUMNS
from ticket_assets.evaluation.models import (
    CONSTANT,
    GRADIENT_BOOSTING,
    STATE_MEDIAN,
    Seconds,
    column_of,
)
from ticket_assets.evaluation.scores import target_seconds

# Recent days are better than many: on the UCI log the median per state has a MAE of 143.6 h with
# 28 days, 154.5 h with 90 and 157.1 h with all.
TRAINING_DAYS = 28
# The trees are trained each Monday and used for a week. Each day anew would take 7 times as long,
# for a MAE of 118.6 h instead of 121.8 h.
DAYS_OF_A_WEEK = 7
FIRST_OFFSET = -(TRAINING_DAYS + DAYS_OF_A_WEEK - 1)
"""The first day, before the day that is scored, that its models may be trained on."""

FEWEST_INCIDENTS = 30
ROWS_PER_DAY = 1000
"""The most rows of a day that are trained on; a very large day would outweigh all others."""

HISTORY_COLUMNS = tuple(dict.fromkeys(("number", *COLUMNS, "sys_updated_at", "closed_at")))
"""The log's columns that training reads."""

BATCH_COLUMNS = (*KEY_COLUMNS, *COLUMNS)
"""The columns of a batch that `predict_trained` reads."""


@dataclass(frozen=True)
class _History:
    """Rows of past incidents, ordered by day, with their targets in seconds."""

    rows: pd.DataFrame
    target_s: Seconds

    def between(self, first: pd.Timestamp, last: pd.Timestamp) -> "_History":
        """The rows of these days, both included."""
        days = self.rows["day"].to_numpy()
        part = slice(days.searchsorted(first.to_datetime64()),
                     days.searchsorted(last.to_datetime64(), side="right"))  # fmt: skip
        return _History(self.rows.iloc[part], self.target_s[part])

    def facts(self, first: pd.Timestamp, last: pd.Timestamp) -> dict[str, Any]:
        """The range of days, what it holds, and a digest of the rows and their targets."""
        digest = hashlib.sha256(self.rows["log_row"].to_numpy("int64").tobytes())
        digest.update(self.target_s.tobytes())
        return {
            "first_day": str(first.date()),
            "last_day": str(last.date()),
            "rows": len(self.rows),
            "incidents": int(self.rows["number"].nunique()),
            "sha256": digest.hexdigest(),
        }


def train(history: pd.DataFrame, days: pd.DatetimeIndex) -> dict[str, dict[str, Any]]:
    """The models for each day of `days`, as JSON documents by partition key.

    `history` has `day`, `log_row` and HISTORY_COLUMNS, ordered by day. A document has `medians`
    (`constant_s`, `state_median_s` by state) of the 28 days before, and `gradient_boosting` (its
    trees) of the 28 days before the day's Monday; each with its training range. A model is null if
    fewer than 30 incidents closed in its range.
    """
    past = _History(history, target_seconds(history)["target_s"].to_numpy())
    trees: dict[pd.Timestamp, dict[str, Any]] = {}
    documents = {}
    for key, day in zip(to_keys(days), days, strict=True):
        monday = day - pd.Timedelta(days=day.weekday())
        if monday not in trees:
            trees[monday] = _boosting(past, monday)
        documents[key] = {"medians": _medians(past, day), "gradient_boosting": trees[monday]}
    return documents


def _training_range(day: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    return day - pd.Timedelta(days=TRAINING_DAYS), day - pd.Timedelta(days=1)


def _medians(past: _History, day: pd.Timestamp) -> dict[str, Any]:
    first, last = _training_range(day)
    part = past.between(first, last)
    facts = part.facts(first, last)
    constant, by_state = None, None
    if facts["incidents"] >= FEWEST_INCIDENTS:
        constant = float(np.median(part.target_s))
        groups = pd.Series(part.target_s).groupby(part.rows["incident_state"].to_numpy())
        by_state = {str(state): float(median) for state, median in groups.median().items()}
    return {"trained_on": facts, "constant_s": constant, "state_median_s": by_state}


def _boosting(past: _History, monday: pd.Timestamp) -> dict[str, Any]:
    first, last = _training_range(monday)
    part = past.between(first, last)
    facts = part.facts(first, last)
    trees = None
    if facts["incidents"] >= FEWEST_INCIDENTS:
        trees = train_trees(part.rows, part.target_s).as_document()
    return {"trained_on": facts, "parameters": PARAMETERS, "trees": trees}


def predict_trained(
    batch: pd.DataFrame, challengers: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """The predictions of each trained model in seconds: one column a model, NaN where it is null.

    Returns `day`, `log_row`, `constant_s`, `state_median_s`, `gradient_boosting_s`. `batch` has
    BATCH_COLUMNS and is ordered by day; `challengers` are documents of `train`.
    """
    table = batch[KEY_COLUMNS].copy()
    keys = batch["day"].dt.strftime("%Y-%m-%d").to_numpy()
    medians = {key: challengers[key]["medians"] for key in dict.fromkeys(keys)}
    constant = {key: each["constant_s"] for key, each in medians.items()}
    constants = pd.Series(keys, index=batch.index, dtype="str").map(constant).astype("float64")
    table[column_of(CONSTANT)] = constants
    table[column_of(STATE_MEDIAN)] = _state_medians(batch, keys, medians).fillna(constants)
    table[column_of(GRADIENT_BOOSTING)] = _boosted(batch, keys, challengers)
    return table


def _state_medians(
    batch: pd.DataFrame, keys: Any, medians: Mapping[str, Mapping[str, Any]]
) -> pd.Series:
    by_day_and_state = {
        (key, state): seconds
        for key, each in medians.items()
        for state, seconds in (each["state_median_s"] or {}).items()
    }
    asked = zip(keys, batch["incident_state"], strict=True)
    values = [by_day_and_state.get(pair, np.nan) for pair in asked]
    return pd.Series(values, index=batch.index, dtype="float64")


def _boosted(
    batch: pd.DataFrame, keys: Any, challengers: Mapping[str, Mapping[str, Any]]
) -> Seconds:
    """Predictions of the trees, which are the same for the days of a week."""
    by_training = {
        key: challengers[key]["gradient_boosting"]["trained_on"]["sha256"]
        for key in dict.fromkeys(keys)
    }
    seconds = np.full(len(batch), np.nan)
    for training in dict.fromkeys(by_training.values()):
        days = [key for key, sha256 in by_training.items() if sha256 == training]
        document = challengers[days[0]]["gradient_boosting"]["trees"]
        if document is not None:
            rows = np.isin(keys, days)
            seconds[rows] = Trees.from_document(document).predict(batch[rows])
    return seconds


def seconds_of(trained: pd.DataFrame, model: str) -> Seconds:
    """The predictions of one trained model.

    Raises ModelError naming the first day for which there was nothing to train it on.
    """
    seconds = trained[column_of(model)]
    if seconds.isna().any():
        days = trained.loc[seconds.isna(), "day"]
        raise ModelError(
            f"model {model}: nothing to train it on for {days.nunique()} days (first:"
            f" {days.iloc[0].date()}): fewer than {FEWEST_INCIDENTS} incidents closed in the"
            f" {TRAINING_DAYS} days of its training. Choose later days or another TICKET_MODEL."
        )
    known: Seconds = seconds.to_numpy()
    return known


def trained_version(challengers: Mapping[str, Mapping[str, Any]], model: str) -> dict[str, str]:
    """The version of a trained model on each day: the digest of its training rows."""
    part = "gradient_boosting" if model == GRADIENT_BOOSTING else "medians"
    return {key: each[part]["trained_on"]["sha256"] for key, each in challengers.items()}
