"""Values whose digests never change, with a digest of each in `lasting.json`.

python -m tests.prefect_compat.comparison.fingerprint.lasting prints this version's digests: take
from them those of new values only.
"""

import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from prefect_compat.comparison.fingerprint.fingerprint import fingerprint
from tests.prefect_compat.comparison.fingerprint.values import CHANGES

EXPECTED = Path(__file__).parent / "lasting.json"
ROWS = 100_000  # more than the rules look at together
DAYS = [dt.date(2016, 2, 29) + dt.timedelta(days) for days in range(300)]


def texts(kind: pa.DataType = pa.string()) -> pa.Array:  # noqa: B008  # an immutable type
    """Texts of several lengths; a seventh is missing, some are empty."""
    cells = [None if row % 7 == 3 else "é" * (row % 11) + str(row % 501) for row in range(ROWS)]
    return pa.array([cell if row % 13 else "" for row, cell in enumerate(cells)], kind)


def bytes_behind_nulls() -> pa.Array:
    """The cells `a`, null, `c`, with a `b` where the null is."""
    starts = pa.array([0, 1, 2, 3], pa.int32()).buffers()[1]
    buffers = [pa.py_buffer(b"\x05"), starts, pa.py_buffer(b"abc")]
    return pa.Array.from_buffers(pa.string(), 3, buffers)


def chunked(array: pa.Array, size: int) -> pa.ChunkedArray:
    return pa.chunked_array([array[start : start + size] for start in range(0, len(array), size)])


def frame() -> pd.DataFrame:
    numbers = np.arange(ROWS)
    return pd.DataFrame(
        {
            "text": pd.Series(texts().to_pylist(), dtype="str"),
            "whole": numbers % 1009,
            "real": np.where(numbers % 17, numbers / 7, np.nan),
            "flag": numbers % 3 == 0,
            "when": pd.Timestamp("2016-02-29") + pd.to_timedelta(numbers % 5003, unit="min"),
            "day": pd.Series([DAYS[number % 300] for number in numbers], dtype=object),
            "mixed": pd.Series(
                [(1, True, "1", b"1", None, 1.0)[n % 6] for n in numbers], dtype=object
            ),
            "arrow": pd.Series(texts(), dtype=pd.ArrowDtype(pa.string())),
        }
    )


LARGE: dict[str, Callable[[], Any]] = {
    "large text": texts,
    "large text in chunks": lambda: chunked(texts(), 777),
    "slice of a large text": lambda: texts()[13:-11],
    "slice of large texts with wide offsets": lambda: texts(pa.large_string())[70_001:],
    "large text as a dictionary": lambda: texts().dictionary_encode(),
    "large text as views": lambda: texts(pa.string_view()),
    "large bytes": lambda: texts().cast(pa.binary()),
    "large text without nulls": lambda: texts().drop_null(),
    "large nulls": lambda: pa.nulls(ROWS, pa.string()),
    "bytes behind nulls": bytes_behind_nulls,
    "large flags": lambda: pa.array([row % 5 == 0 if row % 3 else None for row in range(ROWS)]),
    "large numbers in chunks": lambda: chunked(
        pa.array([row if row % 3 else None for row in range(ROWS)]), 999
    ),
    "large frame": frame,
    "rows of a large frame": lambda: frame().iloc[5:-3:2],
    "large table": lambda: pa.Table.from_pandas(frame().drop(columns="mixed")),
    "large list": lambda: [
        (0.0, -0.0, 0, False, "", b"", None, DAYS[n % 9])[n % 8] for n in range(ROWS)
    ],
    "large document": lambda: {"rows": [{"n": n % 7, "t": (n % 3, True)} for n in range(2000)]},
}


def lasting() -> dict[str, Callable[[], Any]]:
    """Makers of the values; without models, which another scikit-learn may build otherwise."""
    pairs = {name: pair for name, pair in CHANGES.items() if not name.startswith("fitted")}
    return {
        **LARGE,
        **{name: left for name, (left, _) in pairs.items()},
        **{f"{name}, changed": right for name, (_, right) in pairs.items()},
    }


def main() -> None:
    found = {name: fingerprint(make()).digest[:16] for name, make in lasting().items()}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
