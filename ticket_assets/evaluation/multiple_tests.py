"""P-values of many tests at once."""

import numpy as np

from ticket_assets.evaluation.jackknife import Floats

SIGNIFICANT = 0.05
"""The adjusted p-value below which a finding is called one."""


def holm_adjusted(p_values: Floats) -> Floats:
    """P-values such that none is falsely below 0.05 in 95 of 100 families of tests.

    NaN stands for a test that was not made; it stays so, and the others are not adjusted for it.
    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6,
    1979, 65-70; it holds whatever the tests have in common.
    """
    # NaN is sorted last, and the running maximum carries nothing back from it.
    order = np.argsort(p_values)
    tests_left = np.count_nonzero(~np.isnan(p_values)) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * tests_left), 1.0)
    return adjusted
