"""The shape of a differing column on both sides, as cells of a table with a small histogram."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from prefect_compat.comparison.diff.differences import Profile, TableDifference

WIDTH, HEIGHT, GAP = 132, 28, 2
COLOURS = ("left", "right")


@dataclass(frozen=True)
class ProfileRow:
    """One side of a column; the figures are texts, empty where a column has none."""

    column: str
    side: str
    colour: str
    count: int
    nulls: int
    distinct: int
    mean: str
    quantiles: tuple[str, ...]
    histogram: Markup


def profile_rows(table: TableDifference, sides: tuple[str, str]) -> Iterator[ProfileRow]:
    """Yields a row for each side of each column that has been profiled."""
    for entry in table.columns:
        for profile, side, colour in zip((entry.left, entry.right), sides, COLOURS, strict=True):
            if profile is not None:
                yield ProfileRow(
                    entry.column,
                    side,
                    colour,
                    profile.count,
                    profile.nulls,
                    profile.distinct,
                    "" if profile.mean is None else _figure(profile.mean, profile),
                    tuple(_figure(value, profile) for value in profile.quantiles),
                    Markup(histogram(profile, colour)),
                )


def histogram(profile: Profile, colour: str) -> str:
    """The bins as an SVG of one line's height; empty without bins."""
    if not profile.bins:
        return ""
    most = max(profile.bins) or 1
    width = WIDTH / len(profile.bins)
    bars = "".join(
        f'<rect class="{colour}" x="{number * width:.1f}" y="{HEIGHT - height:.1f}"'
        f' width="{width - GAP:.1f}" height="{height:.1f}"/>'
        for number, count in enumerate(profile.bins)
        for height in [HEIGHT * count / most]
        if count
    )
    words = ", ".join(map(str, profile.bins))
    return (
        f'<svg class="chart small" role="img" aria-label="Values in equal parts: {words}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}">{bars}</svg>'
    )


def _figure(value: float, profile: Profile) -> str:
    if not profile.is_time:
        return f"{value:,.6g}"
    at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=value)
    return at.strftime("%Y-%m-%d %H:%M:%S")
