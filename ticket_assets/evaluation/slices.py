"""Errors of parts of the log: where the predictions are worse than elsewhere."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ticket_assets.errors import DataError
from ticket_assets.evaluation.intervals import FEWEST_INCIDENTS
from ticket_assets.evaluation.jackknife import (
    ClusterSums,
    Codes,
    Floats,
    Jackknife,
    mean_difference,
    mean_with_errors,
)
from ticket_assets.evaluation.multiple_tests import SIGNIFICANT, holm_adjusted

SHOWN_VALUES = 8
MISSING = "?"
SLICE_COLUMNS = (
    "incident_state", "priority", "category", "assignment_group", "reassignment_count",
)  # fmt: skip
_DTYPES: Mapping[str, str] = {
    "slice": "str", "value": "str", "num_obs": "int64", "incidents": "int64",
} | dict.fromkeys(
    (
        "share", "mae_s", "low_s", "high_s", "bias_s", "difference_s", "difference_low_s",
        "difference_high_s", "p_value", "adjusted_p_value", "trend_s", "trend_low_s",
        "trend_high_s",
    ),
    "float64",
)  # fmt: skip


def slice_errors(
    rows: pd.DataFrame,
    recent_days: int = 28,
    level: float = 0.95,
    fewest_incidents: int = FEWEST_INCIDENTS,
    significance: float = SIGNIFICANT,
) -> pd.DataFrame:
    """Errors by state, priority, category, group and number of reassignments: one row per value.

    `rows`: `day`, `number`, `error_s` (seconds, predicted minus actual) and `SLICE_COLUMNS`; one
    row per prediction. Categories and groups beyond the eight largest are one value,
    `other (n values)`; reassignments are `0`, `1`, `2`, `3+`; missing is `?`.

    Returns
    - `slice` (the column), `value`, `num_obs`, `incidents`, `share` (of all rows);
    - `mae_s` with `low_s` and `high_s`, and `bias_s` (the mean of `error_s`);
    - `difference_s`: the MAE less that of all other rows, with `difference_low_s`,
      `difference_high_s`, `p_value` (two-sided, but 1 where the slice is not worse), and
      `adjusted_p_value` (Holm, over all rows of the table);
    - `trend_s`: the MAE on the last `recent_days` days that have rows, less that before, with
      `trend_low_s` and `trend_high_s`. They are not adjusted for the number of slices.

    First the slices that are worse than the others by an adjusted p-value below `significance`,
    largest difference first; then the rest in the same order. Intervals and p-values are by
    incident and null where a side has fewer than `fewest_incidents`. No rows give no slices.
    Raises DataError if an error or a number is missing.
    """
    _validate(rows)
    days = np.sort(rows["day"].unique())
    recent = rows["day"].isin(days[-recent_days:]).to_numpy()
    slices = [
        _errors_by_value(rows, name, recent, level, fewest_incidents) for name in SLICE_COLUMNS
    ]
    table = pd.concat(slices, ignore_index=True)
    table["adjusted_p_value"] = holm_adjusted(table["p_value"].to_numpy())
    worse = (table["adjusted_p_value"] < significance) & (table["difference_s"] > 0)
    order = np.lexsort((-table["difference_s"].fillna(-np.inf), ~worse))
    return table.iloc[order].reset_index(drop=True)[list(_DTYPES)].astype(_DTYPES)


def _errors_by_value(
    rows: pd.DataFrame, name: str, recent: npt.NDArray[np.bool_], level: float, fewest: int
) -> pd.DataFrame:
    value, values = pd.factorize(_labels(rows[name], name), sort=True)
    cluster, clusters = pd.factorize(rows["number"])
    # Every incident stands in every slice, with no rows where it has none there.
    group = np.repeat(np.arange(len(values)), len(clusters))
    code = value * len(clusters) + cluster
    error = rows["error_s"].to_numpy("float64")
    own = _cluster_sums(np.abs(error), code, len(group))
    late = _cluster_sums(np.abs(error)[recent], code[recent], len(group))
    total = _cluster_sums(np.abs(error), cluster, len(clusters))
    everywhere = ClusterSums(np.tile(total.sums, len(values)), np.tile(total.sizes, len(values)))

    mae = mean_with_errors(own, group, len(values))
    difference = mean_difference(own, everywhere.without(own), group, len(values))
    trend = mean_difference(late, own.without(late), group, len(values))
    num_obs = np.bincount(value, minlength=len(values))
    columns: dict[str, Any] = {
        "slice": name, "value": values, "num_obs": num_obs, "incidents": mae.clusters,
        "share": num_obs / len(rows), "bias_s": np.bincount(value, error, len(values)) / num_obs,
        "p_value": np.where(difference.clusters >= fewest, _worse(difference), np.nan),
    }  # fmt: skip
    columns |= _with_limits("mae_s", "", mae, level, fewest)
    columns |= _with_limits("difference_s", "difference_", difference, level, fewest)
    columns |= _with_limits("trend_s", "trend_", trend, level, fewest)
    return pd.DataFrame(columns)


def _worse(difference: Jackknife) -> Floats:
    """P-values of the claim that a slice is no worse than the rest; 1 where it seems better.

    Small samples of skewed errors often lack their tail. So a claim that a slice is better would
    be false in 4 of 10 logs (docs/evaluation-statistics.md): none is made.
    """
    return np.where(difference.estimate > 0, difference.p_values(), 1.0)


def _cluster_sums(values: Floats, code: Codes, size: int) -> ClusterSums:
    return ClusterSums(
        np.bincount(code, values, size).astype("float64"),
        np.bincount(code, minlength=size).astype("float64"),
    )


def _with_limits(
    name: str, prefix: str, result: Jackknife, level: float, fewest: int
) -> dict[str, Floats]:
    low, high = (np.where(result.clusters >= fewest, end, np.nan) for end in result.limits(level))
    return {name: result.estimate, f"{prefix}low_s": low, f"{prefix}high_s": high}


def _labels(values: pd.Series, name: str) -> pd.Series:
    """The value of the slice that each row is in, as text."""
    if name == "reassignment_count":
        counts = values.clip(upper=3).astype("Int64").astype("str").replace("3", "3+")
        return counts.where(values.notna(), MISSING)
    labels = values.astype("str").where(values.notna(), MISSING)
    return _largest(labels) if name in ("category", "assignment_group") else labels


def _largest(labels: pd.Series) -> pd.Series:
    """All but the largest values as one; a missing value stays apart."""
    # Equally large ones in the order of their names, so that the order of rows does not matter.
    sizes = labels[labels != MISSING].value_counts().sort_index()
    rest = sizes.sort_values(ascending=False, kind="stable").index[SHOWN_VALUES:]
    if len(rest) < 2:
        return labels
    return labels.where(~labels.isin(rest), f"other ({len(rest)} values)")


def _validate(rows: pd.DataFrame) -> None:
    for name in ("number", "error_s"):
        if missing := int(rows[name].isna().sum()):
            raise DataError(
                f"slices: found {missing} of {len(rows)} rows without {name}, expected a value in"
                " each. Pass the rows that have a prediction and belong to an incident."
            )
