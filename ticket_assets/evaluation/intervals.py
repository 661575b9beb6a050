"""Intervals of means whose rows come in clusters: the updates of one incident belong together."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ticket_assets.errors import DataError
from ticket_assets.evaluation.jackknife import (
    ClusterSums,
    Codes,
    Floats,
    Jackknife,
    mean_with_errors,
)

# Below, the intervals of skewed errors cover less than 93%: docs/evaluation-statistics.md.
FEWEST_INCIDENTS = 50


def mean_intervals(
    values: pd.DataFrame,
    groups: pd.DataFrame,
    clusters: pd.Series,
    level: float = 0.95,
    fewest_clusters: int = FEWEST_INCIDENTS,
) -> pd.DataFrame:
    """The mean of each column of `values` in each group of rows, with its interval.

    The three have the same rows. `values`: numeric, such as models' absolute errors, or the
    differences of two models' errors of the same row; a null is left out of its column. `groups`:
    a group is a distinct row of it, nulls included (`day`, `population`). `clusters`: `number`.

    Returns the columns of `groups`, `column` (the name in `values`), `num_obs`, `clusters`
    (int64), `mean`, `low`, `high` (float64, in the unit of the values), ordered by group, then as
    the columns of `values`. `low` and `high` are null in a group with fewer than `fewest_clusters`
    clusters. Empty input gives no rows. The order of rows changes nothing but the rounding.
    Raises DataError if the rows differ or a cluster is missing. Method: see `Jackknife`.
    """
    _validate(values, groups, clusters)
    codes, keys = _numbered(groups)
    cluster_codes = pd.factorize(clusters)[0].astype(np.intp)
    tables = [
        _column_intervals(values[name], codes, cluster_codes, len(keys), level, fewest_clusters)
        for name in values.columns
    ]
    # Interleaved: all columns of the first group, then all of the second.
    order = np.arange(len(keys) * len(tables)).reshape(len(tables), len(keys)).T.ravel()
    names = pd.Series(np.repeat(np.asarray(values.columns, object), len(keys)), dtype="str")
    numbers = pd.concat([*tables, _NO_ROWS], ignore_index=True).astype(_NO_ROWS.dtypes)
    repeated = pd.concat([keys] * len(tables) or [keys.iloc[:0]], ignore_index=True)
    table = pd.concat([repeated, names.rename("column"), numbers], axis=1)
    return table.iloc[order].reset_index(drop=True)


_NO_ROWS = pd.DataFrame(
    {name: pd.Series(dtype="int64") for name in ("num_obs", "clusters")}
    | {name: pd.Series(dtype="float64") for name in ("mean", "low", "high")}
)


def _column_intervals(
    values: pd.Series, group: Codes, cluster: Codes, groups: int, level: float, fewest: int
) -> pd.DataFrame:
    numbers = values.to_numpy("float64", na_value=np.nan)
    present = ~np.isnan(numbers)
    result, num_obs = _cluster_mean(numbers[present], group[present], cluster[present], groups)
    enough = result.clusters >= max(fewest, 2)
    low, high = (np.where(enough, end, np.nan) for end in result.limits(level))
    return pd.DataFrame(
        {
            "num_obs": num_obs,
            "clusters": result.clusters,
            "mean": result.estimate,
            "low": low,
            "high": high,
        }
    )


def _cluster_mean(
    values: Floats, group: Codes, cluster: Codes, groups: int
) -> tuple[Jackknife, npt.NDArray[np.int64]]:
    """The mean of each group's rows with its errors, and the number of its rows.

    `values`, `group` and `cluster` (codes from 0): one per row, without nulls.
    """
    # A pair is a cluster's part within one group.
    pairs, pair = np.unique(group * (cluster.max(initial=0) + 1) + cluster, return_inverse=True)
    pair_group = pairs // (cluster.max(initial=0) + 1)
    sums = np.bincount(pair, values, len(pairs)).astype("float64")
    sizes = np.bincount(pair, minlength=len(pairs)).astype("float64")
    result = mean_with_errors(ClusterSums(sums, sizes), pair_group, groups)
    return result, np.bincount(group, minlength=groups)


def _numbered(groups: pd.DataFrame) -> tuple[Codes, pd.DataFrame]:
    """Each row's group from 0, in the order of their values, and the groups themselves."""
    grouped = groups.groupby(list(groups.columns), dropna=False, observed=True)
    codes = grouped.ngroup().to_numpy(np.intp)
    keys = groups.iloc[np.unique(codes, return_index=True)[1]].reset_index(drop=True)
    return codes, keys


def _validate(values: pd.DataFrame, groups: pd.DataFrame, clusters: pd.Series) -> None:
    if not len(values) == len(groups) == len(clusters):
        raise DataError(
            f"intervals: found {len(values)} values, {len(groups)} groups and {len(clusters)}"
            " clusters, expected one of each per row. Take them from one table."
        )
    if missing := int(clusters.isna().sum()):
        raise DataError(
            f"intervals: found {missing} of {len(clusters)} rows without a cluster, expected one in"
            " each: rows that belong together cannot be told apart. Correct the rows' source."
        )
