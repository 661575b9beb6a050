"""Drift of inputs: do recent incidents have other values than those of the days before?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

from ticket_assets.errors import DataError
from ticket_assets.evaluation.jackknife import Codes, Floats
from ticket_assets.evaluation.multiple_tests import holm_adjusted

MOST_BINS = 20
FEWEST_IN_BIN = 5  # incidents; the values of fewer count together
NUMERIC_BINS = 10
MISSING, RARE = "?", "rare"
_DTYPES = {
    "column": "str", "is_numeric": "bool", "reference_incidents": "int64",
    "recent_incidents": "int64", "psi": "float64", "total_variation": "float64",
    "wasserstein_sd": "float64", "statistic": "float64", "p_value": "float64",
    "adjusted_p_value": "float64",
}  # fmt: skip


def measure_input_drift(
    rows: pd.DataFrame,
    columns: Sequence[str],
    seed: int,
    recent_days: int = 28,
    reference_days: int = 180,
    permutations: int = 999,
) -> pd.DataFrame:
    """Compares the values of each column on the latest days with those of the days before.

    `rows`: `day`, `number` and the columns. The last `recent_days` days that have rows are
    compared with at most `reference_days` days before. An incident weighs 1 on each of its days,
    in equal parts if it has several rows that day. Numbers are cut at deciles of both windows
    together (one bin per value if there are at most ten); of other columns the largest values
    are bins, and the rare ones together are one. Missing is a bin.

    Returns one row per column, in their order:
    - `column`, `is_numeric`, `reference_incidents`, `recent_incidents` (a day's incidents, summed
      over the days);
    - `psi`: population stability index (N. Siddiqi, "Credit Risk Scorecards", 2006: below 0.1 no,
      above 0.25 a major shift), with half an incident more in each bin, so that a bin that is
      empty in one window is finite;
    - `total_variation`: half the sum of the shares' differences, from 0 to 1;
    - `wasserstein_sd`: of numbers, how far their values lie apart, in standard deviations of the
      reference; null for other columns and for a reference without spread;
    - `statistic`: chi-square of the two windows' shares, as if of one incident each; of numbers
      cumulative, so that bins far apart count as such (G. Taguchi 1974; V. N. Nair, "Testing in
      industrial experiments with ordered categorical data", Technometrics 28, 1986);
    - `p_value`: by permutation of whole days, as incidents of one day are alike (Davison and
      Hinkley, "Bootstrap Methods and their Application", 1997, section 4.3), and
      `adjusted_p_value` (Holm, over the columns). No p-value is below 1 in `permutations` + 1,
      so the default serves up to 20 columns.

    The order of rows changes nothing. Where a window has no day, all figures but the counts are
    null. Raises DataError for a row without `number` and for a column of times.
    """
    _validate(rows, columns)
    days = np.sort(rows["day"].unique())[-(recent_days + reference_days) :]
    rows = rows[rows["day"].isin(days)]
    day = np.searchsorted(days, rows["day"].to_numpy())
    is_recent = np.arange(len(days)) >= len(days) - recent_days
    if len(days) <= recent_days:
        is_recent[:] = True
    windows = _permuted(is_recent, permutations, np.random.default_rng(seed))
    keys = rows.groupby(["day", "number"], sort=False)
    weights = 1 / keys["number"].transform("size").to_numpy("float64")
    incidents = np.bincount(day, weights, len(days))
    table = pd.DataFrame(
        [_column_drift(rows[name], day, weights, windows) for name in columns],
        columns=list(_DTYPES),
    ).assign(
        reference_incidents=round(float(incidents[~is_recent].sum())),
        recent_incidents=round(float(incidents[is_recent].sum())),
    )
    table["adjusted_p_value"] = holm_adjusted(table["p_value"].to_numpy("float64"))
    return table.astype(_DTYPES)


def _column_drift(
    values: pd.Series, day: Codes, weights: Floats, windows: Floats
) -> dict[str, Any]:
    """The drift of one column; the first row of `windows` is the recent window, 1 for its days."""
    is_numeric = _is_numeric(values)
    drift: dict[str, Any] = {"column": values.name, "is_numeric": is_numeric}
    if windows[0].all():
        return drift
    bins = _number_bins(values, weights) if is_numeric else _text_bins(values, weights)
    size = int(bins.max()) + 1
    counts = np.bincount(day * size + bins, weights, windows.shape[1] * size)
    counts = counts.reshape(windows.shape[1], size)
    recent = windows @ counts
    chi_square = _cumulative_chi_square if is_numeric else _chi_square
    statistics = chi_square(recent, counts.sum(0))
    # Sums in another order differ in the last bits; those of equal windows count as equal.
    larger = np.count_nonzero(statistics[1:] >= statistics[0] * (1 - 1e-9))
    drift |= _distances(recent[0], counts.sum(0) - recent[0])
    drift |= {"statistic": statistics[0], "p_value": (1 + larger) / len(statistics)}
    if is_numeric:
        drift["wasserstein_sd"] = _wasserstein(values, weights, windows[0][day] > 0)
    return drift


def _permuted(is_recent: np.ndarray, permutations: int, rng: np.random.Generator) -> Floats:
    """The recent days as 1, in the first row as they are, in the others permuted."""
    window = is_recent.astype("float64")
    shuffled = rng.permuted(np.tile(window, (permutations, 1)), axis=1)
    return np.vstack([window, shuffled])


def _chi_square(recent: Floats, total: Floats) -> Floats:
    """One value per row of `recent`; the windows' shares are compared, whatever their sizes."""
    difference = _shares(recent) - _shares(total - recent)
    statistics: Floats = (difference**2 / _shares(total)).sum(1)
    return statistics


def _cumulative_chi_square(recent: Floats, total: Floats) -> Floats:
    """The same of bins in order: the sum over all cuts in two, which a shift moves one way."""
    difference = np.cumsum(_shares(recent) - _shares(total - recent), axis=1)[:, :-1]
    below = np.cumsum(_shares(total))[:-1]
    statistics: Floats = (difference**2 / (below * (1 - below))).sum(1)
    return statistics


def _shares(counts: Floats) -> Floats:
    shares: Floats = counts / counts.sum(-1, keepdims=True)
    return shares


def _distances(recent: Floats, reference: Floats) -> dict[str, float]:
    late, early = ((part + 0.5) / (part.sum() + 0.5 * len(part)) for part in (recent, reference))
    return {
        "psi": float(((late - early) * np.log(late / early)).sum()),
        "total_variation": float(np.abs(_shares(recent) - _shares(reference)).sum() / 2),
    }


def _wasserstein(values: pd.Series, weights: Floats, recent: np.ndarray) -> float:
    numbers = values.to_numpy("float64", na_value=np.nan)
    windows = [chosen & ~np.isnan(numbers) for chosen in (recent, ~recent)]
    if not all(window.any() for window in windows):
        return np.nan
    (late, late_weights), (early, early_weights) = (
        (numbers[window], weights[window]) for window in windows
    )
    mean = np.average(early, weights=early_weights)
    spread = np.sqrt(np.average((early - mean) ** 2, weights=early_weights))
    distance = wasserstein_distance(late, early, late_weights, early_weights)
    return float(distance / spread) if spread > 0 else np.nan


def _number_bins(values: pd.Series, weights: Floats) -> Codes:
    """Each row's bin from 0: missing first, then by size."""
    numbers = values.to_numpy("float64", na_value=np.nan)
    known = ~np.isnan(numbers)
    distinct, code = np.unique(numbers[known], return_inverse=True)
    if len(distinct) > NUMERIC_BINS:
        below = np.cumsum(np.bincount(code, weights[known])) / weights[known].sum()
        # A value's bin is the decile in which its middle lies.
        middle = below - np.bincount(code, weights[known]) / weights[known].sum() / 2
        code = np.minimum((middle * NUMERIC_BINS).astype(np.intp), NUMERIC_BINS - 1)[code]
    bins = np.zeros(len(numbers), np.intp)
    bins[known] = code + 1
    codes: Codes = pd.factorize(bins, sort=True)[0]
    return codes


def _text_bins(values: pd.Series, weights: Floats) -> Codes:
    labels = values.astype("str").where(values.notna(), MISSING)
    sizes = pd.Series(weights).groupby(labels.to_numpy()).sum().sort_index()
    largest = sizes.sort_values(ascending=False, kind="stable").head(MOST_BINS - 1)
    kept = largest.index[largest >= FEWEST_IN_BIN]
    binned = labels.where(labels.isin(kept), RARE)
    codes: Codes = pd.factorize(binned, sort=True)[0]
    return codes


def _is_numeric(values: pd.Series) -> bool:
    is_number = pd.api.types.is_numeric_dtype(values)
    return bool(is_number and not pd.api.types.is_bool_dtype(values))


def _validate(rows: pd.DataFrame, columns: Sequence[str]) -> None:
    if missing := int(rows["number"].isna().sum()):
        raise DataError(
            f"input drift: found {missing} of {len(rows)} rows without number, expected one in"
            " each. Pass the rows that belong to an incident."
        )
    for name in columns:
        if pd.api.types.is_datetime64_any_dtype(rows[name]):
            raise DataError(
                f"input drift: column {name} has times, expected numbers or texts: recent times"
                " are always later. Leave it out, or pass a duration or the hour of the day."
            )
