import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from tests.ticket_assets.evaluation.simulated import daily_errors
from ticket_assets.errors import DataError
from ticket_assets.evaluation.change import (
    FEWEST_REFERENCE_DAYS,
    SHORTEST_CHANGE,
    Change,
    measure_change,
)


def changes(series: int, shift: float, days: int) -> list[Change]:
    """Tests 28 days of each series, whose last 14 days are higher by `shift`."""
    rng = np.random.default_rng([days, int(10 * shift) + 10])
    return [
        measure_change(daily_errors(days, 14, shift, rng), seed, resamples=199)
        for seed in range(series)
    ]


@pytest.mark.parametrize("reference", [FEWEST_REFERENCE_DAYS, 182])
def test_errors_that_stay_the_same_rarely_raise_an_alarm(reference: int) -> None:
    found = changes(200, 0.0, reference + 28)
    alarms = sum(change.has_changed for change in found)
    # At most 5 of 100 windows, and the binomial noise of so many.
    assert 0 < alarms <= binom.ppf(0.99, len(found), 0.05)
    assert alarms == sum(change.p_value <= 0.05 for change in found if change.p_value)


@pytest.mark.parametrize(("shift", "direction"), [(0.5, "worse"), (-0.5, "better")])
def test_a_shift_of_half_a_standard_deviation_is_found_within_14_days(
    shift: float, direction: str
) -> None:
    found = changes(100, shift, FEWEST_REFERENCE_DAYS + 28)
    assert sum(change.has_changed for change in found) >= 90
    assert sum(change.direction == direction for change in found) >= 90
    first = pd.Timestamp("2016-03-01") + pd.Timedelta(days=FEWEST_REFERENCE_DAYS + 14)
    late_by = [abs(change.changed_on - first).days for change in found if change.changed_on]
    assert np.median(late_by) <= 2
    difference = [change.after_s - change.before_s for change in found if change.before_s]
    assert np.mean(difference) == pytest.approx(shift, abs=0.15)


def calm(days: int = 56 + 7) -> pd.DataFrame:
    """Errors 9, 10 and 11 in turn, so that weeks differ, of 5 incidents each."""
    return pd.DataFrame(
        {
            "day": pd.Timestamp("2016-03-01") + pd.to_timedelta(np.arange(days), unit="D"),
            "mae_s": 9.0 + np.arange(days) % 3,
            "incidents": 5,
        }
    )


def test_the_statistic_is_the_largest_sum_to_the_end_by_hand() -> None:
    daily = calm()
    daily.loc[59:, "mae_s"] += 20.0
    change = measure_change(daily, seed=1, monitored_days=7)
    reference, late = daily["mae_s"].to_numpy()[:56], daily["mae_s"].to_numpy()[59:]
    # With equally many incidents a day, all days weigh the same.
    deviations = reference - reference.mean()
    weeks = deviations.reshape(8, 7).sum(axis=1)
    a_day = np.sqrt((weeks**2).sum() / 7 / 7)
    expected = (late - reference.mean()).sum() / np.sqrt(4) / a_day
    assert change.statistic == pytest.approx(expected)
    assert (change.changed_on, change.direction) == (daily["day"][59], "worse")
    assert change.before_s == pytest.approx(reference.mean())
    assert change.after_s == pytest.approx(late.mean())
    assert (change.reference_days, change.monitored_days) == (56, 7)
    assert change.p_value < 0.01
    assert change.has_changed


def test_a_day_of_few_incidents_weighs_less() -> None:
    daily = daily_errors(210, 0, 0.0, np.random.default_rng(9))
    rng = np.random.default_rng(10)
    few = rng.random(210) < 0.3
    few[-3:] = True  # an odd error in the last days, of one incident each
    daily.loc[few, "incidents"] = 1
    daily.loc[few, "mae_s"] += rng.normal(0, 3, few.sum())
    daily.loc[207:, "mae_s"] = 6.0
    assert not measure_change(daily, seed=1).has_changed
    assert measure_change(
        daily.assign(incidents=60 - 59 * (few & (daily.index < 207))), 1
    ).has_changed


def test_one_odd_day_is_no_change_and_the_first_monitored_day_may_be_the_first_changed() -> None:
    daily = calm(56 + SHORTEST_CHANGE)
    daily.loc[56:, "mae_s"] += 20.0
    change = measure_change(daily, seed=1, monitored_days=SHORTEST_CHANGE)
    assert change.changed_on == daily["day"][56]
    daily = calm()
    daily.loc[62, "mae_s"] += 20.0
    assert measure_change(daily, 1, monitored_days=7).changed_on <= daily["day"][60]


def test_days_without_tickets_are_left_out_and_any_order_will_do() -> None:
    daily = daily_errors(150, 10, 0.5, np.random.default_rng(11))
    gaps = pd.DataFrame(
        {"day": daily["day"] + pd.Timedelta(hours=12), "mae_s": np.nan, "incidents": 0}
    )
    mixed = pd.concat([daily, gaps]).sample(frac=1, random_state=1)
    assert measure_change(mixed, seed=3) == measure_change(daily, seed=3)


def test_the_same_seed_gives_the_same_limit_and_another_one_a_similar() -> None:
    daily = daily_errors(150, 0, 0.0, np.random.default_rng(12))
    first, again, other = (measure_change(daily, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.limit != other.limit
    assert first.limit == pytest.approx(other.limit, rel=0.15)


def test_too_few_days_are_said_to_be_too_few() -> None:
    change = measure_change(calm(28 + 55), seed=1)
    assert change.too_few is not None
    assert "49 days" in change.too_few
    assert (change.statistic, change.limit, change.p_value, change.direction) == (None,) * 4
    assert not change.has_changed
    nothing = measure_change(calm(0), seed=1)
    assert nothing == Change(0, 0, too_few=nothing.too_few)
    assert nothing.too_few


def test_errors_that_never_differ_have_not_changed_until_they_do() -> None:
    daily = calm().assign(mae_s=10.0)
    assert not measure_change(daily, seed=1, monitored_days=7).has_changed
    daily.loc[59:, "mae_s"] = 11.0
    assert measure_change(daily, seed=1, monitored_days=7).has_changed


def test_a_day_given_twice_and_an_error_of_no_incident_are_refused() -> None:
    daily = calm()
    with pytest.raises(DataError, match="1 of 64 days more than once"):
        measure_change(pd.concat([daily, daily.iloc[:1]]), seed=1)
    with pytest.raises(DataError, match="2 of 63 days with an error but no incidents"):
        measure_change(daily.assign(incidents=[np.nan, 0] + [5] * 61), seed=1)


def test_resamples_that_are_too_few_for_a_limit_are_refused() -> None:
    assert measure_change(calm(), seed=1, monitored_days=7, resamples=19).limit is not None
    with pytest.raises(DataError, match="resamples is 18"):
        measure_change(calm(), seed=1, monitored_days=7, resamples=18)
