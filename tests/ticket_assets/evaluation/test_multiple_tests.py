import numpy as np
import pytest

from ticket_assets.evaluation.multiple_tests import holm_adjusted


def test_p_values_are_adjusted_as_in_a_worked_example() -> None:
    # Smallest first: 4 x 0.01, then 3 x 0.02 and 2 x 0.03 raised to what comes before, then 0.2.
    adjusted = holm_adjusted(np.array([0.03, 0.01, 0.2, 0.02]))
    assert adjusted == pytest.approx([0.06, 0.04, 0.2, 0.06])


def test_an_adjusted_p_value_is_at_most_one_and_never_out_of_order() -> None:
    assert holm_adjusted(np.array([0.6, 0.5])).tolist() == [1.0, 1.0]


def test_a_test_that_was_not_made_counts_for_nothing() -> None:
    adjusted = holm_adjusted(np.array([np.nan, 0.02, np.nan, 0.5]))
    assert adjusted == pytest.approx([np.nan, 0.04, np.nan, 0.5], nan_ok=True)
    assert holm_adjusted(np.array([])).size == 0
