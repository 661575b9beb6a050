"""Alerts: what the findings say that somebody should act on, each with its number and limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ticket_assets.evaluation.alert_limits import AlertLimits
from ticket_assets.evaluation.models import CONSTANT, STATE_MEDIAN


@dataclass(frozen=True)
class Alert:
    """A question that was asked of the findings, and its answer.

    `key` names the alert and what it is about, such as the slice: an alert about another is new.
    `fires` if somebody should act; `is_severe` if a limit that a person set is broken. `number` and
    `limit` are what was compared, null where there were too few data.
    """

    name: str
    key: str
    fires: bool
    description: str
    number: float | None = None
    limit: float | None = None
    is_severe: bool = False


def alerts_of(findings: Mapping[str, Any], limits: AlertLimits) -> list[Alert]:
    """All alerts, those that do not fire too, in a fixed order: see ALERTS.

    The findings were made with the same limits.
    """
    return [
        _error_limit(findings, limits.mae_h),
        *(
            _baseline(findings, baseline, limits.baseline_better_h)
            for baseline in (CONSTANT, STATE_MEDIAN)
        ),
        _challenger(findings, limits.challenger_better_h),
        _change(findings["change"]),
        _inputs(findings["drift"], limits),
        _slices(findings["slices"], limits),
    ]


ALERTS = (
    "error_limit",
    "worse_than_constant",
    "worse_than_state_median",
    "better_challenger",
    "error_change",
    "input_drift",
    "worse_slices",
)
"""The names of the alerts, in their order."""


def _recent(findings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The models on the recent open rows."""
    return [
        record
        for record in findings["models"]
        if record["period"] == "recent" and record["population"] == "open"
    ]


def _known(value: Any) -> bool:
    return value is not None and value == value


def _interval(record: Mapping[str, Any], name: str) -> str:
    low, high = record[f"{name}_low_h"], record[f"{name}_high_h"]
    if not _known(low):
        return f"no interval: {record['incidents']} incidents are too few"
    return f"95% interval {low:,.1f} to {high:,.1f} h"


def _error_limit(findings: Mapping[str, Any], limit_h: float | None) -> Alert:
    name = "error_limit"
    champion = next((each for each in _recent(findings) if each["is_champion"]), None)
    limit = findings["reference_mae_h"] if limit_h is None else limit_h
    if champion is None or not _known(limit):
        return Alert(name, name, False, "Too few days to judge the recent error.")
    source = "highest of the reference period" if limit_h is None else "set"
    low = champion["mae_low_h"]
    # Judged by the interval's lower end: not by chance alone.
    fires = bool(_known(low) and low > limit)
    return Alert(
        name,
        name,
        fires,
        f"The recent MAE is {champion['mae_h']:,.1f} h ({_interval(champion, 'mae')}); limit"
        f" {limit:,.1f} h ({source}).",
        champion["mae_h"],
        limit,
        limit_h is not None,
    )


def _baseline(findings: Mapping[str, Any], baseline: str, limit_h: float) -> Alert:
    name = f"worse_than_{baseline.replace('-', '_')}"
    return _compared(findings, baseline, name, f"the {baseline} of the past", limit_h)


def _challenger(findings: Mapping[str, Any], limit_h: float) -> Alert:
    """The best model other than the baselines; without one, nothing can fire."""
    name = "better_challenger"
    others = [
        record
        for record in _recent(findings)
        if record["model"] not in (CONSTANT, STATE_MEDIAN) and not record["is_champion"]
    ]
    if not others:
        return Alert(name, name, False, "There is no other model to compare with.")
    best = max(others, key=lambda record: record["better_h"])
    return _compared(findings, best["model"], name, f"the challenger {best['model']}", limit_h)


def _compared(
    findings: Mapping[str, Any], model: str, name: str, shown: str, limit_h: float
) -> Alert:
    record = next((each for each in _recent(findings) if each["model"] == model), None)
    if record is None:
        return Alert(name, name, False, f"Too few days to compare with {shown}.")
    if record["is_champion"]:
        return Alert(name, name, False, f"The model is {shown}.")
    better, low = record["better_h"], record["better_low_h"]
    fires = bool(_known(low) and low > limit_h)
    word = "better" if better > 0 else "worse"
    description = f"{shown[0].upper()}{shown[1:]} is {word} by {abs(better):,.1f} h"
    description += f" ({_interval(record, 'better')})."
    return Alert(name, f"{name}:{model}", fires, description, better, limit_h)


def _change(change: Mapping[str, Any]) -> Alert:
    name = "error_change"
    if change["too_few"]:
        return Alert(name, name, False, change["too_few"])
    fires = bool(change["has_changed"] and change["direction"] == "worse")
    said = (
        f"The daily error changed about {change['changed_on']}: {change['before_h']:,.1f} h before,"
        f" {change['after_h']:,.1f} h since"
        if change["has_changed"]
        else "The daily error has not changed"
    )
    description = f"{said} (p = {change['p_value']:.3f})."
    return Alert(name, name, fires, description, change["statistic"], change["limit"])


def _inputs(drift: list[Mapping[str, Any]], limits: AlertLimits) -> Alert:
    name = "input_drift"
    tested = [each for each in drift if _known(each["adjusted_p_value"])]
    if not tested:
        return Alert(name, name, False, "Too few days to compare the inputs.")
    smallest = min(each["adjusted_p_value"] for each in tested)
    limit, share = limits.drift_significance, limits.drift_share
    drifted = [
        each["column"]
        for each in tested
        if each["adjusted_p_value"] < limit and each["total_variation"] >= share
    ]
    columns = ", ".join(drifted)
    size = f" by {share:.0%} or more" if share else ""
    description = (
        f"Changed against the reference{size}: {columns}."
        if drifted
        else f"No input changed{size}."
    )
    return Alert(name, f"{name}:{columns}", bool(drifted), description, smallest, limit)


def _slices(slices: list[Mapping[str, Any]], limits: AlertLimits) -> Alert:
    name, limit = "worse_slices", limits.slice_significance
    worse = [
        each
        for each in slices
        if _known(each["adjusted_p_value"])
        and each["adjusted_p_value"] < limit
        and each["difference_h"] >= limits.slice_worse_h
    ]
    size = f" by {limits.slice_worse_h:,.1f} h or more" if limits.slice_worse_h else ""
    if not worse:
        return Alert(name, name, False, f"No slice is worse than the other rows{size}.")
    shown = ", ".join(f"{each['slice']} {each['value']}" for each in worse[:3])
    more = f" and {len(worse) - 3} more" if len(worse) > 3 else ""
    description = (
        f"Worse than the other rows{size}: {shown}{more}; first by"
        f" {worse[0]['difference_h']:,.1f} h."
    )
    key = f"{name}:{worse[0]['slice']}={worse[0]['value']}"
    return Alert(name, key, True, description, worse[0]["adjusted_p_value"], limit)
