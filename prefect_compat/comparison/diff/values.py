"""Values of outputs in files, so that another process can lay two of them side by side.

Each value has its text, and if it is a table also its rows, as Parquet.
"""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect_compat.comparison.diff.text_rows import TextTable, text_rows

NOT_READ = "cannot be read"
# Cells of a table whose text is written too; beyond them the rows alone are compared.
MOST_CELLS = 500_000


def write_values(load: Callable[[Any], Any], outputs: Iterable[Any], folder: Path) -> None:
    """Writes the value of each output into files that are numbered in the order of the outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, output in enumerate(outputs):
        try:
            value = load(output)
        except Exception as error:  # whatever a user's IO manager raises
            # The other side may be readable: its rows are then shown beside this message.
            _write_text(TextTable((NOT_READ,), ((str(error),),)), folder, number)
            continue
        cells = _write_table(value, rows_file(folder, number))
        if cells is None or cells <= MOST_CELLS:
            _write_text(text_rows(value), folder, number)


def rows_file(folder: Path, number: int) -> Path:
    """The file with the rows of a table; other values have none."""
    return folder / f"{number}.parquet"


def text_file(folder: Path, number: int) -> Path:
    """The file with a value as text; a large table has none."""
    return folder / f"{number}.json"


def _write_text(table: TextTable, folder: Path, number: int) -> None:
    text_file(folder, number).write_text(json.dumps(asdict(table)), encoding="utf-8")


def _write_table(value: Any, path: Path) -> int | None:
    """Writes the rows of a table and returns the number of its cells; None for other values."""
    try:
        table = as_arrow(value)
    except Exception:  # cells of several types in one column, names that repeat: text shows them
        return None
    if table is None:
        return None
    import pyarrow.parquet as pq

    try:
        pq.write_table(table, path)
    except Exception:  # a type that Parquet does not have
        path.unlink(missing_ok=True)
        return None
    return int(table.num_rows * table.num_columns)


def as_arrow(value: Any) -> Any:
    """A table of pandas, polars or Arrow as an Arrow table; None for anything else.

    The levels of an index that counts no rows become columns `index 0` and so on.
    """
    pandas, arrow, polars = (sys.modules.get(name) for name in ("pandas", "pyarrow", "polars"))
    if arrow is not None and isinstance(value, arrow.Table | arrow.RecordBatch):
        return value if isinstance(value, arrow.Table) else arrow.Table.from_batches([value])
    if polars is not None and isinstance(value, polars.DataFrame):
        return value.to_arrow()
    if pandas is None or not isinstance(value, pandas.DataFrame):
        return None
    import pyarrow as pa  # the rows are compared by DuckDB, whose extra has it

    frame = value
    if not frame.index.equals(pandas.RangeIndex(len(frame))):
        levels = [f"index {number}" for number in range(frame.index.nlevels)]
        frame = frame.set_axis(
            frame.index.set_names(levels[0] if len(levels) == 1 else levels), axis="index"
        ).reset_index()
    frame = frame.set_axis([str(name) for name in frame.columns], axis="columns")
    if not frame.columns.is_unique:
        raise ValueError("names of columns repeat")
    return pa.Table.from_pandas(frame, preserve_index=False)
