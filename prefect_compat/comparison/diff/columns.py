"""A column of two tables, and the SQL that compares its cells."""

from dataclasses import dataclass

from prefect_compat.comparison.diff.declared import Tolerance

SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
NUMBERS = (*SIGNED, *(f"U{name}" for name in SIGNED))
FLOATS = ("FLOAT", "DOUBLE")
TIMES = ("TIMESTAMP", "DATE")


@dataclass(frozen=True)
class Column:
    """A column of both tables: its names, its types, and the type in which both are compared."""

    left: str
    right: str
    types: tuple[str, str]
    tolerance: Tolerance | None = None

    @property
    def name(self) -> str:
        return self.left if self.left == self.right else f"{self.left} as {self.right}"

    @property
    def is_number(self) -> bool:
        return all(kind in NUMBERS + FLOATS or kind.startswith("DECIMAL") for kind in self.types)

    @property
    def is_time(self) -> bool:
        return all(kind.startswith(TIMES) for kind in self.types)

    @property
    def common(self) -> str | None:
        """The type to which both are cast; None if both have one type."""
        if self.types[0] == self.types[1]:
            return None
        if self.is_number:
            has_fraction = any(kind not in NUMBERS for kind in self.types)
            return "DOUBLE" if has_fraction else "HUGEINT"
        zoned = {kind.endswith("WITH TIME ZONE") for kind in self.types}
        return "TIMESTAMP_NS" if self.is_time and zoned == {False} else "VARCHAR"

    def value(self, side: str) -> str:
        """The column of `l` or `r` as SQL, in the common type."""
        name = f"{side}.{quoted(self.left if side == 'l' else self.right)}"
        return f"CAST({name} AS {self.common})" if self.common else name

    @property
    def differs(self) -> str:
        """The SQL condition under which the cells of `l` and `r` differ."""
        left, right = self.value("l"), self.value("r")
        plain = f"{left} IS DISTINCT FROM {right}"
        if self.tolerance is None:
            return plain
        return f"({plain} AND NOT coalesce({self._within(left, right)}, false))"

    @property
    def distance(self) -> str | None:
        """The SQL of the distance of two cells: of numbers, or of times in seconds."""
        left, right = self.value("l"), self.value("r")
        if self.is_number:
            return f"abs(CAST({left} AS DOUBLE) - CAST({right} AS DOUBLE))"
        if self.is_time:
            return f"abs({_seconds(left)} - {_seconds(right)})"
        return None

    def _within(self, left: str, right: str) -> str:
        assert self.tolerance is not None
        limit = f"CAST({self.tolerance.absolute!r} AS DOUBLE)"
        if self.tolerance.relative:
            larger = f"greatest(abs(CAST({left} AS DOUBLE)), abs(CAST({right} AS DOUBLE)))"
            limit = f"greatest({limit}, {self.tolerance.relative!r} * {larger})"
        return f"{self.distance} <= {limit}"


def _seconds(value: str) -> str:
    return f"(epoch_ns(CAST({value} AS TIMESTAMP)) / 1e9)"


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'
