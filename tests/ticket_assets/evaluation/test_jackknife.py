import numpy as np
import pytest
from scipy.stats import kurtosis, skew

from ticket_assets.evaluation.jackknife import effective_clusters, jackknife, mean_influences

# Group 0 has incidents of 2, 1 and 1 rows, group 1 has two of one row each.
SUMS = np.array([3.0, 4.0, 9.0, 1.0, 2.0])
SIZES = np.array([2.0, 1.0, 1.0, 1.0, 1.0])
GROUP = np.array([0, 0, 0, 1, 1])


def test_an_influence_is_what_the_mean_loses_with_the_cluster() -> None:
    mean, influences = mean_influences(SUMS, SIZES, GROUP, 2)
    assert mean.tolist() == [4.0, 1.5]
    without = [13 / 2, 12 / 3, 7 / 3, 2.0, 1.0]
    assert influences == pytest.approx([4.0] * 3 + [1.5] * 2 - np.array(without))


def test_the_errors_are_those_of_the_jackknife_by_hand() -> None:
    mean, influences = mean_influences(SUMS, SIZES, GROUP, 2)
    result = jackknife(mean, influences, GROUP, effective_clusters(SIZES, GROUP, 2))
    assert result.clusters.tolist() == [3, 2]
    first = np.sqrt(2 / 3 * ((6.5 - 4) ** 2 + (7 / 3 - 4) ** 2))
    assert result.standard_error == pytest.approx([first, 0.5])
    assert result.skewness[0] == pytest.approx(skew(influences[:3]) / np.sqrt(3))
    # 4 rows in clusters of 2, 1 and 1 are as good as 16/6 equal ones.
    assert result.degrees == pytest.approx([16 / 6 / 2, 1.0])


def test_the_degrees_of_freedom_fall_with_the_influences_kurtosis() -> None:
    influences = np.random.default_rng(3).standard_t(4, 500)
    group = np.zeros(500, np.intp)
    result = jackknife(np.zeros(1), influences, group, np.array([500.0]))
    expected = 2 * 500 / (kurtosis(influences, fisher=False) - 1)
    assert expected < 250
    assert result.degrees == pytest.approx([expected])


def test_an_end_of_the_interval_is_where_the_p_value_is_what_it_leaves_out() -> None:
    rng = np.random.default_rng(4)
    group = np.zeros(80, np.intp)
    for influences in (np.exp(rng.normal(0, 1, 80)), -np.exp(rng.normal(0, 1, 80))):
        centred = influences - influences.mean()
        low, high = jackknife(np.zeros(1), centred, group, np.array([80.0])).limits(0.9)
        for end in (low, high):
            at_end = jackknife(-end, centred, group, np.array([80.0]))
            assert at_end.p_values() == pytest.approx([0.1])


def test_one_cluster_says_nothing_of_the_error() -> None:
    mean, influences = mean_influences(np.array([4.0]), np.array([2.0]), np.array([0]), 1)
    result = jackknife(mean, influences, np.array([0]), np.array([1.0]))
    assert mean.tolist() == [2.0]
    assert np.isnan(np.concatenate([*result.limits(0.95), result.p_values()])).all()
