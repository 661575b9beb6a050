"""The report's pictures: SVG whose colours are the page's, so that they follow light and dark."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ticket_assets.evaluation.alert_limits import AlertLimits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# matplotlib knows colours, the page knows roles: each of these is replaced by the page's variable.
INK, MUTED, GRID = "#010203", "#010204", "#010205"
SERIES = ("#010211", "#010212", "#010213", "#010214")
_ROLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid"} | {
    color: f"--series-{number}" for number, color in enumerate(SERIES, 1)
}
SHOWN_SLICES = 18
WIDTH = 8.6


def error_over_time(document: Mapping[str, Any]) -> str:
    """Each model's daily MAE of open rows, with the champion's interval where there is one."""
    daily = document["daily"]
    days = pd.to_datetime(daily["days"])

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        for color, (model, values) in zip(
            SERIES, _ordered(document, daily["models"]), strict=False
        ):
            error = pd.Series(values["mae_h"], index=days, dtype="float64")
            smooth = error.rolling(7, min_periods=1, center=True).median()
            is_champion = model == document["champion"]
            axes.plot(
                smooth.index, smooth, color=color, lw=1.8 if is_champion else 1.2, label=model
            )
            if is_champion:
                axes.plot(error.index, error, ".", color=color, ms=3, alpha=0.5)
                low, high = (np.array(values[end], dtype="float64") for end in ("low_h", "high_h"))
                axes.vlines(days, low, high, color=color, lw=1, alpha=0.35)
        axes.set_yscale("log")
        axes.set_ylim(bottom=1)
        axes.set_ylabel("MAE, hours (log)")
        _plain_numbers(axes)
        _dates(axes)
        axes.legend(ncols=4, loc="upper left")

    return _svg(draw, 3.4, "Mean absolute error by day of closing")


def skill_by_month(document: Mapping[str, Any]) -> str:
    """How much smaller each model's error is than the constant's, by month."""
    months = document["months"]

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        names = [month["month"] for month in months]
        for color, (model, _) in zip(SERIES, _ordered(document), strict=False):
            if model == "constant":
                continue
            skill = [_skill(month["mae_h"].get(model), month["mae_h"].get("constant"))
                     for month in months]  # fmt: skip
            axes.plot(names, skill, "o-", color=color, ms=4, lw=1.4, label=model)
        axes.axhline(0, color=MUTED, lw=1)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_ylabel("smaller error than\nthe constant")
        axes.set_xticks(range(len(names)), [_month(name) for name in names])
        axes.legend(ncols=3)

    return _svg(draw, 2.8, "Skill against the constant, by month")


def calibration(document: Mapping[str, Any]) -> str:
    """Quantiles of the actual time in bins of the predicted time, for champion and challenger."""
    return _by_prediction(document, "actual", "Actual time by predicted time", diagonal=True)


def residuals(document: Mapping[str, Any]) -> str:
    """Quantiles of the error in bins of the predicted time, for champion and challenger."""
    return _by_prediction(document, "error", "Predicted minus actual, by predicted time")


def _by_prediction(
    document: Mapping[str, Any], name: str, title: str, diagonal: bool = False
) -> str:
    models = [document["champion"]]
    models += [each for each in ("gradient-boosting", "state-median") if each not in models][:1]

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(1, len(models), sharey=True)
        for axes, model in zip(panels, models, strict=True):
            bins = document["calibration"].get(model, [])
            middle = SERIES[_place(document, model)]
            for each in bins:
                at = each["predicted_h"]
                axes.vlines(at, each[f"{name}_p10_h"], each[f"{name}_p90_h"], color=middle, lw=1)
                axes.vlines(at, each[f"{name}_p25_h"], each[f"{name}_p75_h"], color=middle, lw=5,
                            alpha=0.45)  # fmt: skip
                axes.plot(at, each[f"{name}_p50_h"], "o", color=middle, ms=5)
            axes.set_xscale("symlog", linthresh=10)
            axes.set_yscale("symlog", linthresh=10)
            _plain_numbers(axes)
            if diagonal and bins:
                most = max(max(each["predicted_h"], each["actual_p90_h"]) for each in bins)
                axes.plot([0, most], [0, most], color=MUTED, lw=1, ls="--")
            elif bins:
                axes.axhline(0, color=MUTED, lw=1, ls="--")
            axes.set_title(model, loc="left", fontsize=9)
            axes.set_xlabel("predicted, hours")
        panels[0].set_ylabel("actual, hours" if diagonal else "error, hours")

    return _svg(draw, 3.2, title)


def slices(document: Mapping[str, Any], significance: float) -> str:
    """How much larger each slice's error is than that of all other rows, with intervals.

    In colour are those whose adjusted p-value is below `significance`.
    """
    shown = [each for each in document["slices"] if each["difference_low_h"] is not None]
    shown = shown[:SHOWN_SLICES]

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        for place, each in enumerate(shown):
            is_worse = (each["adjusted_p_value"] or 1) < significance
            color = SERIES[3] if is_worse else MUTED
            axes.hlines(
                place, each["difference_low_h"], each["difference_high_h"], color=color, lw=1.6
            )
            axes.plot(each["difference_h"], place, "o", color=color, ms=5)
        names = [f"{each['slice'].replace('_', ' ')}: {each['value']}" for each in shown]
        axes.set_yticks(range(len(shown)), names)
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xscale("symlog", linthresh=20)
        _plain_numbers(axes.xaxis)
        axes.axvline(0, color=MUTED, lw=1)
        axes.set_xlabel("MAE minus that of all other rows, hours")

    return _svg(draw, 0.9 + 0.24 * max(len(shown), 2), "Slices, worst first")


def _ordered(
    document: Mapping[str, Any], models: Mapping[str, Any] | None = None
) -> list[tuple[str, Any]]:
    """The models, the champion first: the order of the colours."""
    models = document["daily"]["models"] if models is None else models
    return sorted(models.items(), key=lambda item: item[0] != document["champion"])


def _place(document: Mapping[str, Any], model: str) -> int:
    return [name for name, _ in _ordered(document)].index(model) % len(SERIES)


def _skill(error: float | None, floor: float | None) -> float:
    return float("nan") if error is None or not floor else 1 - error / floor


def _month(name: str) -> str:
    label: str = pd.Timestamp(f"{name}-01").strftime("%b\n%Y" if name.endswith("-01") else "%b")
    return label


def _plain_numbers(axes: Any) -> None:
    """Labels such as 1,000 in place of powers of ten."""
    for axis in (axes.xaxis, axes.yaxis) if hasattr(axes, "xaxis") else (axes,):
        if axis.get_scale() != "linear":
            axis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _dates(axes: "Axes") -> None:
    from matplotlib.dates import ConciseDateFormatter

    formatter: Any = ConciseDateFormatter
    axes.xaxis.set_major_formatter(formatter(axes.xaxis.get_major_locator()))


def _svg(draw: "Callable[[Figure], None]", height: float, title: str) -> str:
    """The drawing as SVG for a page; the same drawing always gives the same text."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "report",
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "grid.color": GRID,
        "axes.grid": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "legend.fontsize": 8,
    }
    with rc_context(style):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        figure.patch.set_alpha(0)
        draw(figure)
        for axes in figure.axes:
            axes.patch.set_alpha(0)
            axes.set_axisbelow(True)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    svg: str = text[text.index("<svg") :]
    for color, role in _ROLES.items():
        svg = svg.replace(color, f"var({role})")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def all_charts(document: Mapping[str, Any], limits: AlertLimits) -> dict[str, str]:
    """Each picture by its name in the template; only those that have something to show."""
    if not document["num_obs"]:
        return {}
    charts = {
        "error_over_time": error_over_time,
        "skill_by_month": skill_by_month,
        "calibration": calibration,
        "residuals": residuals,
    }
    drawn = {name: chart(document) for name, chart in charts.items()}
    if _any_interval(document["slices"]):
        drawn["slices"] = slices(document, limits.slice_significance)
    return drawn


def _any_interval(records: Sequence[Mapping[str, Any]]) -> bool:
    return any(each["difference_low_h"] is not None for each in records)
