"""DuckDB, which reads and compares rows."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefect_compat.errors import ComparisonError

if TYPE_CHECKING:
    import duckdb


@contextmanager
def connected(threads: int | None = None) -> "Iterator[duckdb.DuckDBPyConnection]":
    """Yields a database in memory, which writes to a temporary folder what does not fit.

    Raises ComparisonError if DuckDB is not installed.
    """
    try:
        import duckdb
    except ImportError:
        raise ComparisonError(
            "Rows are compared by DuckDB, which is not installed:"
            ' pip install "prefect-compat[tables]".'
        ) from None
    with (
        tempfile.TemporaryDirectory(prefix="prefect-compat-rows-") as spilled,
        duckdb.connect() as connection,
    ):
        connection.execute(f"SET temp_directory = '{spilled}'")
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        if threads is not None:
            connection.execute(f"SET threads = {threads}")
        yield connection
