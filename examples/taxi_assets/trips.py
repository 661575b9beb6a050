"""The work on the trips in pandas and Dask, without an orchestrator.

Columns, their names and meaning: New York City TLC, "Data Dictionary - Yellow Taxi Trip Records".
"""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

PICKUP, DROPOFF = "tpep_pickup_datetime", "tpep_dropoff_datetime"
# The columns that are read; a real file has more.
DTYPES = {
    "VendorID": "int64",
    "passenger_count": "Int64",  # drivers leave it out
    "trip_distance": "float64",  # miles
    "PULocationID": "int64",
    "DOLocationID": "int64",
    "payment_type": "Int64",
    "fare_amount": "float64",  # this and all amounts: US dollars
    "tip_amount": "float64",
    "tolls_amount": "float64",
    "total_amount": "float64",
}
COLUMNS = [PICKUP, DROPOFF, *DTYPES]
CASH, CARD = 2, 1
FAILURE_RATE = 0.2
HOUR_FORMAT = "%Y-%m-%d-%H"


class TripError(Exception):
    """The trips are not as expected; the message says what to do."""


class PassingFault(Exception):
    """A fault that another attempt may not meet."""


def generate(day: datetime, rows_per_hour: int, seed: int) -> pd.DataFrame:
    """A day of trips in the order of their pickups, drawn from (seed, day) alone.

    Two of three passengers pay by card and tip about a fifth of the fare. Cash payments have no
    recorded tip. A few records are refunds with negative amounts, or lack the passengers.
    """
    drawn = np.random.default_rng([seed, day.toordinal()])
    rows = 24 * rows_per_hour
    pickup = np.sort(drawn.uniform(0, 24 * 3600, rows)).astype("int64")
    distance = drawn.gamma(1.5, 2.0, rows).round(2)
    fare = (2.5 + 2.5 * distance).round(2)
    payment = np.where(drawn.random(rows) < 2 / 3, CARD, CASH)
    tip = np.where(payment == CARD, fare * drawn.gamma(2.0, 0.1, rows), 0.0).round(2)
    sign = np.where(drawn.random(rows) < 0.01, -1, 1)
    start = pd.Timestamp(day) + pd.to_timedelta(pickup, unit="s")
    passengers = pd.Series(drawn.integers(1, 7, rows), dtype="Int64")
    return pd.DataFrame(
        {
            PICKUP: start,
            DROPOFF: start + pd.to_timedelta((distance * 240 + 60).astype("int64"), unit="s"),
            "VendorID": drawn.integers(1, 3, rows),
            "passenger_count": passengers.mask(drawn.random(rows) < 0.01),
            "trip_distance": distance,
            "PULocationID": drawn.integers(1, 264, rows),
            "DOLocationID": drawn.integers(1, 264, rows),
            "payment_type": payment,
            "fare_amount": sign * fare,
            "tip_amount": sign * tip,
            "tolls_amount": 0.0,
            "total_amount": (sign * (fare + tip)).round(2),
        }
    )


def days(first: datetime, count: int) -> Iterator[datetime]:
    """Consecutive days, beginning with the first."""
    return (first + timedelta(days=number) for number in range(count))


def read_csv(addresses: Sequence[str], options: dict[str, Any]) -> Any:
    """The trips of all files as one Dask dataframe, at least one partition per file.

    `options` go to the file system, such as `{"anon": True}` for S3. Raises TripError if there is
    no file, or if one cannot be read or lacks a column.
    """
    import dask.dataframe as dd  # takes 1 s, and only this asset needs it

    if not addresses:
        raise TripError("There are no trip files. Name some, or generate some.")
    try:
        return dd.read_csv(
            list(addresses),
            usecols=COLUMNS,
            dtype=DTYPES,
            parse_dates=[PICKUP, DROPOFF],
            storage_options=options if "://" in addresses[0] else None,
        )
    except (OSError, ValueError) as error:
        raise TripError(
            f"{addresses[0]} cannot be read as trips: {error}. Expected CSV files with the columns"
            f" {', '.join(COLUMNS)}. Correct the file, or leave it out."
        ) from error


def tips_by_passengers(trips: Any) -> pd.DataFrame:
    """Tips by `passenger_count`, ascending: `trips`, and `mean_tip` in US dollars.

    `trips` is a Dask dataframe; workers compute the sums of its parts.
    """
    tips = trips.groupby("passenger_count")["tip_amount"].agg(["count", "mean"]).compute()
    tips = tips.sort_index().reset_index()
    return tips.rename(columns={"count": "trips", "mean": "mean_tip"})


def by_hour(trips: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The trips by the hour of their pickup (`2019-01-01-07`), in ascending order."""
    hours = trips[PICKUP].dt.floor("h")
    return {hour.strftime(HOUR_FORMAT): of_hour for hour, of_hour in trips.groupby(hours)}


def clean(trips: pd.DataFrame, hour: str, attempt: int, seed: int) -> pd.DataFrame:
    """The trips with a tip.

    Raises PassingFault with probability 0.2, drawn from (seed, hour, attempt) alone. So retries
    have something to do, and the same in every run.
    """
    if random.Random(f"{seed} {hour} {attempt}").random() < FAILURE_RATE:
        raise PassingFault(f"{hour}: attempt {attempt + 1} met a passing fault")
    return trips[trips["tip_amount"] > 0]


def most_generous(trips: pd.DataFrame) -> dict[str, Any] | None:
    """The trip with the highest tip, the earliest of several; None without trips."""
    if trips.empty:
        return None
    best = trips.sort_values(["tip_amount", PICKUP], ascending=[False, True]).iloc[0]
    return {
        "pickup": best[PICKUP].isoformat(),
        "tip_amount": float(best["tip_amount"]),
        "fare_amount": float(best["fare_amount"]),
        "trip_distance": float(best["trip_distance"]),
    }
