"""Each limit of the alerts moves its own alert, and a wrong one is refused by its name."""

from dataclasses import fields, replace
from typing import Any

import pytest

from tests.ticket_assets.evaluation.test_report import evaluated, report
from ticket_assets.errors import SettingError
from ticket_assets.evaluation.alert_limits import AlertLimits
from ticket_assets.evaluation.alerts import ALERTS
from ticket_assets.evaluation.report import DRIFT_COLUMNS

LOW = AlertLimits(mae_h=1.0, change_significance=0.5, drift_significance=0.7, drift_share=0.05)
"""With these limits every alert fires."""

OF_INTERVALS = {"error_limit", "worse_than_constant", "worse_than_state_median"}
SILENCED: dict[str, tuple[float, set[str]]] = {
    "mae_h": (1000.0, {"error_limit"}),
    "baseline_better_h": (1000.0, {"worse_than_constant", "worse_than_state_median"}),
    "challenger_better_h": (1000.0, {"better_challenger"}),
    "change_significance": (0.05, {"error_change"}),
    "drift_significance": (0.05, {"input_drift"}),
    "drift_share": (0.06, {"input_drift"}),
    "slice_significance": (1e-200, {"worse_slices"}),
    "slice_worse_h": (1000.0, {"worse_slices"}),
    "fewest_incidents": (2000, {*OF_INTERVALS, "better_challenger", "worse_slices"}),
}


def alerts(limits: AlertLimits) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in report(evaluated(), limits)["alerts"]}


def firing(limits: AlertLimits) -> set[str]:
    return {name for name, each in alerts(limits).items() if each["fires"]}


def test_low_limits_make_every_alert_fire() -> None:
    assert firing(LOW) == set(ALERTS)


@pytest.mark.parametrize("name", [each.name for each in fields(AlertLimits)])
def test_a_higher_limit_silences_its_alert_and_no_other(name: str) -> None:
    value, silenced = SILENCED[name]
    assert firing(replace(LOW, **{name: value})) == set(ALERTS) - silenced


def test_an_alert_says_the_limit_that_it_was_judged_by() -> None:
    limits = replace(LOW, drift_share=0.06, slice_worse_h=2.5, baseline_better_h=3.0)
    found = alerts(limits)
    assert {name: found[name]["limit"] for name in OF_INTERVALS} == {
        "error_limit": 1.0,
        "worse_than_constant": 3.0,
        "worse_than_state_median": 3.0,
    }
    assert found["input_drift"]["limit"] == 0.7
    assert found["input_drift"]["description"] == "No input changed by 6% or more."
    assert found["worse_slices"]["description"].startswith(
        "Worse than the other rows by 2.5 h or more: assignment_group Group 9"
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mae_h", 0.0, "hours above 0"),
        ("mae_h", float("nan"), "hours above 0"),
        ("baseline_better_h", -1.0, "0 or more"),
        ("challenger_better_h", float("inf"), "0 or more"),
        ("change_significance", 0.0005, "from 0.001 to below 1: the test resamples 999 times"),
        ("drift_significance", 0.007, "above 0.007 and below 1: the test permutes 999 times"),
        ("drift_share", 1.0, "from 0 to below 1"),
        ("slice_significance", 0.0, "above 0 and below 1"),
        ("slice_worse_h", -0.1, "0 or more"),
        ("fewest_incidents", 1, "2 or more"),
    ],
)
def test_a_wrong_limit_is_refused_by_its_name(name: str, value: float, expected: str) -> None:
    with pytest.raises(SettingError, match=rf"^Alert limits: {name} is {value}; expected .*") as at:
        replace(AlertLimits(), **{name: value})
    assert expected in str(at.value)


def test_all_wrong_limits_are_named_at_once() -> None:
    with pytest.raises(SettingError, match=r"drift_share is 2\..*slice_worse_h is -1\."):
        AlertLimits(drift_share=2.0, slice_worse_h=-1.0)


def test_limits_are_made_of_those_that_differ_from_the_defaults() -> None:
    limits = AlertLimits(mae_h=120.0, fewest_incidents=100)
    assert limits.changed() == {"mae_h": 120.0, "fewest_incidents": 100}
    assert AlertLimits.of(limits.changed()) == limits
    assert AlertLimits().changed() == {}


def test_an_unknown_limit_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingError, match="there is no mae; expected mae_h, baseline_better_h"):
        AlertLimits.of({"mae": 3.0})


def test_the_smallest_p_value_of_the_drift_is_the_one_in_the_message() -> None:
    assert len(DRIFT_COLUMNS) / 1000 == 0.007
