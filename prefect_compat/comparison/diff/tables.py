"""Two tables in Parquet files, row by row: matched by key or by position, within tolerances.

DuckDB reads the files in parts and writes what does not fit into memory to a temporary folder. A
row's columns are hashed first, so that only rows that differ are read a second time: 64 bits, so
one pair of rows in 2**64 that differ is taken for equal, where the fingerprints of the contents
differ all the same.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect_compat.comparison.diff.alignment import align
from prefect_compat.comparison.diff.columns import Column, quoted
from prefect_compat.comparison.diff.connection import connected
from prefect_compat.comparison.diff.declared import ALL, EXACT, Declared
from prefect_compat.comparison.diff.differences import (
    Cell,
    ColumnDifference,
    Sample,
    SchemaChange,
    TableDifference,
)
from prefect_compat.comparison.diff.profile import profiles
from prefect_compat.errors import ConfigError

if TYPE_CHECKING:
    import duckdb

SHOWN_ROWS = 5
SHOWN_COLUMNS = 12
# The number of the row in its file, beside the table's own columns.
ROW = "__prefect_compat_row"
# Beside a table of pairs of row numbers: the rows themselves, as `l` and `r`.
ROWS_OF_PAIRS = (
    f"JOIN left_table l ON l.{quoted(ROW)} = l_row JOIN right_table r ON r.{quoted(ROW)} = r_row"
)


def compare_tables(
    left: Path, right: Path, declared: Declared = EXACT, threads: int | None = None
) -> TableDifference:
    """Compares two tables in Parquet files.

    Raises ConfigError if a declared column is missing or cannot have a tolerance, and
    ComparisonError without DuckDB.
    """
    with connected(threads) as connection:
        return _Tables(connection, left, right, declared).difference()


class _Tables:
    """Both tables as views `l` and `r`, with the number of each row, and what is compared."""

    def __init__(
        self,
        connection: "duckdb.DuckDBPyConnection",
        left: Path,
        right: Path,
        declared: Declared,
    ) -> None:
        self._connection, self._declared = connection, declared
        for name, path in (("left_table", left), ("right_table", right)):
            file = str(path).replace("'", "''")
            connection.execute(
                f"CREATE VIEW {name} AS SELECT * RENAME (file_row_number AS {quoted(ROW)})"
                f" FROM read_parquet('{file}', file_row_number = true)"
            )
        self._types = tuple(self._described(name) for name in ("left_table", "right_table"))
        self._validate()
        self._columns = tuple(self._common_columns())
        self._tolerant = [column for column in self._columns if column.tolerance is not None]
        self._exact = [column for column in self._columns if column.tolerance is None]

    def difference(self) -> TableDifference:
        key = self._declared.key
        duplicates = self._duplicates() if key else Sample()
        if key:
            self._match_by_key(has_duplicates=duplicates.count > 0)
            moved = 0
        else:
            moved = self._match_by_position()
        missing = self._sample("r_row IS NULL", "l", "left_table", "l_row")
        extra = self._sample("l_row IS NULL", "r", "right_table", "r_row")
        columns, tolerated = self._changed_columns(has_duplicates=duplicates.count > 0)
        return TableDifference(
            rows=(self._count("left_table"), self._count("right_table")),
            key=key,
            schema=tuple(self._schema_changes()),
            missing=missing,
            extra=extra,
            moved=moved,
            duplicates=duplicates,
            changed_rows=self._one("SELECT count(*) FROM changed_rows"),
            columns=columns,
            cells=tuple(self._cells([entry.column for entry in columns])),
            tolerated=tolerated,
            declared=self._declared.words,
        )

    # What there is.

    def _described(self, table: str) -> dict[str, str]:
        rows = self._connection.execute(f"DESCRIBE {table}").fetchall()
        return {name: kind for name, kind, *_ in rows if name != ROW}

    def _on_right(self, name: str) -> str:
        """The right side's name of a column of the left side."""
        return dict(self._declared.renamed).get(name, name)

    def _validate(self) -> None:
        left, right = self._types
        for column in self._declared.key:
            for side, types, name in (
                ("left", left, column),
                ("right", right, self._on_right(column)),
            ):
                if name not in types:
                    raise ConfigError(
                        f"The key '{name}' is no column of the {side} side; it has"
                        f" {', '.join(types) or 'none'}."
                    )
        for old, new in self._declared.renamed:
            if old not in left or new not in right:
                raise ConfigError(
                    f"'{old}' is declared to be '{new}' on the right side; the left side has"
                    f" {', '.join(left)}, the right side {', '.join(right)}."
                )
        known = {*left, *right}
        for column in [*dict(self._declared.tolerances), *self._declared.ignored]:
            if column not in known and column != ALL:
                raise ConfigError(
                    f"'{column}' was declared and is no column; there are"
                    f" {', '.join(sorted(known))}."
                )

    def _common_columns(self) -> Iterator[Column]:
        left, right = self._types
        declared = self._declared
        tolerances = dict(declared.tolerances)
        for name, kind in left.items():
            other = self._on_right(name)
            if other not in right or name in declared.ignored or name in declared.key:
                continue
            column = Column(name, other, (kind, right[other]))
            tolerance = tolerances.get(name, tolerances.get(ALL) if column.is_number else None)
            if tolerance is not None and not (column.is_number or column.is_time):
                raise ConfigError(
                    f"'{name}' is declared equal within {tolerance}, and it is a column of"
                    f" {kind}: only numbers and times have a tolerance."
                )
            if tolerance is not None and column.is_time and tolerance.relative:
                raise ConfigError(
                    f"'{name}' is a column of times, which have no share: give its tolerance as a"
                    " duration such as 2s."
                )
            yield Column(name, other, column.types, tolerance)

    def _schema_changes(self) -> Iterator[SchemaChange]:
        left, right = self._types
        names = {new: old for old, new in self._declared.renamed}
        other = {names.get(name, name): kind for name, kind in right.items()}
        for name in dict.fromkeys([*left, *other]):
            if name not in self._declared.ignored and left.get(name) != other.get(name):
                yield SchemaChange(name, left.get(name), other.get(name))
        orders = [
            [name for name in side if name in left and name in other] for side in (left, other)
        ]
        if orders[0] != orders[1] and not self._declared.any_order:
            yield SchemaChange("order of columns", *map(", ".join, orders))

    # Which row belongs to which.

    def _hashed(self, side: str) -> str:
        """The columns of one side that are compared exactly, as one number."""
        values = ", ".join(column.value(side) for column in self._exact)
        return f"hash({values})" if values else "0::UBIGINT"

    def _match_by_key(self, has_duplicates: bool) -> None:
        """Makes the table `pairs` of rows that belong together and may differ."""
        tolerant = self._tolerant
        keys = [
            (quoted(name), quoted(self._on_right(name)), f"k{number}")
            for number, name in enumerate(self._declared.key)
        ]
        sides = []
        for side, table in (("l", "left_table"), ("r", "right_table")):
            names = [(left if side == "l" else right, alias) for left, right, alias in keys]
            selected = [f"{side}.{name} AS {alias}" for name, alias in names]
            if has_duplicates:
                selected.append(_nth(side, [name for name, _ in names]))
            selected += [
                f"{side}.{quoted(column.left if side == 'l' else column.right)}"
                for column in tolerant
            ]
            sides.append(
                f"(SELECT {side}.{quoted(ROW)} AS place, {self._hashed(side)} AS content,"
                f" {', '.join(selected)} FROM {table} {side}) {side}"
            )
        on = [f"l.{alias} IS NOT DISTINCT FROM r.{alias}" for *_, alias in keys]
        on += ["l.nth = r.nth"] if has_duplicates else []
        differ = ["l.content IS DISTINCT FROM r.content", *(c.differs for c in tolerant)]
        self._connection.execute(
            "CREATE TEMP TABLE pairs AS SELECT l.place AS l_row, r.place AS r_row"
            f" FROM {sides[0]} FULL JOIN {sides[1]} ON {' AND '.join(on)}"
            f" WHERE {' OR '.join(differ)}"
        )
        self._note_changed()

    def _match_by_position(self) -> int:
        """Makes the table `pairs`; the number of rows that stand in another order."""
        moved = align(
            self._connection,
            *(
                f"SELECT {side}.{quoted(ROW)} AS place, {self._hashed(side)} AS content"
                f" FROM {table} {side}"
                for side, table in (("l", "left_table"), ("r", "right_table"))
            ),
            any_order=self._declared.any_order,
        )
        tolerant = self._tolerant
        if tolerant:
            self._connection.execute(
                f"INSERT INTO pairs SELECT l_row, r_row FROM matched {ROWS_OF_PAIRS}"
                f" WHERE {' OR '.join(column.differs for column in tolerant)}"
            )
        self._note_changed()
        return moved

    def _note_changed(self) -> None:
        self._connection.execute(
            "CREATE TEMP VIEW changed_rows AS"
            " SELECT * FROM pairs WHERE l_row IS NOT NULL AND r_row IS NOT NULL"
        )

    # What differs.

    def _changed_columns(
        self, *, has_duplicates: bool
    ) -> tuple[tuple[ColumnDifference, ...], tuple[tuple[str, int], ...]]:
        """The columns with changed cells; and of those with a tolerance, the tolerated cells."""
        columns = self._columns
        if not columns:
            return (), ()
        counts = self._changed([f"count_if({column.differs})" for column in columns])
        changed = [column for column, count in zip(columns, counts, strict=True) if count]
        by_name = {column.name: count for column, count in zip(columns, counts, strict=True)}
        distances = self._distances(changed)
        shown = changed[:SHOWN_COLUMNS]
        described = profiles(
            self._connection,
            [("left_table", quoted(column.left)) for column in shown],
            [("right_table", quoted(column.right)) for column in shown],
            [column.is_number for column in shown],
            [column.is_time for column in shown],
        )
        found = tuple(
            ColumnDifference(
                column.name,
                by_name[column.name],
                *distances.get(column.name, (None, None)),
                *(described[number] if number < len(described) else (None, None)),
            )
            for number, column in enumerate(changed)
        )
        return found, self._tolerated(has_duplicates=has_duplicates)

    def _tolerated(self, *, has_duplicates: bool) -> tuple[tuple[str, int], ...]:
        tolerant = self._tolerant
        if not tolerant:
            return ()
        # Rows that are equal as declared are in no table of pairs, so all matched rows are read.
        on = [
            f"l.{quoted(name)} IS NOT DISTINCT FROM r.{quoted(self._on_right(name))}"
            for name in self._declared.key
        ]
        tables = ["left_table", "right_table"]
        if has_duplicates:
            on.append("l.nth = r.nth")
            left = [quoted(name) for name in self._declared.key]
            right = [quoted(self._on_right(name)) for name in self._declared.key]
            tables = [
                f"(SELECT {side}.*, {_nth(side, names)} FROM {table} {side})"
                for side, table, names in zip("lr", tables, (left, right), strict=True)
            ]
        source = (
            f"{tables[0]} l JOIN {tables[1]} r ON {' AND '.join(on)}"
            if on
            else f"(SELECT * FROM matched UNION SELECT * FROM changed_rows) {ROWS_OF_PAIRS}"
        )
        parts = [
            f"count_if({column.value('l')} IS DISTINCT FROM {column.value('r')}"
            f" AND NOT {column.differs})"
            for column in tolerant
        ]
        counts = self._connection.execute(f"SELECT {', '.join(parts)} FROM {source}").fetchone()
        assert counts is not None
        return tuple(
            (column.name, int(count))
            for column, count in zip(tolerant, counts, strict=True)
            if count
        )

    def _distances(self, changed: Sequence[Column]) -> dict[str, tuple[float, float]]:
        """The largest and the median distance of the changed cells of numbers and times."""
        measured = [column for column in changed if column.distance is not None]
        if not measured:
            return {}
        parts = [
            part
            for column in measured
            for part in (
                f"max({column.distance}) FILTER (WHERE {column.differs})",
                f"median({column.distance}) FILTER (WHERE {column.differs})",
            )
        ]
        values = self._changed(parts)
        return {
            column.name: (values[2 * number], values[2 * number + 1])
            for number, column in enumerate(measured)
        }

    def _changed(self, parts: Sequence[str]) -> Sequence[Any]:
        """One row of aggregates over the changed rows."""
        row = self._connection.execute(
            f"SELECT {', '.join(parts)} FROM changed_rows {ROWS_OF_PAIRS}"
        ).fetchone()
        assert row is not None  # an aggregate without GROUP BY has one row
        return row

    def _cells(self, names: Sequence[str]) -> Iterator[Cell]:
        """Yields the differing cells of the first changed rows."""
        columns = [column for column in self._columns if column.name in names]
        if not columns:
            return
        keys = [f"CAST(l.{quoted(name)} AS VARCHAR)" for name in self._declared.key]
        parts = [
            part
            for column in columns
            for part in (
                column.differs,
                *(_text(column.value(side)) for side in ("l", "r")),
            )
        ]
        rows = self._connection.execute(
            f"SELECT l_row, r_row, {', '.join([*keys, *parts])} FROM ("
            f"SELECT * FROM changed_rows ORDER BY l_row LIMIT {SHOWN_ROWS})"
            f" {ROWS_OF_PAIRS} ORDER BY l_row"
        ).fetchall()
        for place, other, *values in rows:
            cells = values[len(keys) :]
            positions = str(place) if place == other else f"{place} and {other}"
            row = self._key_text(values[: len(keys)]) if keys else positions
            for number, column in enumerate(columns):
                differs, left, right = cells[3 * number : 3 * number + 3]
                if differs:
                    yield Cell(row, column.name, left, right)

    def _key_text(self, values: Sequence[Any]) -> str:
        pairs = zip(self._declared.key, values, strict=True)
        return ", ".join(f"{name}={value}" for name, value in pairs)

    def _sample(self, where: str, side: str, table: str, row: str) -> Sample:
        """The rows of one side alone: how many, and the first by key or position."""
        count = self._one(f"SELECT count(*) FROM pairs WHERE {where}")
        if not count:
            return Sample()
        keys = [self._on_right(name) if side == "r" else name for name in self._declared.key]
        selected = [f"CAST({side}.{quoted(name)} AS VARCHAR)" for name in keys] or [row]
        first = self._connection.execute(
            f"SELECT {', '.join(selected)} FROM (SELECT {row} FROM pairs WHERE {where}"
            f" ORDER BY {row} LIMIT {SHOWN_ROWS}) JOIN {table} {side}"
            f" ON {side}.{quoted(ROW)} = {row} ORDER BY {row}"
        ).fetchall()
        texts = [self._key_text(values) if keys else f"row {values[0]}" for values in first]
        return Sample(count, tuple(texts))

    def _duplicates(self) -> Sample:
        """The values of the key that a side has more than once."""
        total, texts = 0, list[str]()
        for side, table in (("left", "left_table"), ("right", "right_table")):
            names = [
                quoted(name if side == "left" else self._on_right(name))
                for name in self._declared.key
            ]
            grouped = (
                f"SELECT {', '.join(names)}, count(*) AS times FROM {table}"
                f" GROUP BY {', '.join(names)} HAVING count(*) > 1"
            )
            count = self._one(f"SELECT count(*) FROM ({grouped})")
            total += count
            if count:
                first = self._connection.execute(
                    f"SELECT * FROM ({grouped}) ORDER BY ALL LIMIT {SHOWN_ROWS}"
                ).fetchall()
                texts += [
                    f"{self._key_text(values[:-1])} {values[-1]} times on the {side}"
                    for values in first
                ]
        return Sample(total, tuple(texts))

    def _count(self, table: str) -> int:
        return self._one(f"SELECT count(*) FROM {table}")

    def _one(self, query: str) -> int:
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


def _nth(side: str, names: Sequence[str]) -> str:
    """The number of a row among those of its key: the first belongs to the other side's first."""
    over = ", ".join(f"{side}.{name}" for name in names)
    return f"row_number() OVER (PARTITION BY {over} ORDER BY {side}.{quoted(ROW)}) AS nth"


def _text(value: str) -> str:
    """A cell as text; a missing one reads `nothing`."""
    return f"coalesce(CAST({value} AS VARCHAR), 'nothing')"
