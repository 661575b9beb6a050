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
import pandas as pd

from prefect_compat.comparison.diff.text_rows import text_rows
from prefect_compat.comparison.record.contents import open_store
from prefect_compat.flow.parameters import read_run_config
from prefect_compat.graph.plan import ValueId, parse_value_id, resolve_job
from prefect_compat.graph.project import Project

SHOWN_ROWS = 5
ABSENT = "nothing"
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
    job: str
    run_config: str | None
    outputs: tuple[str, ...]
    run_ids: tuple[str, ...]
    folder: str

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "RowsTask":
        data = json.loads(text)
        run_ids = tuple(data["run_ids"])
        return cls(**{**data, "project": Project(**data["project"]), "run_ids": run_ids})


def write_rows(task: RowsTask) -> None:
    """Writes each output as a table of text, numbered in the order of the task."""
    job = resolve_job(task.project.load(), task.job)
    config = read_run_config(task.run_config) if task.run_config else {}
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
                rows = pd.DataFrame({NOT_READ: [str(error)]})
            rows.to_parquet(folder / f"{number}.parquet")


def read_differences(
    outputs: Iterable[ValueId], dagster: Path, prefect: Path
) -> tuple[RowDifference, ...]:
    """The differences between the tables that both sides wrote to their folders."""
    return tuple(
        differing_rows(
            output, *(pd.read_parquet(side / f"{number}.parquet") for side in (dagster, prefect))
        )
        for number, output in enumerate(outputs)
    )


def differing_rows(output: ValueId, left: pd.DataFrame, right: pd.DataFrame) -> RowDifference:
    """The differing cells of two tables of text.

    Rows are matched by position, those of a document by their place in it.
    """
    tables = [_by_row(side) for side in (left, right)]
    rows = list(dict.fromkeys([*tables[0].index, *tables[1].index]))
    columns = list(dict.fromkeys([*tables[0].columns, *tables[1].columns]))
    mine, other = (
        table.reindex(index=rows, columns=columns, fill_value=ABSENT) for table in tables
    )
    differs = mine.ne(other)
    first = differs.index[differs.any(axis="columns")][:SHOWN_ROWS]
    cells = (
        Cell(str(row), column, str(mine.at[row, column]), str(other.at[row, column]))
        for row in first
        for column in columns
        if differs.at[row, column]
    )
    return RowDifference(
        output,
        (len(left), len(right)),
        tuple((str(name), int(count)) for name, count in differs.sum().items() if count),
        tuple(cells),
    )


def _by_row(table: pd.DataFrame) -> pd.DataFrame:
    if list(table.columns) == ["place", "value"]:
        return table.set_index("place")
    counted = Counter[str]()
    names = []
    for name in table.columns:
        counted[name] += 1
        names.append(name if counted[name] == 1 else f"{name} ({counted[name]})")
    return table.set_axis(names, axis="columns").reset_index(drop=True)


if __name__ == "__main__":
    write_rows(RowsTask.from_json(sys.argv[1]))
