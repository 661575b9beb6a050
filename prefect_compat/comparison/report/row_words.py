"""A difference of rows in words."""

from collections.abc import Iterator

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.diff.differences import ColumnDifference, Sample, TableDifference
from prefect_compat.comparison.record.record import Aspect
from prefect_compat.counted import counted

SHOWN_COLUMNS = 8
# If so many differ in every row, it is another table rather than a column that is random.
ALL_COLUMNS = 4


def table_words(table: TableDifference, sides: tuple[str, str]) -> Iterator[str]:
    """Yields what differs, the rows first: each a clause."""
    left, right = table.rows
    if left == right:
        yield f"{counted(left, 'row')} each"
    else:
        yield f"{counted(left, 'row')} against {right:,}"
    for change in table.schema:
        yield f"column {change.column}: {_type(change.left)} against {_type(change.right)}"
    for sample, side in ((table.missing, sides[0]), (table.extra, sides[1])):
        if sample.count:
            yield f"{counted(sample.count, 'row')} only in {side}{_first(sample)}"
    if table.moved:
        yield f"{counted(table.moved, 'row')} in another order"
    if table.duplicates.count:
        yield (
            f"{counted(table.duplicates.count, 'value')} of the key more than once"
            f"{_first(table.duplicates)}"
        )
    if table.changed_rows:
        yield f"{counted(table.changed_rows, 'row')} changed, {table.touched:.1%} touched in all"
    shown = [_column(entry) for entry in table.columns[:SHOWN_COLUMNS]]
    if len(table.columns) > SHOWN_COLUMNS:
        shown.append(f"and {len(table.columns) - SHOWN_COLUMNS} more columns")
    if shown:
        yield f"differing cells: {', '.join(shown)}"
    elif table.is_equal:
        yield "differing cells: none, types differ"
    if table.tolerated:
        cells = ", ".join(f"{count:,} in {column}" for column, count in table.tolerated)
        yield f"tolerated cells: {cells}"


def suggestions(comparison: Comparison) -> Iterator[str]:
    """Advice for columns that may be random or a time: those that differ in every row."""
    can_run_again = comparison.left.knows(Aspect.COSTS)
    if comparison.verdict.noise or not can_run_again:
        return
    for difference in comparison.rows:
        table = difference.table
        common = table.rows[0] - table.missing.count
        names = [entry.column for entry in table.columns if entry.changed == common and common > 1]
        if names and len(names) < ALL_COLUMNS:
            yield (
                f"{', '.join(names)} of {difference.output.label} differs in every row: --noise"
                " tells whether it is reproducible."
            )


def _column(entry: ColumnDifference) -> str:
    text = f"{entry.changed:,} in {entry.column}"
    if entry.largest is None or entry.typical is None:
        return text
    return f"{text} (by {entry.typical:.3g}, at most {entry.largest:.3g})"


def _first(sample: Sample) -> str:
    more = ", …" if sample.count > len(sample.first) else ""
    return f" ({', '.join(sample.first)}{more})" if sample.first else ""


def _type(name: str | None) -> str:
    return name or "nothing"
