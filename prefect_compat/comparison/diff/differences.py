"""Differences between two stored values, as frozen values that reports show."""

from dataclasses import dataclass

from prefect_compat.graph.ids import ValueId


@dataclass(frozen=True)
class Cell:
    """One place at which the sides differ, with both texts.

    `row` is a key, a position from 0, or a place in a document.
    """

    row: str
    column: str
    left: str
    right: str


@dataclass(frozen=True)
class Sample:
    """A count, and the first entries as text."""

    count: int = 0
    first: tuple[str, ...] = ()


@dataclass(frozen=True)
class SchemaChange:
    """A column that only one side has, or with another type; None for the side without it."""

    column: str
    left: str | None
    right: str | None


@dataclass(frozen=True)
class Profile:
    """A column on one side: its rows, missing cells, different values; of numbers, and of times in
    seconds since 1970, the mean, five quantiles from least to most, and a histogram.

    `bins` counts the values in equal parts of the range that both sides share. `is_time` is True if
    the figures are seconds since 1970.
    """

    count: int
    nulls: int
    distinct: int
    mean: float | None = None
    quantiles: tuple[float, ...] = ()
    bins: tuple[int, ...] = ()
    is_time: bool = False


@dataclass(frozen=True)
class ColumnDifference:
    """The changed cells of a column, with their largest and median distance.

    Distances are those of numbers, and of times in seconds; None for other columns.
    """

    column: str
    changed: int
    largest: float | None = None
    typical: float | None = None
    left: Profile | None = None
    right: Profile | None = None


@dataclass(frozen=True)
class TableDifference:
    """The difference of two tables.

    `missing` are the rows of the left side alone, `extra` those of the right side alone. `moved`
    counts rows that stand in another order, `duplicates` the values of the key that a side has
    more than once. `tolerated` counts, by column, cells that are equal only as declared.
    """

    rows: tuple[int, int]
    key: tuple[str, ...] = ()
    schema: tuple[SchemaChange, ...] = ()
    missing: Sample = Sample()
    extra: Sample = Sample()
    moved: int = 0
    duplicates: Sample = Sample()
    changed_rows: int = 0
    columns: tuple[ColumnDifference, ...] = ()
    cells: tuple[Cell, ...] = ()
    tolerated: tuple[tuple[str, int], ...] = ()
    declared: str = ""

    @property
    def is_equal(self) -> bool:
        """True if nothing differs beyond what was declared."""
        return not (
            self.schema
            or self.missing.count
            or self.extra.count
            or self.moved
            or self.duplicates.count
            or self.changed_rows
        )

    @property
    def touched(self) -> float:
        """The share of rows that are missing, extra or changed, of all rows of both sides."""
        common = self.rows[0] - self.missing.count
        total = common + self.missing.count + self.extra.count
        return (self.changed_rows + self.missing.count + self.extra.count) / total if total else 0.0

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """The changed cells of each column that has any."""
        return tuple((entry.column, entry.changed) for entry in self.columns)


@dataclass(frozen=True)
class RowDifference:
    """The difference of one output's contents."""

    output: ValueId
    table: TableDifference
