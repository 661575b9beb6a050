"""Gradient-boosted trees: trained by scikit-learn, kept as plain numbers, read without it.

Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29
(2001), with the absolute error as loss and scikit-learn's histograms of the features.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ticket_assets.evaluation.models import Seconds

CATEGORIES = ("incident_state", "priority", "contact_type", "assignment_group", "category")
COUNTS = ("reassignment_count", "sys_mod_count", "reopen_count")
FLAGS = ("made_sla", "u_priority_confirmation", "active")
TIMES = ("opened_at", "sys_updated_at")
COLUMNS = (*CATEGORIES, *COUNTS, *FLAGS, *TIMES)
"""The columns that the trees read."""

# 25 trees of 15 leaves are as good as 40 on the UCI log (MAE 122.4 h and 122.1 h), and twice as
# good as none.
PARAMETERS: dict[str, Any] = {
    "loss": "absolute_error",
    "learning_rate": 0.25,
    "max_iter": 25,
    "max_leaf_nodes": 15,
}
_MISSING = "?"

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trees:
    """Trees that were trained.

    `codes` gives each value of a category the median target of its training rows, in seconds;
    other values count as missing. The nodes of all trees follow each other, and `starts` has the
    first of each tree. A row goes `left` if its value is at most the threshold, or if it is missing
    and `missing_left` says so. Of a leaf, `left` and `right` are its own number.
    """

    codes: Mapping[str, Mapping[str, float]]
    baseline_s: float
    starts: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float64]
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    missing_left: npt.NDArray[np.bool_]
    value_s: npt.NDArray[np.float64]

    def predict(self, rows: pd.DataFrame) -> Seconds:
        """Seconds to closing, at least 0, for rows that have `COLUMNS`."""
        features = _matrix(rows, self.codes)
        seconds = np.full(len(rows), self.baseline_s)
        every_row = np.arange(len(rows))
        for start in self.starts:
            node = np.full(len(rows), start)
            while True:
                value = features[every_row, self.feature[node]]
                goes_left = np.where(
                    np.isnan(value), self.missing_left[node], value <= self.threshold[node]
                )
                following = np.where(goes_left, self.left[node], self.right[node])
                if (following == node).all():
                    break
                node = following
            seconds += self.value_s[node]
        positive: Seconds = np.maximum(seconds, 0.0)
        return positive

    def as_document(self) -> dict[str, Any]:
        """The trees as JSON."""
        return {
            "codes": {column: dict(codes) for column, codes in self.codes.items()},
            "baseline_s": self.baseline_s,
            **{name: getattr(self, name).tolist() for name in _ARRAYS},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Trees":
        """The inverse of `as_document`."""
        arrays: dict[str, Any] = {
            name: np.asarray(document[name], dtype) for name, dtype in _ARRAYS.items()
        }
        return cls(codes=document["codes"], baseline_s=document["baseline_s"], **arrays)


_ARRAYS = {
    "starts": np.int64,
    "feature": np.int64,
    "threshold": np.float64,
    "left": np.int64,
    "right": np.int64,
    "missing_left": np.bool_,
    "value_s": np.float64,
}


def train_trees(rows: pd.DataFrame, target_s: Seconds) -> Trees:
    """The trees trained on these rows, which have `COLUMNS`; always the same for the same rows."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # takes a second
    from threadpoolctl import threadpool_limits

    codes = {column: _median_by_value(rows[column], target_s) for column in CATEGORIES}
    regressor = HistGradientBoostingRegressor(**PARAMETERS, early_stopping=False, random_state=0)
    # With one thread, sums are added in one order. With more, the trees are too small to gain.
    with threadpool_limits(1):
        regressor.fit(_matrix(rows, codes), target_s)
    return _trees_of(regressor, codes)


def _median_by_value(column: pd.Series, target_s: Seconds) -> dict[str, float]:
    medians = pd.Series(target_s).groupby(_texts(column)).median()
    return {str(value): float(seconds) for value, seconds in medians.items()}


def _texts(column: pd.Series) -> npt.NDArray[np.object_]:
    texts: npt.NDArray[np.object_] = (
        column.astype(object).where(column.notna(), _MISSING).to_numpy()
    )
    return texts


def _matrix(rows: pd.DataFrame, codes: Mapping[str, Mapping[str, float]]) -> Matrix:
    """The features of each row: codes, counts, flags, age in hours, hour and weekday."""
    updated = rows["sys_updated_at"]
    age_h = (updated - rows["opened_at"]).dt.total_seconds() / 3600
    columns = [pd.Series(_texts(rows[name])).map(codes[name]) for name in CATEGORIES]
    columns += [rows[name] for name in (*COUNTS, *FLAGS)]
    columns += [age_h, updated.dt.hour, updated.dt.day_of_week]
    return np.column_stack([column.to_numpy("float64", na_value=np.nan) for column in columns])


def _trees_of(regressor: Any, codes: Mapping[str, Mapping[str, float]]) -> Trees:
    # scikit-learn has no public form of these trees (1.9): a test compares the predictions.
    nodes = [trees[0].nodes for trees in regressor._predictors]
    starts = np.cumsum([0, *(len(tree) for tree in nodes[:-1])])
    joined = np.concatenate(nodes)
    first = np.repeat(starts, [len(tree) for tree in nodes])
    is_leaf, own = joined["is_leaf"].astype(bool), np.arange(len(joined))
    return Trees(
        codes=codes,
        baseline_s=float(regressor._baseline_prediction.item()),
        starts=starts.astype(np.int64),
        feature=np.where(is_leaf, 0, joined["feature_idx"]).astype(np.int64),
        threshold=np.where(is_leaf, 0.0, joined["num_threshold"]),
        left=np.where(is_leaf, own, first + joined["left"]).astype(np.int64),
        right=np.where(is_leaf, own, first + joined["right"]).astype(np.int64),
        missing_left=joined["missing_go_to_left"].astype(bool),
        value_s=np.where(is_leaf, joined["value"], 0.0),
    )
