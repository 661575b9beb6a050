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
