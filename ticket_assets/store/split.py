"""The first step of a write: what a run made, split into one piece a day."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from ticket_assets.days import to_days
from ticket_assets.errors import DataError
from ticket_assets.store.provenance import provenance_of, to_schema_metadata

Document = Mapping[str, Any]
Documents = dict[str, dict[str, Any]]  # by partition key
Piece: TypeAlias = "pa.Table | Document"


def split(content: pd.DataFrame | Documents, keys: Sequence[str]) -> dict[str, Piece]:
    """Each day's rows, or each day's document, by partition key.

    A day without rows is a table without rows. Raises DataError as `rows_by_day` does.
    """
    if isinstance(content, pd.DataFrame):
        return dict(split_table(content, keys))
    return {key: content[key] for key in keys}


def split_table(table: pd.DataFrame, keys: Sequence[str]) -> dict[str, pa.Table]:
    """Each day's rows as an Arrow table that carries the day's provenance; `day` is date32."""
    whole = pa.Table.from_pandas(table, preserve_index=False)
    day = whole.schema.get_field_index("day")
    whole = whole.set_column(day, "day", whole.column("day").cast(pa.date32()))
    provenances = provenance_of(table)
    return {
        key: whole.slice(rows.start, rows.stop - rows.start).replace_schema_metadata(
            to_schema_metadata(provenances.get(key, {}))
        )
        for key, rows in zip(keys, rows_by_day(table, keys), strict=True)
    }


def rows_by_day(table: pd.DataFrame, keys: Sequence[str]) -> list[slice]:
    """The position of each day's rows, in the order of `keys`.

    Raises DataError unless the table is ordered by day and holds only days of `keys`.
    """
    days = table["day"].to_numpy("datetime64[s]")
    out_of_order = days[1:] < days[:-1]
    if np.any(out_of_order):
        row = int(np.argmax(out_of_order))
        raise DataError(
            f"The table to store, row {row + 2}: found {_as_date(days[row + 1])} after"
            f" {_as_date(days[row])}, expected rows in order of their day. Sort the table by `day`."
        )
    expected = to_days(keys).to_numpy("datetime64[s]")
    starts = np.searchsorted(days, expected, side="left")
    ends = np.searchsorted(days, expected, side="right")
    # Rows of other days are in none of these spans, so the spans are fewer rows than the table.
    if (ends - starts).sum() != len(days):
        stray = sorted(set(days) - set(expected))[0]
        raise DataError(
            f"The table to store has rows of {_as_date(stray)}, a day that this run does not"
            f" cover; expected days from {keys[0]} to {keys[-1]}. Return rows of the run's days"
            " only."
        )
    return [slice(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def _as_date(day: np.datetime64) -> str:
    return str(day.astype("datetime64[D]"))
