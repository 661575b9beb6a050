"""Tables in memory, and tables larger than memory.

Code for either is written once, as a function of one part, and runs through `map_parts`: a pandas
DataFrame is one part, a Dask DataFrame is one part per partition.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pandas as pd
import pyarrow as pa

from ticket_assets.store.workers import dask_client, in_order

if TYPE_CHECKING:
    import dask.dataframe as dd

# The most rows in a part of a log, in a row group of a file, in a partition of a large table.
# Twice as many took 60 MB more in each worker that parses a log.
ROWS_PER_PART = 1 << 16

Result = TypeVar("Result")


@dataclass(frozen=True)
class LargeTable:
    """A Dask DataFrame ordered by `day` and `log_row`.

    `dask` names the cluster that computes it, as in TICKET_DASK. A day may span partitions.
    `attrs` is the same as a pandas DataFrame's.
    """

    frame: "dd.DataFrame"
    dask: str
    attrs: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        read: Callable[..., pd.DataFrame],
        sources: Sequence[Any],
        empty: pd.DataFrame,
        dask: str,
    ) -> "LargeTable":
        """The table whose partitions are `read(source, columns=names)`; `empty` has its columns."""
        import dask.dataframe as dd  # takes a second, and only runs with Dask need it
        from dask import config

        names = list(empty.columns)
        # By default Dask turns `str` into `string`, another dtype: digests would differ.
        with config.set({"dataframe.convert-string": False}):
            frame = dd.from_map(  # type: ignore[no-untyped-call]
                _Narrowed(read, names), sources, meta=empty
            )
        return cls(frame, dask, empty.attrs)

    def __getitem__(self, columns: list[str]) -> "LargeTable":
        return replace(self, frame=self.frame[columns])


@dataclass(frozen=True)
class _Narrowed:
    """A reader that lets Dask name the columns it needs."""

    read: Callable[..., pd.DataFrame]
    names: list[str]

    def __call__(self, source: Any, columns: list[str] | None = None) -> pd.DataFrame:
        return self.read(source, columns=self.names if columns is None else columns)


Table: TypeAlias = pd.DataFrame | LargeTable
SomeTable = TypeVar("SomeTable", pd.DataFrame, LargeTable)


def with_attrs(table: SomeTable, attrs: Mapping[str, Any]) -> SomeTable:
    """A copy of the table with these `attrs` in place of its own."""
    if isinstance(table, LargeTable):
        return replace(table, attrs=dict(attrs))
    table = table.copy(deep=False)
    table.attrs = dict(attrs)
    return table


def no_rows_of(table: Table) -> pd.DataFrame:
    """An empty table with the columns and types of this one."""
    # Dask keeps an empty frame as `_meta`; `head` of its frame would compute a partition.
    empty: pd.DataFrame = (table.frame._meta if isinstance(table, LargeTable) else table).head(0)
    return empty


def map_parts(
    function: Callable[..., Result], table: Table, *arguments: Sequence[Any]
) -> Iterator[Result]:
    """Results of `function` for each part of the table, in order.

    Each of `arguments` has one item per part; the function gets the part and its items.
    """
    if isinstance(table, pd.DataFrame):
        yield function(table, *(of_parts[0] for of_parts in arguments))
        return
    from dask.delayed import delayed

    parts = table.frame.to_delayed()
    calls = [
        delayed(function, pure=False)(part, *rest)
        for part, *rest in zip(parts, *arguments, strict=True)
    ]
    with dask_client(table.dask) as client:
        yield from in_order(client, client.compute(calls))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """The Arrow table as pandas, with times in whole seconds (Parquet keeps milliseconds)."""
    frame = table.to_pandas(date_as_object=False)
    times = [name for name, dtype in frame.dtypes.items() if dtype.kind == "M"]
    return frame.astype(dict.fromkeys(times, "datetime64[s]"))
