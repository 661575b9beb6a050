"""Populations of rows: all, and those whose ticket is still open.

A Closed row is written at `closed_at`, so its target is 0: there is nothing to predict. In the UCI
log they are 17.6% of the rows.
"""

import pandas as pd

ALL, OPEN = "all", "open"
POPULATIONS = (ALL, OPEN)


def is_open(rows: pd.DataFrame) -> pd.Series:
    """True for each row whose ticket is not Closed; `rows` has `incident_state`."""
    return rows["incident_state"] != "Closed"


def rows_of(rows: pd.DataFrame, population: str) -> pd.DataFrame:
    """The rows of a population; all but ALL need `incident_state`."""
    return rows if population == ALL else rows[is_open(rows)]
