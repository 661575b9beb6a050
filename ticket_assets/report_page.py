"""The report as a page that stands alone, and as Markdown."""

from collections.abc import Mapping
from typing import Any

from ticket_assets.evaluation.alert_limits import AlertLimits
from ticket_assets.evaluation.populations import OPEN
from ticket_assets.report_charts import all_charts

MISSING = "-"
QUESTIONS = {
    "error_limit": "Is the error within its limit?",
    "worse_than_constant": "Does it beat a constant?",
    "worse_than_state_median": "Does it beat the median per state?",
    "better_challenger": "Is there a better model?",
    "error_change": "Has the error changed?",
    "input_drift": "Have the inputs changed?",
    "worse_slices": "Is it worse for some tickets?",
}

UNITS = {
    "error_limit": "hours, MAE",
    "worse_than_constant": "hours, better by",
    "worse_than_state_median": "hours, better by",
    "better_challenger": "hours, better by",
    "error_change": "CUSUM, standard deviations",
    "input_drift": "adjusted p-value; fires below the limit",
    "worse_slices": "adjusted p-value; fires below the limit",
}
"""The unit of each alert's number and limit."""


def conclusion(document: Mapping[str, Any]) -> str:
    """What to conclude, in a sentence or two."""
    champion = document["champion"]
    recent = {
        record["model"]: record
        for record in document["models"]
        if record["period"] == "recent" and record["population"] == "open"
    }
    if champion not in recent:
        return f"Too few days are evaluated to judge the model {champion}."
    own = recent[champion]
    sentence = (
        f"On the last {document['recent_days']} days with tickets, {champion} was wrong by"
        f" {own['mae_h']:,.0f} h on average{_interval(own, 'mae')}."
    )
    better = [
        record
        for record in recent.values()
        if record["better_low_h"] is not None and record["better_low_h"] > 0
    ]
    if not better:
        return f"{sentence} No other model was better beyond chance."
    best = max(better, key=lambda record: record["better_h"])
    others = [record["model"] for record in better if record is not best]
    more = f" Also better: {', '.join(others)}." if others else ""
    return (
        f"{sentence} The model {best['model']} was better by {best['better_h']:,.0f} h"
        f"{_interval(best, 'better')}.{more}"
    )


def _interval(record: Mapping[str, Any], name: str) -> str:
    low, high = record[f"{name}_low_h"], record[f"{name}_high_h"]
    if low is None:
        return f" (too few incidents for an interval: {record['incidents']})"
    return f" (95% interval {low:,.0f} to {high:,.0f} h)"


def as_html(document: Mapping[str, Any], limits: AlertLimits) -> str:
    """The page: one file, nothing loaded, nothing run. `limits` are those of the document."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ticket_assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"hours": _hours, "share": _share, "number": _number}
    return environment.get_template("evaluation_report.html.j2").render(
        document=document,
        conclusion=conclusion(document),
        questions=QUESTIONS,
        limits=limits,
        charts=all_charts(document, limits),
    )


def as_markdown(document: Mapping[str, Any]) -> str:
    """The conclusion, the alerts and the models' recent errors as tables."""
    lines = [
        f"**{conclusion(document)}**",
        "",
        f"{document['first_day']} to {document['last_day']}: {document['num_obs']:,} rows of"
        f" {document['incidents']:,} incidents.",
        "",
        "| question | answer |",
        "| --- | --- |",
    ]
    for alert in document["alerts"]:
        mark = "⚠️ " if alert["fires"] else ""
        new = " **New.**" if alert["is_new"] else ""
        lines.append(f"| {QUESTIONS[alert['name']]} | {mark}{_cell(alert['description'])}{new} |")
    lines += [
        "",
        f"The last {document['recent_days']} days with tickets, without Closed rows; hours, with"
        " 95% intervals:",
        "",
        "| model | MAE | better by | bias | within 24 h | skill |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        _line(record)
        for record in document["models"]
        if (record["period"], record["population"]) == ("recent", OPEN)
    ]
    lines += [
        "",
        "Better by: the error of the model in use minus this one's. Skill: how much smaller the"
        " error is than the constant's. In the store, `evaluation_report.html` has the charts, the"
        " slices and the drift.",
    ]
    return "\n".join(lines) + "\n"


def _line(record: Mapping[str, Any]) -> str:
    """A model's row of the Markdown table."""
    better = MISSING if record["is_champion"] else _with_interval(record, "better")
    cells = (
        _cell(record["model"]),
        _with_interval(record, "mae"),
        better,
        _hours(record["bias_h"]),
        _share(record["within_24h"]),
        _share(record["skill_constant"]),
    )
    return f"| {' | '.join(cells)} |"


def _with_interval(record: Mapping[str, Any], name: str) -> str:
    low, high = record[f"{name}_low_h"], record[f"{name}_high_h"]
    interval = "" if low is None else f" ({_hours(low)} to {_hours(high)})"
    return f"{_hours(record[f'{name}_h'])}{interval}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _hours(value: float | None) -> str:
    return MISSING if value is None else f"{value:,.1f}"


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{value:.0%}"


def _number(value: float | None, digits: int = 3) -> str:
    return MISSING if value is None else f"{value:,.{digits}f}"
