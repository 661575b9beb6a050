"""The limits at which the report's alerts fire."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ticket_assets.errors import SettingError
from ticket_assets.evaluation.change import FALSE_ALARMS
from ticket_assets.evaluation.intervals import FEWEST_INCIDENTS
from ticket_assets.evaluation.multiple_tests import SIGNIFICANT


@dataclass(frozen=True)
class AlertLimits:
    """What a finding must exceed for its alert to fire; docs/reading-the-report.md explains each.

    A name ends in its unit: `_h` is hours, `_share` from 0 to 1. A significance is a probability:
    how often the alert may fire although nothing is wrong. Raises SettingError naming every value
    that cannot be used.
    """

    mae_h: float | None = None
    """The MAE; None for the highest of any 28 days before the recent ones."""
    baseline_better_h: float = 0.0
    """How much better a baseline must be, by the lower end of its interval."""
    challenger_better_h: float = 0.0
    """The same for the best other model."""
    change_significance: float = FALSE_ALARMS
    drift_significance: float = SIGNIFICANT
    drift_share: float = 0.0
    """The share of incidents that must have another value than before."""
    slice_significance: float = SIGNIFICANT
    slice_worse_h: float = 0.0
    """How much larger the MAE of a slice must be than that of the other rows."""
    fewest_incidents: int = FEWEST_INCIDENTS
    """The fewest incidents of an interval, and of a slice that is tested."""

    @classmethod
    def of(cls, values: Mapping[str, float]) -> "AlertLimits":
        """The defaults with these values. Raises SettingError for an unknown name, too."""
        known = [each.name for each in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise SettingError(
                f"Alert limits: there is no {', '.join(unknown)}; expected {', '.join(known)}."
                " Correct the limits."
            )
        given: dict[str, Any] = dict(values)
        if "fewest_incidents" in given:
            given["fewest_incidents"] = int(given["fewest_incidents"])
        return cls(**given)

    def changed(self) -> dict[str, float]:
        """The values that are not the defaults: the inverse of `of`."""
        return {
            each.name: value
            for each in fields(self)
            if (value := getattr(self, each.name)) != each.default
        }

    def __post_init__(self) -> None:
        faults = [
            f"{each.name} is {getattr(self, each.name)}; expected {expected}"
            for each in fields(self)
            if (expected := broken_rule(each.name, getattr(self, each.name)))
        ]
        if faults:
            raise SettingError(f"Alert limits: {'. '.join(faults)}. Correct the limits.")


_HOURS = (lambda value: value >= 0, "a number of hours, 0 or more")
_RULES: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "mae_h": (lambda value: value > 0, "a number of hours above 0"),
    "baseline_better_h": _HOURS,
    "challenger_better_h": _HOURS,
    "change_significance": (
        lambda value: 0.001 <= value < 1,
        "a number from 0.001 to below 1: the test resamples 999 times and can show nothing smaller",
    ),
    "drift_significance": (
        lambda value: 0.007 < value < 1,
        "a number above 0.007 and below 1: the test permutes 999 times, and of seven inputs no"
        " adjusted p-value is smaller",
    ),
    "drift_share": (lambda value: 0 <= value < 1, "a share from 0 to below 1"),
    "slice_significance": (lambda value: 0 < value < 1, "a number above 0 and below 1"),
    "slice_worse_h": _HOURS,
    "fewest_incidents": (
        lambda value: value >= 2,
        "2 or more: one incident alone has no interval",
    ),
}


def broken_rule(name: str, value: float | None) -> str | None:
    """What this limit must be, if the value is not so; None if it is."""
    holds, expected = _RULES[name]
    # None stands for a limit that is learned, and NaN fails every comparison.
    return None if value is None or (math.isfinite(value) and holds(value)) else expected
