"""The daily sample: the rows of the log that are evaluated.

Tables have `day` (datetime64[s]) and `log_row` (int64: the row's number in the log) and may cover
any number of days. Each day stands alone: it gives the same sample by itself as within a year.
"""

from collections import Counter
from collections.abc import Mapping
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from ticket_assets.errors import DataError
from ticket_assets.evaluation.populations import ALL, POPULATIONS, rows_of
from ticket_assets.store.tables import Table, map_parts


def draw_sample(rows: Table, batch_size: int, seed: int, population: str = ALL) -> pd.DataFrame:
    """At most `batch_size` rows of each day, drawn without replacement, in the log's order.

    `rows` is ordered by day and `log_row`; only those of the population are drawn. The draw depends
    only on the seed, the day and the rows' positions within the day's population. Every position
    gets a pseudo-random key and the smallest keys win, so a larger batch contains the smaller one.
    Raises DataError for a `batch_size` below 1 and an unknown population.
    """
    if batch_size < 1:
        raise DataError(
            f"sampled_batch: batch_size is {batch_size}; expected 1 or more. Correct it in the"
            " run's configuration."
        )
    if population not in POPULATIONS:
        raise DataError(
            f"sampled_batch: population is '{population}'; expected {' or '.join(POPULATIONS)}."
            " Correct it in the run's configuration."
        )
    # A day may be split between parts: its positions run on, so the split does not show.
    before, rows_before = [], Counter[pd.Timestamp]()
    count = partial(count_rows_by_day, population=population)
    counted = ["day"] if population == ALL else ["day", "incident_state"]
    for counts in map_parts(count, rows[counted]):
        before.append({day: rows_before[day] for day in counts})
        rows_before.update(counts)
    candidates = partial(_candidates, batch_size=batch_size, seed=seed, population=population)
    # A day's smallest keys are among the smallest of its parts, so each part returns only those.
    drawn = _smallest(pd.concat(map_parts(candidates, rows, before)), batch_size)
    return drawn.drop(columns="draw").reset_index(drop=True)


def count_rows_by_day(rows: pd.DataFrame, population: str = ALL) -> dict[pd.Timestamp, int]:
    """The number of rows of the population of each day that has any."""
    days = rows_of(rows, population)["day"]
    counts: dict[pd.Timestamp, int] = days.value_counts(sort=False).to_dict()
    return counts


def _candidates(
    rows: pd.DataFrame,
    rows_before: Mapping[pd.Timestamp, int],
    batch_size: int,
    seed: int,
    population: str,
) -> pd.DataFrame:
    """The rows of a part that may be in the sample, with their keys as `draw` (uint64).

    `rows_before` counts the rows that each of its days has in earlier parts.
    """
    rows = rows_of(rows, population)
    before = rows["day"].map(rows_before).to_numpy(np.uint64)
    position = rows.groupby("day", sort=False).cumcount().to_numpy(np.uint64) + before
    day_number = rows["day"].to_numpy("datetime64[D]").astype(np.int64).astype(np.uint64)
    key = _mixed(_mixed(_mixed(np.uint64(seed)) + day_number) + position)
    return _smallest(rows.assign(draw=key), batch_size)


def _smallest(rows: pd.DataFrame, batch_size: int) -> pd.DataFrame:
    # `first` breaks ties, so a day never has more than `batch_size` rows.
    rank = rows.groupby("day", sort=False)["draw"].rank(method="first")
    return rows[rank <= batch_size]


def _mixed(state: npt.NDArray[np.uint64] | np.uint64) -> npt.NDArray[np.uint64]:
    """SplitMix64's output function (Steele, Lea and Flood, "Fast splittable pseudorandom
    number generators", 2014): the same 64 bits on every machine and NumPy version."""
    # An array: NumPy warns when a scalar overflows, and here the overflow is intended.
    z = np.atleast_1d(np.asarray(state, np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
