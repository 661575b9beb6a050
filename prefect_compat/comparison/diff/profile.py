"""The shape of a column on both sides: counts, quantiles and a small histogram."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prefect_compat.comparison.diff.differences import Profile

if TYPE_CHECKING:
    import duckdb

BINS = 12
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
Place = tuple[str, str]  # a table and a column, as SQL


def profiles(
    connection: "duckdb.DuckDBPyConnection",
    left: Sequence[Place],
    right: Sequence[Place],
    are_numbers: Sequence[bool],
    are_times: Sequence[bool],
) -> list[tuple[Profile, Profile]]:
    """The profile of each column on both sides; histograms of one column share their bins."""
    found = []
    for places, is_number, is_time in zip(
        zip(left, right, strict=True), are_numbers, are_times, strict=True
    ):
        values = [_measured(column, is_number, is_time) for _, column in places]
        sides = [
            _described(connection, table, column, value, is_time)
            for (table, column), value in zip(places, values, strict=True)
        ]
        edges = [side.quantiles[end] for side in sides if side.quantiles for end in (0, -1)]
        if edges:
            low, high = min(edges), max(edges)
            sides = [
                _with_bins(connection, side, table, value, low, high)
                for side, (table, _), value in zip(sides, places, values, strict=True)
            ]
        found.append((sides[0], sides[1]))
    return found


def _measured(column: str, is_number: bool, is_time: bool) -> str | None:
    """The column as finite numbers, times as seconds since 1970; None if it is neither."""
    if is_number:
        value = f"CAST({column} AS DOUBLE)"
        return f"CASE WHEN isfinite({value}) THEN {value} END"
    return f"epoch_ns(CAST({column} AS TIMESTAMP)) / 1e9" if is_time else None


def _described(
    connection: "duckdb.DuckDBPyConnection",
    table: str,
    column: str,
    value: str | None,
    is_time: bool,
) -> Profile:
    parts = [f"count(*), count(*) - count({column}), count(DISTINCT {column})"]
    if value is not None:
        shares = ", ".join(map(str, SHARES))
        parts.append(f"avg({value}), quantile_cont({value}, [{shares}])")
    row: Any = connection.execute(f"SELECT {', '.join(parts)} FROM {table}").fetchone()
    count, nulls, distinct, *numbers = row
    if not numbers or numbers[0] is None:
        return Profile(count, nulls, distinct)
    quantiles = tuple(map(float, numbers[1]))
    return Profile(count, nulls, distinct, numbers[0], quantiles, is_time=is_time)


def _with_bins(
    connection: "duckdb.DuckDBPyConnection",
    side: Profile,
    table: str,
    value: str | None,
    low: float,
    high: float,
) -> Profile:
    width = (high - low) / BINS or 1.0
    rows = connection.execute(
        f"SELECT least(floor(({value} - {low!r}) / {width!r}), {BINS - 1})::INTEGER AS bin,"
        f" count(*) FROM {table} WHERE {value} IS NOT NULL GROUP BY bin"
    ).fetchall()
    counts = dict(rows)
    bins = tuple(int(counts.get(number, 0)) for number in range(BINS))
    return replace(side, bins=bins)
