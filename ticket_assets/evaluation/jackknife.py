"""Errors of estimates whose rows come in clusters: the delete-one-cluster jackknife.

One array of groups, one of clusters: `group` (int, one per cluster of a group) gives the group's
position. Each group is computed from its own clusters alone, and all of them at once.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

# A sample's skewness falls short of a heavy-tailed population's, the more so the fewer clusters
# there are; and it cannot exceed the root of their number, where the correction turns back.
# The figures are by simulation: docs/evaluation-statistics.md.
SKEWNESS_FACTOR = 1.25
MOST_SKEWNESS = 0.5  # of the root of the number of clusters
FEWEST_DEGREES = 4.0


@dataclass(frozen=True)
class Jackknife:
    """Estimates with what is known of their errors; each array has one value per group.

    `skewness` is that of the clusters' influences over the root of their number, which is the
    skewness of the estimate itself. Where a group has fewer than two clusters, all but
    `clusters` and `estimate` are NaN.
    """

    clusters: npt.NDArray[np.int64]
    estimate: Floats
    standard_error: Floats
    skewness: Floats
    degrees: Floats

    def limits(self, level: float) -> tuple[Floats, Floats]:
        """The two ends of the interval that covers with probability `level`, about.

        Hall's transformation removes the skewness of the t statistic (P. Hall, "On the removal
        of skewness by transformation", J. R. Statist. Soc. B 54, 1992, 221-228); the quantile is
        Student's.
        """
        quantile = stdtrit(self.degrees, (1 + level) / 2)
        skewness = _corrected(self.skewness)
        return (
            self.estimate - self.standard_error * _hall_inverse(quantile, skewness),
            self.estimate - self.standard_error * _hall_inverse(-quantile, skewness),
        )

    def p_values(self) -> Floats:
        """Two-sided p-values of the claim that the estimate is 0; they agree with `limits`.

        1 where neither the estimate nor its error differs from 0.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.estimate / self.standard_error
            skewness = _corrected(self.skewness)
            transformed = ratio + skewness * ratio**2 / 3 + skewness**2 * ratio**3 / 27
            p_value: Floats = 2 * stdtr(self.degrees, -np.abs(transformed + skewness / 6))
        return np.where((self.estimate == 0) & (self.standard_error == 0), 1.0, p_value)


def jackknife(
    estimate: Floats, influences: Floats, group: Codes, effective_clusters: Floats
) -> Jackknife:
    """The errors of one estimate per group.

    An influence is the estimate less the estimate without that cluster (`mean_influences`). Its
    sum of squares gives the variance: Cameron and Miller, "A Practitioner's Guide to
    Cluster-Robust Inference", J. Human Resources 50, 2015, section VI (CR3). The degrees of
    freedom are those of a variance of values with the influences' kurtosis (Satterthwaite 1946),
    at most half of `effective_clusters`: both say on how few clusters the variance rests.
    """

    def total(values: Floats) -> Floats:
        return np.bincount(group, values, len(estimate)).astype("float64")

    clusters = np.bincount(group, minlength=len(estimate))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = influences - (total(influences) / clusters)[group]
        second = total(spread**2) / clusters
        skewness = _ratio(total(spread**3) / clusters, second**1.5, 0.0) / np.sqrt(clusters)
        kurtosis = _ratio(total(spread**4) / clusters, second**2, 3.0)
        degrees = np.maximum(2 * clusters / (kurtosis - 1), FEWEST_DEGREES)
        degrees = np.minimum(degrees, np.maximum(effective_clusters / 2, 1))
        error = np.sqrt((clusters - 1) / clusters * total(influences**2))
    known = np.where(clusters > 1, 1.0, np.nan)
    return Jackknife(clusters, estimate, error * known, skewness * known, degrees * known)


def mean_influences(
    sums: Floats, sizes: Floats, group: Codes, groups: int
) -> tuple[Floats, Floats]:
    """The mean of each group's rows, and the influence of each cluster on it.

    `sums` and `sizes`: of the rows of each cluster in its group. The mean without a cluster is
    that of the other clusters' rows, so no second pass is needed. NaN in a group of one cluster.
    """
    total = np.bincount(group, sums, groups)
    rows = np.bincount(group, sizes, groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / rows
        return mean, (sums - mean[group] * sizes) / (rows[group] - sizes)


@dataclass(frozen=True)
class ClusterSums:
    """The sum and the number of each cluster's rows in its group."""

    sums: Floats
    sizes: Floats

    def of(self, chosen: npt.NDArray[np.bool_]) -> "ClusterSums":
        """Those of some of the clusters."""
        return ClusterSums(self.sums[chosen], self.sizes[chosen])

    def without(self, some: "ClusterSums") -> "ClusterSums":
        """Those of the other rows of each cluster."""
        return ClusterSums(self.sums - some.sums, self.sizes - some.sizes)


def mean_with_errors(rows: ClusterSums, group: Codes, groups: int) -> Jackknife:
    """The mean of each group's rows, with its errors. Clusters without rows do not count."""
    present = rows.sizes > 0
    rows, group = rows.of(present), group[present]
    mean, influences = mean_influences(rows.sums, rows.sizes, group, groups)
    return jackknife(mean, influences, group, effective_clusters(rows.sizes, group, groups))


def mean_difference(
    first: ClusterSums, second: ClusterSums, group: Codes, groups: int
) -> Jackknife:
    """The mean of each group's first rows less that of its second rows, with its errors.

    A cluster may have rows on both sides: it is left out of both at once, so what they have in
    common counts. `clusters` is the number on the side that has fewer.
    """
    present = (first.sizes > 0) | (second.sizes > 0)
    group, sides = group[present], (first.of(present), second.of(present))
    (mean, influences), (mean_2, influences_2) = (
        mean_influences(side.sums, side.sizes, group, groups) for side in sides
    )
    effective = np.minimum(*(effective_clusters(side.sizes, group, groups) for side in sides))
    result = jackknife(mean - mean_2, influences - influences_2, group, effective)
    counts = (np.bincount(group[side.sizes > 0], minlength=groups) for side in sides)
    return replace(result, clusters=np.minimum(*counts))


def effective_clusters(sizes: Floats, group: Codes, groups: int) -> Floats:
    """The number of equally large clusters that would share the rows as unevenly (Kish 1965)."""
    rows = np.bincount(group, sizes, groups).astype("float64")
    squares = np.bincount(group, sizes**2, groups).astype("float64")
    return _ratio(rows**2, squares, 0.0)


def _ratio(numerator: Floats, denominator: Floats, otherwise: float) -> Floats:
    result = np.full(len(denominator), otherwise)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def _corrected(skewness: Floats) -> Floats:
    return SKEWNESS_FACTOR * np.clip(skewness, -MOST_SKEWNESS, MOST_SKEWNESS)


def _hall_inverse(quantile: Floats, skewness: Floats) -> Floats:
    # Hall's formula divides by the skewness; this is the same for one of 0 too.
    shifted = quantile - skewness / 6
    root = np.cbrt(1 + skewness * shifted)
    inverse: Floats = 3 * shifted / (root**2 + root + 1)
    return inverse
