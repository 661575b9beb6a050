"""Small tables and plots of the data products for Dagster's UI, as markdown."""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECONDS_PER_HOUR = 3600.0


def markdown_table(
    table: pd.DataFrame, rows: int = 5, of: int | None = None
) -> dg.MarkdownMetadataValue:
    """The first rows as a markdown table, with a note if there are more or none.

    `of` is the number of all rows, if `table` has only the first ones.
    """
    count = len(table) if of is None else of
    return markdown_of(list(table.columns), markdown_rows(table.head(rows)), count)


def markdown_rows(table: pd.DataFrame) -> list[str]:
    """Each row as a line of a markdown table."""
    columns = ([_cell(value) for value in table[name]] for name in table.columns)
    return [_line(cells) for cells in zip(*columns, strict=True)]


def markdown_of(
    columns: Sequence[object], rows: Sequence[str], count: int
) -> dg.MarkdownMetadataValue:
    """The rows of `markdown_rows`, of `count` in all, as a markdown table."""
    if not count:
        return dg.MetadataValue.md("no rows")
    text = "\n".join([_line(map(str, columns)), _line(["---"] * len(columns)), *rows])
    if count > len(rows):
        text += f"\n\n{len(rows)} of {count:,} rows"
    return dg.MetadataValue.md(text)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN and NaT differ from themselves
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}"
    return str(value).replace("|", "\\|")


def error_trend(metrics: pd.DataFrame) -> dg.MarkdownMetadataValue:
    """MAE and MedAE in hours over the days, as an inline image."""
    from matplotlib.dates import ConciseDateFormatter

    hours = metrics.set_index("day")[["mae_s", "medae_s"]].dropna() / SECONDS_PER_HOUR

    def draw(axes: "Axes") -> None:
        marker = "o" if len(hours) < 40 else None
        axes.plot(hours.index, hours["mae_s"], label="MAE", marker=marker, markersize=3)
        axes.plot(hours.index, hours["medae_s"], label="MedAE", marker=marker, markersize=3)
        if len(hours) < 8:  # otherwise matplotlib labels hours between two days
            axes.set_xticks(hours.index)
        axes.margins(x=0.01)
        formatter: Any = ConciseDateFormatter
        axes.xaxis.set_major_formatter(formatter(axes.xaxis.get_major_locator()))
        axes.set_ylabel("hours")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)

    return _image(draw, "Error of the prediction by day of closing")


def error_by_priority(errors: pd.DataFrame) -> dg.MarkdownMetadataValue:
    """MAE and bias in hours of each priority, as an inline image."""

    def draw(axes: "Axes") -> None:
        places = range(len(errors))
        axes.barh(
            [place - 0.2 for place in places], errors["mae_s"] / SECONDS_PER_HOUR, 0.38, label="MAE"
        )
        axes.barh(
            [place + 0.2 for place in places],
            errors["bias_s"] / SECONDS_PER_HOUR,
            0.38,
            label="bias (predicted - actual)",
        )
        axes.set_yticks(list(places), list(errors["priority"]))
        axes.invert_yaxis()
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_xlabel("hours")
        axes.legend(frameon=False)

    return _image(draw, "Error by priority, all days together")


def _image(draw: "Callable[[Axes], None]", title: str) -> dg.MarkdownMetadataValue:
    from matplotlib.figure import Figure  # takes 0.3 s, and only plots need it

    # Without pyplot, which keeps every figure open and is not safe in threads.
    figure = Figure(figsize=(8, 3), dpi=90, layout="constrained")
    axes = figure.subplots()
    draw(axes)
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{encoded})")
