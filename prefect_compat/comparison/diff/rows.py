"""The rows in which two stored values differ, side by side.

Each side's store is read by a process in that side's environment:

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
from prefect_compat.graph.ids import ValueId, parse_value_id
from prefect_compat.graph.job import resolve_job
from prefect_compat.graph.project import Project

SHOWN_ROWS = 5
ABSENT = "nothing"
NOT_READ = "cannot be read"


@dataclass(frozen=True)
class Cell:
    """One place at which the sides differ: the row (its position from 0, or the place in a
    document), the column, both texts."""

    row: str
    column: str
    dagster: str
    prefect: str


@dataclass(frozen=True)
class RowDifference:
    """How two values differ: rows on either side, cells that differ in each column, the first of
    them in the order of the rows. `counts` is empty where the texts are the same: the difference
    is one of type or structure."""

    output: ValueId
    rows: tuple[int, int]
    counts: tuple[tuple[str, int], ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class RowsTask:
    """Which outputs of a side are to be written as text, and where to."""

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
    """Writes each output as a table of text, numbered as in the task."""
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
    """The differences between the tables that both sides wrote into their folders."""
    return tuple(
        differing_rows(
            output, *(pd.read_parquet(side / f"{number}.parquet") for side in (dagster, prefect))
        )
        for number, output in enumerate(outputs)
    )


def differing_rows(output: ValueId, left: pd.DataFrame, right: pd.DataFrame) -> RowDifference:
    """Two tables of text compared cell by cell; rows by their position, those of a document by
    their place in it."""
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
