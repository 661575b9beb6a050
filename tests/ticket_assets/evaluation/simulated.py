"""Simulated errors of predictions: many samples at once, each a group of rows in clusters."""

import numpy as np
import pandas as pd


def skewed_samples(samples: int, clusters: int, rng: np.random.Generator) -> pd.DataFrame:
    """Lognormal errors of two models, in clusters of 1 to 30 rows that have an effect in common.

    Columns: `sample`, `number`, `first`, `second` (their expected values: `TRUE_ERRORS`).
    """
    sizes = np.minimum(rng.geometric(0.18, samples * clusters), 30)
    number = np.repeat(np.arange(samples * clusters), sizes)
    # The two models' errors have the incident in common, so their difference is paired.
    common = rng.normal(0, 0.7, samples * clusters)[number]
    errors = {
        name: scale * np.exp(common + rng.normal(0, 0.5, len(number)))
        for name, scale in SCALES.items()
    }
    return pd.DataFrame({"sample": number // clusters, "number": number, **errors})


SCALES = {"first": 1.0, "second": 1.3}
TRUE_ERRORS = {name: scale * np.exp((0.7**2 + 0.5**2) / 2) for name, scale in SCALES.items()}


def sliced_rows(incidents: int, rng: np.random.Generator) -> pd.DataFrame:
    """Rows as `slice_errors` takes them, over 60 days; the errors have nothing to do with slices.

    Category, group and priority are the incident's, state and reassignments the row's.
    """
    sizes = np.minimum(rng.geometric(0.2, incidents), 30)
    number = np.repeat(np.arange(incidents), sizes)
    rows = len(number)
    sign = rng.choice([-1.0, 1.0], rows)
    common = rng.normal(0, 0.7, incidents)
    return pd.DataFrame(
        {
            "day": pd.Timestamp("2016-03-01")
            + pd.to_timedelta(rng.integers(0, 60, incidents)[number], unit="D"),
            "number": "INC" + pd.Series(number).astype("str"),
            "error_s": sign * 3600 * np.exp(common[number] + rng.normal(0, 0.5, rows)),
            "incident_state": rng.choice(["New", "Active", "Resolved"], rows),
            "priority": rng.choice(["3 - Moderate", "4 - Low"], incidents)[number],
            "category": rng.choice([f"Category {n}" for n in range(12)], incidents)[number],
            "assignment_group": rng.choice([f"Group {n}" for n in range(9)], incidents)[number],
            "reassignment_count": rng.poisson(1, rows),
        }
    )


def daily_errors(
    days: int, shifted_days: int, shift: float, rng: np.random.Generator
) -> pd.DataFrame:
    """A series as `measure_change` takes it, of 20 to 120 incidents a day.

    Incidents' errors are of a gamma distribution with standard deviation 1 and skewness 2.8; each
    day has an effect with standard deviation 0.2, and weekends are 0.3 higher. The last
    `shifted_days` are higher by `shift`.
    """
    incidents = rng.integers(20, 121, days)
    shape = 0.5
    mean = rng.gamma(shape * incidents) / incidents / np.sqrt(shape)
    weekend = np.arange(days) % 7 >= 5
    late = np.arange(days) >= days - shifted_days
    return pd.DataFrame(
        {
            "day": pd.Timestamp("2016-03-01") + pd.to_timedelta(np.arange(days), unit="D"),
            "mae_s": 2 + mean + rng.normal(0, 0.2, days) + 0.3 * weekend + shift * late,
            "incidents": incidents,
        }
    )


def input_rows(
    days: int, shifted_days: int, shift: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Rows as `measure_input_drift` takes them, of 20 to 120 incidents a day.

    Each column is made from normal values with standard deviation 1 and an effect of the day with
    standard deviation 0.2, apart from the others. `shift` is added to those of `hours` on the last
    `shifted_days`.
    """
    incidents = rng.integers(20, 121, days)
    day = np.repeat(np.arange(days), incidents)
    late = day >= days - shifted_days

    def values() -> np.ndarray:
        return rng.normal(0, 0.2, days)[day] + rng.normal(0, 1, len(day))

    return pd.DataFrame(
        {
            "day": pd.Timestamp("2016-03-01") + pd.to_timedelta(day, unit="D"),
            "number": np.arange(len(day)).astype("str"),
            "hours": np.exp(values() + shift * late),
            "reassignments": np.maximum(np.floor(values() * 2), 0),
            "priority": pd.cut(values(), [-9, -1.5, 0, 1.8, 9], labels=[*"1234"]).astype("str"),
            "category": np.floor(values() * 20).astype("int64").astype("str"),  # many are rare
        }
    )
