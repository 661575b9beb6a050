"""The columns that a model may read: what was known when the row was written.

A refused column was written back to an incident's earlier rows, or tells the day of closing. In
the UCI log `closed_at`, `resolved_at`, `closed_code`, `resolved_by` and `caused_by` have one value
on all rows of each of its 24,918 incidents, although each is known only at the end. `knowledge`
changes in 0.8% of them, and by its definition it describes the resolution (Amaral et al., "Incident
management process enriched event log", UCI data set 498).
"""

import difflib
from collections.abc import Sequence

import pandas as pd

from ticket_assets.errors import ModelError
from ticket_assets.event_log.schema import NAMES

_AT_THE_END = "it is known only at the end, and the log has it on the incident's earlier rows too"
REFUSED = {
    "closed_at": "the target is computed from it",
    "resolved_at": _AT_THE_END,
    "closed_code": _AT_THE_END,
    "resolved_by": _AT_THE_END,
    "caused_by": _AT_THE_END,
    "knowledge": _AT_THE_END,
    "day": "it is the day of closing",
    "log_row": "the log's order is not known beforehand",
    "number": "it identifies an incident, so a model would learn single incidents by heart",
}
"""Columns that no model gets, each with the reason."""

FEATURES = tuple(name for name in NAMES if name not in REFUSED)
"""Columns that a model may read, in the log's order."""


def features_of(rows: pd.DataFrame, columns: Sequence[str], model: str) -> pd.DataFrame:
    """These columns of the rows, for the model of this name.

    Raises ModelError naming all columns that a model may not read or that the log does not have.
    """
    faults = [_fault(column) for column in columns if column not in FEATURES]
    if faults:
        raise ModelError(
            f"model {model}: {'; '.join(faults)}. A model may read {', '.join(FEATURES)}. Train it"
            " without the refused columns; nothing was predicted."
        )
    return rows[list(columns)]


def _fault(column: str) -> str:
    if column in REFUSED:
        return f"the feature '{column}' is refused as a leak: {REFUSED[column]}"
    close = difflib.get_close_matches(column, FEATURES, n=1)
    hint = f" ('{close[0]}'?)" if close else ""
    return f"the feature '{column}' is no column of the log{hint}"
