"""The rows in which two stored values differ, side by side.

A process in each side's environment reads that side's store:

python -m prefect_compat.comparison.diff.rows '{"module": ..., "outputs": [...], ...}'
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg
from pydantic import TypeAdapter

from prefect_compat.comparison.diff.text_rows import NOTHING, TextTable, text_rows
from prefect_compat.comparison.record.contents import open_store
from prefect_compat.engine.dagster_port.run_config import merged_config
from prefect_compat.graph.ids import ValueId, parse_value_id
from prefect_compat.graph.job import JobChoice, resolve_job
from prefect_compat.graph.project import Project

SHOWN_ROWS = 5
NOT_READ = "cannot be read"


@dataclass(frozen=True)
class Cell:
    """One place at which the sides differ, with both texts.

    `row` is a position from 0, or a place in a document.
    """

    row: str
    column: str
    dagster: str
    prefect: str


@dataclass(frozen=True)
class RowDifference:
    """The difference of two values: rows on each side, differing cells per column, first cells.

    `counts` is empty if the texts are equal: then only types or structure differ.
    """

    output: ValueId
    rows: tuple[int, int]
    counts: tuple[tuple[str, int], ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class RowsTask:
    """The outputs of one side to write as text, and the folder for them."""

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


def write_rows(task: RowsTask) -> None:
    """Writes each output as a table of text, numbered in the order of the task."""
    job = resolve_job(task.project, task.choice)
    config = merged_config(json.loads(task.run_config), json.loads(task.resources))
    folder = Path(task.folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        dg.DagsterInstance.get() as instance,
        open_store(job, instance, config.get("resources", {}), task.run_ids) as load,
    ):
        for number, text in enumerate(task.outputs):
            try:
                rows = text_rows(load(parse_value_id(text)))
            except Exception as error:  # whatever a user's IO manager raises
                # The other side may be readable: its rows are then shown beside this message.
                rows = TextTable((NOT_READ,), ((str(error),),))
            (folder / f"{number}.json").write_text(json.dumps(asdict(rows)), encoding="utf-8")


def read_differences(
    outputs: Iterable[ValueId], dagster: Path, prefect: Path
) -> tuple[RowDifference, ...]:
    """The differences between the tables that both sides wrote to their folders."""
    tables = TypeAdapter(TextTable)
    return tuple(
        differing_rows(
            output,
            *(
                tables.validate_json((side / f"{number}.json").read_bytes())
                for side in (dagster, prefect)
            ),
        )
        for number, output in enumerate(outputs)
    )


def differing_rows(output: ValueId, left: TextTable, right: TextTable) -> RowDifference:
    """Compares two tables of text cell by cell.

    Rows are matched by their position, those of a document by their place in it.
    """
    mine, other = _by_row(left), _by_row(right)
    columns = list(dict.fromkeys([*_names(left), *_names(right)]))
    counts: Counter[str] = Counter()
    cells: list[Cell] = []
    shown: set[str] = set()
    for row in dict.fromkeys([*mine, *other]):
        pairs = (
            (
                column,
                mine.get(row, {}).get(column, NOTHING),
                other.get(row, {}).get(column, NOTHING),
            )
            for column in columns
        )
        differing = [Cell(str(row), *pair) for pair in pairs if pair[1] != pair[2]]
        counts.update(cell.column for cell in differing)
        if differing and len(shown) < SHOWN_ROWS:
            shown.add(str(row))
            cells += differing
    ordered = tuple((column, counts[column]) for column in columns if counts[column])
    return RowDifference(output, (left.rows, right.rows), ordered, tuple(cells))


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
    write_rows(RowsTask.from_json(sys.argv[1]))
