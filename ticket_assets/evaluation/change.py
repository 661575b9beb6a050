"""Change of performance: have the daily errors changed in the days that are monitored?"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ticket_assets.errors import DataError
from ticket_assets.evaluation.jackknife import Codes, Floats

WEEK = 7
# Fewer weeks do not tell how much one week differs from the next: docs/evaluation-statistics.md.
FEWEST_REFERENCE_DAYS = 8 * WEEK
SHORTEST_CHANGE = 3  # days; one odd day is no change
FALSE_ALARMS = 0.05
_LEAST_VARIANCE = 1e-24


@dataclass(frozen=True)
class Change:
    """The latest days' errors against those of the reference before.

    Without a change, `statistic` is above `limit` in 5 of 100 windows, or in the share that was
    asked for. `changed_on` is the day on which a change most probably began, and the error changed
    from `before_s` (the reference) to `after_s` (since that day), both weighted as the test weights
    days. These are the best guess where `has_changed` is not so, too. With too few days, `too_few`
    says which are missing and the rest is None.
    """

    reference_days: int
    monitored_days: int
    statistic: float | None = None
    limit: float | None = None
    p_value: float | None = None
    changed_on: pd.Timestamp | None = None
    before_s: float | None = None
    after_s: float | None = None
    too_few: str | None = None

    @property
    def has_changed(self) -> bool:
        """A change of the errors, up or down, that is no chance; False with too few days."""
        return self.statistic is not None and self.limit is not None and self.statistic > self.limit

    @property
    def direction(self) -> str | None:
        """`worse` where the errors grew since `changed_on`, else `better`; None if too few days."""
        if self.before_s is None or self.after_s is None:
            return None
        return "worse" if self.after_s > self.before_s else "better"


def measure_change(
    daily: pd.DataFrame,
    seed: int,
    monitored_days: int = 28,
    reference_days: int = 26 * WEEK,
    resamples: int = 999,
    false_alarms: float = FALSE_ALARMS,
) -> Change:
    """Tests the last `monitored_days` days with tickets for a change that lasts to the end.

    `daily`: `day`, `mae_s` (null on a day without tickets, which is left out) and `incidents`
    (how many the day's error is of), one row per day, in any order. The reference are the whole
    weeks of days with tickets before, at most `reference_days`.

    Statistic: the largest sum of deviations from the reference's mean, from any day to the last,
    over its standard deviation: a CUSUM (E. S. Page, "Continuous inspection schemes", Biometrika
    41, 1954) read backwards, as in tests for a change point. A day's variance is
    `a + b / incidents`, fitted to the reference; the sum's is scaled to the variance between the
    reference's weeks. The limit is by resampling weeks of the reference, from which all of this is
    estimated anew each time (H. R. Kuensch, "The jackknife and the bootstrap for general
    stationary observations", Ann. Statist. 17, 1989; Davison and Hinkley, "Bootstrap Methods and
    their Application", 1997, section 8.2.3). The same seed gives the same limit. Raises DataError
    for a day that is there twice or has an error but no incidents, and for fewer resamples than
    a limit needs: 19 for `false_alarms` of 0.05.
    """
    days = daily.dropna(subset="mae_s").sort_values("day")
    _validate(days, resamples, false_alarms)
    monitored = min(monitored_days, len(days))
    reference = min(reference_days, len(days) - monitored) // WEEK * WEEK
    if too_few := _too_few(reference, monitored):
        return Change(reference, monitored, too_few=too_few)
    days = days.iloc[-(reference + monitored) :]
    errors = days["mae_s"].to_numpy("float64")[None, :]
    incidents = days["incidents"].to_numpy("float64")[None, :]
    scan = _scan(errors, incidents, reference)
    drawn = _resampled_weeks(reference, monitored, resamples, np.random.default_rng(seed))
    null = _scan(errors[0][drawn], incidents[0][drawn], reference)
    larger = int((null.statistic >= scan.statistic[0]).sum())
    start = reference + int(scan.start[0])
    weights = scan.weights[0, start:]
    return Change(
        reference,
        monitored,
        statistic=float(scan.statistic[0]),
        limit=float(np.sort(null.statistic)[-_allowed(resamples, false_alarms)]),
        p_value=(1 + larger) / (1 + resamples),
        changed_on=days["day"].iloc[start],
        before_s=float(scan.mean[0]),
        after_s=float(weights @ errors[0, start:] / weights.sum()),
    )


def _allowed(resamples: int, false_alarms: float) -> int:
    """The number of windows without a change whose statistic may reach the limit."""
    # 0.57 * 1000 is a little below 570.
    return int(false_alarms * (resamples + 1) + 1e-9)


def _validate(days: pd.DataFrame, resamples: int, false_alarms: float) -> None:
    if _allowed(resamples, false_alarms) < 1:
        raise DataError(
            f"change: resamples is {resamples}, expected {math.ceil(1 / false_alarms) - 1} or more:"
            f" fewer have no limit that {100 * false_alarms:g} of 100 exceed. 999 is the default."
        )
    if twice := int(days["day"].duplicated().sum()):
        raise DataError(
            f"change: found {twice} of {len(days)} days more than once, expected one row per day."
            " Pass the errors of one model and one population."
        )
    if without := int((~(days["incidents"] > 0)).sum()):
        raise DataError(
            f"change: found {without} of {len(days)} days with an error but no incidents, expected"
            " 1 or more. Correct `incidents`, or set the day's `mae_s` to null."
        )


def _too_few(reference: int, monitored: int) -> str | None:
    if monitored < SHORTEST_CHANGE:
        return f"{monitored} days with tickets are monitored, and {SHORTEST_CHANGE} are needed"
    if reference < FEWEST_REFERENCE_DAYS:
        return (
            f"{reference} days with tickets, in whole weeks, come before the monitored ones, and"
            f" {FEWEST_REFERENCE_DAYS} are needed"
        )
    return None


@dataclass(frozen=True)
class _Scan:
    """One value per series; `start` counts from the first monitored day."""

    statistic: Floats
    start: Codes
    mean: Floats
    weights: Floats  # one per series and day


def _scan(errors: Floats, incidents: Floats, reference: int) -> _Scan:
    """The largest standardised sum to the end; series are rows, the reference's days come first."""
    mean, variance = _reference_moments(errors, incidents, reference)
    weights = 1 / variance
    deviations = errors - mean
    weeks = (deviations / np.sqrt(variance))[:, :reference].reshape(len(errors), -1, WEEK).sum(2)
    scale = (weeks**2).sum(1, keepdims=True) / (weeks.shape[1] - 1) / WEEK
    sums = _sums_to_the_end((weights * deviations)[:, reference:])
    spread = np.sqrt(_sums_to_the_end(weights[:, reference:]) * np.maximum(scale, _LEAST_VARIANCE))
    ratios = np.abs(sums / spread)[:, : sums.shape[1] - SHORTEST_CHANGE + 1]
    return _Scan(ratios.max(1), ratios.argmax(1), mean[:, 0], weights)


def _reference_moments(errors: Floats, incidents: Floats, reference: int) -> tuple[Floats, Floats]:
    """The reference's mean (a column), and the variance of each day's error around it.

    The variance is fitted by least squares to the squared deviations, with neither part negative;
    the mean is weighted by it.
    """
    known, inverse = errors[:, :reference], 1 / incidents
    part = inverse[:, :reference]
    level = part.mean(1, keepdims=True)
    spread = ((part - level) ** 2).mean(1, keepdims=True)
    mean = known.mean(1, keepdims=True)
    least = _LEAST_VARIANCE + 1e-18 * mean**2
    for _ in range(2):  # the second time with the weighted mean
        squares = (known - mean) ** 2
        total = squares.mean(1, keepdims=True)
        covariance = ((squares - total) * (part - level)).mean(1, keepdims=True)
        slope = np.divide(covariance, spread, out=np.zeros_like(total), where=spread > 0)
        slope = np.clip(slope, 0, total / level)
        variance = np.maximum(total - slope * level + slope * inverse, least)
        weights = 1 / variance[:, :reference]
        mean = (weights * known).sum(1, keepdims=True) / weights.sum(1, keepdims=True)
    return mean, variance


def _sums_to_the_end(values: Floats) -> Floats:
    sums: Floats = np.cumsum(values[:, ::-1], axis=1)[:, ::-1]
    return sums


def _resampled_weeks(
    reference: int, monitored: int, resamples: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Positions in the reference, a row per series: weeks that begin on any day, drawn at random.

    After its last day the reference goes on with its first, so that every day is drawn as often.
    """
    weeks = -(-(reference + monitored) // WEEK)
    first = rng.integers(0, reference, (resamples, weeks, 1))
    days = ((first + np.arange(WEEK)) % reference).reshape(resamples, -1)
    return days[:, : reference + monitored]
