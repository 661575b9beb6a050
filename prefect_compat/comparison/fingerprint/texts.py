"""Columns of text, with one digest whether pyarrow is installed or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from prefect_compat.comparison.fingerprint.parts import Buffer, Parts, Rule, inner


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of text: a flag for each row, and the texts of the rows that have one."""

    missing: npt.NDArray[np.bool_]
    present: Sequence[str]


class TextType:
    """Arrow's type of such a column."""


@cache
def arrow() -> Any:
    """The module pyarrow, or None if it is not installed."""
    try:
        return import_module("pyarrow")
    except ImportError:
        return None


def texts(cells: Sequence[str]) -> Any:
    """A column of these texts, none missing. Raises UnicodeEncodeError for a lone surrogate."""
    if (pa := arrow()) is not None:
        return pa.array(cells, pa.large_string())
    return checked(Texts(np.zeros(len(cells), bool), cells))


def checked(column: Texts) -> Texts:
    """The column. Raises UnicodeEncodeError for a lone surrogate, as Arrow does."""
    "".join(column.present).encode()
    return column


def _as_arrow(column: Texts) -> Parts:
    """The parts that the rule of Arrow's arrays names."""
    data = [text.encode() for text in column.present]
    lengths = np.fromiter(map(len, data), "<i8", len(data)).tobytes()
    present = Buffer("bytes", (lengths, b"".join(data)))
    return inner(type=TextType(), order=None, missing=column.missing, present=present)


# The kinds and parts are those of a `large_string` array in `arrow_values`: a side without pyarrow
# must find the digest of a side with it.
RULES: dict[type, Rule] = {
    Texts: Rule(_as_arrow, "arrow array"),
    TextType: Rule(lambda _: inner(text="large_string", fields=[], serialized=b""), "arrow type"),
}
