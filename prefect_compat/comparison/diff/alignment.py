"""Matches the rows of two tables without a key: by content and by position.

Rows with the same content are matched, the first with the first of that content. What lies between
two matched rows on both sides is a change; on one side alone it is missing or extra.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def align(
    connection: "duckdb.DuckDBPyConnection", left: str, right: str, *, any_order: bool
) -> int:
    """Makes the tables `matched` (rows of equal content) and `pairs` (the others).

    `left` and `right` are queries with the columns `place`, the number of a row, and `content`, its
    hash. In both tables `l_row` and `r_row` are places, in `pairs` one of them may be NULL: a row
    of one side alone. Returns the number of matched rows that stand in another order, 0 if
    `any_order`.
    """
    for side, query in (("l", left), ("r", right)):
        connection.execute(f"CREATE TEMP TABLE {side}_rows AS {query}")
    same = _one(
        connection,
        "SELECT (SELECT count(*) FROM l_rows) = (SELECT count(*) FROM r_rows) AND NOT EXISTS ("
        "SELECT 1 FROM l_rows l JOIN r_rows r USING (place) WHERE l.content <> r.content)",
    )
    if same:
        connection.execute(
            "CREATE TEMP VIEW matched AS SELECT place AS l_row, place AS r_row FROM l_rows"
        )
        connection.execute("CREATE TEMP TABLE pairs (l_row BIGINT, r_row BIGINT)")
        return 0
    connection.execute(
        "CREATE TEMP TABLE matches AS SELECT l.place AS l_row, r.place AS r_row FROM"
        f" {_numbered('l_rows')} l FULL JOIN {_numbered('r_rows')} r"
        " ON l.content = r.content AND l.nth = r.nth"
    )
    connection.execute(
        "CREATE TEMP VIEW matched AS"
        " SELECT * FROM matches WHERE l_row IS NOT NULL AND r_row IS NOT NULL"
    )
    if any_order:
        connection.execute(
            "CREATE TEMP TABLE pairs AS SELECT * FROM matches WHERE l_row IS NULL OR r_row IS NULL"
        )
        return 0
    moved, anchors = _anchors(connection)
    connection.execute("CREATE TEMP TABLE pairs (l_row BIGINT, r_row BIGINT)")
    alone = [
        [row for (row,) in connection.execute(query).fetchall()]
        for query in (
            "SELECT l_row FROM matches WHERE r_row IS NULL ORDER BY 1",
            "SELECT r_row FROM matches WHERE l_row IS NULL ORDER BY 1",
        )
    ]
    pairs = _paired(alone[0], alone[1], anchors)
    if pairs:
        _insert(connection, pairs)
    return moved


def _numbered(table: str) -> str:
    """The rows, with the number of each among those of the same content."""
    return (
        "(SELECT place, content, row_number() OVER (PARTITION BY content ORDER BY place) AS nth"
        f" FROM {table})"
    )


def _anchors(
    connection: "duckdb.DuckDBPyConnection",
) -> tuple[int, Sequence[tuple[int, int]]]:
    """The matched rows in one order on both sides, and the number of the others."""
    rows = connection.execute("SELECT l_row, r_row FROM matched ORDER BY l_row").fetchall()
    in_order = _longest_increasing([row[1] for row in rows])
    return len(rows) - len(in_order), [rows[place] for place in in_order]


def _longest_increasing(values: Sequence[int]) -> list[int]:
    """The places of a longest increasing part of the values (patience sorting, O(n log n))."""
    if all(mine < other for mine, other in pairwise(values)):
        return list(range(len(values)))
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for place, value in enumerate(values):
        pile = bisect_left(tails, value)
        before.append(ends[pile - 1] if pile else -1)
        if pile == len(tails):
            tails.append(value)
            ends.append(place)
        else:
            tails[pile], ends[pile] = value, place
    found, place = [], ends[-1] if ends else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    return found[::-1]


def _paired(
    left: Sequence[int], right: Sequence[int], anchors: Sequence[tuple[int, int]]
) -> list[tuple[int | None, int | None]]:
    """Pairs the unmatched rows between the same two anchors, in their order."""
    mine, other = [row for row, _ in anchors], [row for _, row in anchors]
    gaps: dict[int, tuple[list[int], list[int]]] = {}
    for row in left:
        gaps.setdefault(bisect_left(mine, row), ([], []))[0].append(row)
    for row in right:
        gaps.setdefault(bisect_left(other, row), ([], []))[1].append(row)
    pairs: list[tuple[int | None, int | None]] = []
    for gap in sorted(gaps):
        one, two = gaps[gap]
        common = min(len(one), len(two))
        pairs += zip(one[:common], two[:common], strict=True)
        pairs += ((row, None) for row in one[common:])
        pairs += ((None, row) for row in two[common:])
    return pairs


def _insert(
    connection: "duckdb.DuckDBPyConnection", pairs: Sequence[tuple[int | None, int | None]]
) -> None:
    import pyarrow as pa  # comes with DuckDB's extra

    columns = list(zip(*pairs, strict=True))
    table = pa.table(
        {
            "l_row": pa.array(columns[0], pa.int64()),
            "r_row": pa.array(columns[1], pa.int64()),
        }
    )
    connection.register("paired", table)
    connection.execute("INSERT INTO pairs SELECT l_row, r_row FROM paired")
    connection.unregister("paired")


def _one(connection: "duckdb.DuckDBPyConnection", query: str) -> bool:
    row = connection.execute(query).fetchone()
    assert row is not None
    return bool(row[0])
