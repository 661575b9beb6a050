"""Values of outputs in files, so that another process can lay two of them side by side.

Each value has its text, and if it is a table also its rows, as Parquet.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefect_compat.comparison.diff.connection import connected
from prefect_compat.comparison.diff.text_rows import TextTable, text_rows
from prefect_compat.errors import ComparisonError

PARQUET = (".parquet", ".pq")
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
        if isinstance(value, RowsInFiles):
            value.write(rows_file(folder, number))
            continue
        cells = _write_table(value, rows_file(folder, number))
        if cells is None or cells <= MOST_CELLS:
            _write_text(text_rows(value), folder, number)


@dataclass(frozen=True)
class RowsInFiles:
    """The rows of a table in Parquet or CSV files, which are never held in memory as a whole."""

    files: Sequence[Path]

    def write(self, path: Path) -> None:
        """Puts all rows into one Parquet file, or a link to the only one there is."""
        is_parquet = self.files[0].suffix.lower() in PARQUET
        if len(self.files) == 1 and is_parquet:
            path.symlink_to(self.files[0].absolute())
            return
        names = ", ".join("'" + str(file).replace("'", "''") + "'" for file in self.files)
        function = "read_parquet" if is_parquet else "read_csv"
        sampled = "" if is_parquet else ", sample_size = -1, union_by_name = true"
        with connected() as connection:
            connection.execute("SET preserve_insertion_order = true")
            connection.execute(
                f"COPY (SELECT * FROM {function}([{names}]{sampled})) TO '{path}' (FORMAT parquet)"
            )


def read_file(files: Sequence[Path]) -> Any:
    """The value in an output's files: rows, a JSON document, a text, or bytes.

    Raises ComparisonError for a pickle, which would run code, and what reading a file raises.
    """
    suffix = files[0].suffix.lower()
    if suffix in (*PARQUET, ".csv", ".tsv"):
        return RowsInFiles(files)
    if len(files) > 1:
        return [read_file([file]) for file in files]
    if suffix == ".json":
        return json.loads(files[0].read_text(encoding="utf-8"))
    if suffix in (".jsonl", ".ndjson"):
        lines = files[0].read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.strip()]
    content = files[0].read_bytes()
    if suffix in (".pickle", ".pkl"):
        raise ComparisonError(
            f"{files[0].name} is a pickle, and reading one runs code. Name the project (-m), whose"
            " own IO manager then reads it."
        )
    try:
        return content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return content


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
