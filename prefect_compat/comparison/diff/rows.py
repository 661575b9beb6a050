"""Compares two stored values row by row.

A process in each side's environment writes that side's values to files:

python -m prefect_compat.comparison.diff.rows '{"module": ..., "outputs": [...], ...}'
"""

import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
from pydantic import TypeAdapter

from prefect_compat.comparison.diff.declared import ALL, EXACT, NO_RULES, Declared, Rules, Tolerance
from prefect_compat.comparison.diff.differences import (
    Cell,
    ColumnDifference,
    RowDifference,
    TableDifference,
)
from prefect_compat.comparison.diff.tables import compare_tables
from prefect_compat.comparison.diff.text_rows import NOTHING, TextTable
from prefect_compat.comparison.diff.values import NOT_READ, rows_file, text_file, write_values
from prefect_compat.comparison.record.contents import open_store
from prefect_compat.engine.dagster_port.run_config import merged_config
from prefect_compat.errors import ComparisonError, ConfigError
from prefect_compat.graph.ids import ValueId, parse_value_id
from prefect_compat.graph.job import JobChoice, resolve_job
from prefect_compat.graph.project import Project

SHOWN_ROWS = 5


@dataclass(frozen=True)
class RowsTask:
    """The outputs of one side to write to files, and the folder for them."""

    project: Project
    choice: JobChoice
    run_config: str
    outputs: tuple[str, ...]
    run_ids: tuple[str, ...]
    folder: str
    resources: str = "{}"

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "RowsTask":
        data = json.loads(text)
        values = {
            "project": Project(**data["project"]),
            "choice": JobChoice(**data["choice"]),
            "run_ids": tuple(data["run_ids"]),
        }
        return cls(**{**data, **values})


def write_stored_values(task: RowsTask) -> None:
    """Writes the outputs, which the job's own IO managers read."""
    job = resolve_job(task.project, task.choice)
    config = merged_config(json.loads(task.run_config), json.loads(task.resources))
    with (
        dg.DagsterInstance.get() as instance,
        open_store(job, instance, config.get("resources", {}), task.run_ids) as load,
    ):
        outputs = [parse_value_id(text) for text in task.outputs]
        write_values(load, outputs, Path(task.folder))


def read_differences(
    outputs: Iterable[ValueId], left: Path, right: Path, rules: Rules = NO_RULES
) -> tuple[RowDifference, ...]:
    """The differences between the values that both sides wrote to their folders.

    Raises ConfigError for a key or a tolerance that does not fit the columns, and ComparisonError
    if a key was declared and DuckDB is not installed.
    """
    return tuple(
        RowDifference(output, _difference(output, number, (left, right), rules))
        for number, output in enumerate(outputs)
    )


def _difference(
    output: ValueId, number: int, folders: tuple[Path, Path], rules: Rules
) -> TableDifference:
    declared = rules.of(output.group)
    files = [rows_file(folder, number) for folder in folders]
    texts = [text_file(folder, number) for folder in folders]
    has_text = all(path.is_file() for path in texts)
    is_table = all(path.is_file() for path in files)
    if is_table and (declared != EXACT or not has_text or find_spec("duckdb")):
        try:
            found = compare_tables(files[0], files[1], declared)
        except ConfigError as error:
            raise ConfigError(f"{output.label}: {error}") from error
        # Without a differing row the difference is one that only the text shows: of a type, or of
        # what lies beside the rows.
        if not found.is_equal or not declared.is_exact or not has_text:
            return found
    if not has_text:
        raise ComparisonError(
            f"{output.label} is a table on one side only, and too large to be compared as text."
        )
    left, right = (TypeAdapter(TextTable).validate_json(path.read_bytes()) for path in texts)
    return differing_rows(left, right, declared)


def differing_rows(
    left: TextTable, right: TextTable, declared: Declared = EXACT
) -> TableDifference:
    """Compares two tables of text cell by cell.

    Rows are matched by their position, those of a document by their place in it.
    """
    if NOT_READ in (*left.names, *right.names):
        return _unreadable(left, right)
    mine, other = _by_row(left), _by_row(right)
    columns = [
        name
        for name in dict.fromkeys([*_names(left), *_names(right)])
        if name not in declared.ignored
    ]
    tolerances = dict(declared.tolerances)
    counts: Counter[str] = Counter()
    tolerated: Counter[str] = Counter()
    cells: list[Cell] = []
    changed: set[str] = set()
    for row in dict.fromkeys([*mine, *other]):
        pairs = (
            (
                column,
                mine.get(row, {}).get(column, NOTHING),
                other.get(row, {}).get(column, NOTHING),
            )
            for column in columns
        )
        different = [Cell(str(row), *pair) for pair in pairs if pair[1] != pair[2]]
        within = [cell for cell in different if _is_within(cell, tolerances)]
        tolerated.update(cell.column for cell in within)
        differing = [cell for cell in different if cell not in within]
        counts.update(cell.column for cell in differing)
        if differing and len(changed) < SHOWN_ROWS:
            cells += differing
        changed.update([str(row)] if differing else ())
    return TableDifference(
        rows=(left.rows, right.rows),
        changed_rows=len(changed),
        columns=tuple(ColumnDifference(name, counts[name]) for name in columns if counts[name]),
        cells=tuple(cells),
        tolerated=tuple(tolerated.items()),
        declared=replace(declared, key=()).words,
    )


def _unreadable(left: TextTable, right: TextTable) -> TableDifference:
    """The difference of values of which one cannot be read: it equals nothing."""
    texts = [
        f"{NOT_READ}: {table.columns[0][0]}" if NOT_READ in table.names else "can be read"
        for table in (left, right)
    ]
    return TableDifference(
        rows=(left.rows, right.rows),
        changed_rows=1,
        columns=(ColumnDifference("the value", 1),),
        cells=(Cell("all", "the value", texts[0], texts[1]),),
    )


def _is_within(cell: Cell, tolerances: Mapping[str, Tolerance]) -> bool:
    """True if both texts are numbers within the tolerance of the column, or of a leaf's name."""
    leaf = cell.row.rpartition("[")[2].strip("]'")
    tolerance = tolerances.get(cell.column, tolerances.get(leaf, tolerances.get(ALL)))
    if tolerance is None:
        return False
    try:
        left, right = float(cell.left), float(cell.right)
    except ValueError:
        return False
    return math.isclose(left, right, rel_tol=tolerance.relative, abs_tol=tolerance.absolute)


def _names(table: TextTable) -> list[str]:
    """The names of the columns that are compared; the second of one name is `name (2)`."""
    if table.is_document:
        return ["value"]
    counted = Counter[str]()
    names = []
    for name in table.names:
        counted[name] += 1
        names.append(name if counted[name] == 1 else f"{name} ({counted[name]})")
    return names


def _by_row(table: TextTable) -> dict[str | int, dict[str, str]]:
    """The cells of each row by column. A row is named by its position, or by its place."""
    names = _names(table)
    if table.is_document:
        return {place: {"value": value} for place, value in zip(*table.columns, strict=True)}
    rows = zip(*table.columns, strict=True)
    return {number: dict(zip(names, row, strict=True)) for number, row in enumerate(rows)}


if __name__ == "__main__":
    write_stored_values(RowsTask.from_json(sys.argv[1]))
