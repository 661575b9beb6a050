"""The trial summary: one JSON document a day, with its provenance."""

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ticket_assets.evaluation.models import PriorityHours

TRIAL_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:ticket-assets:trial")


@dataclass(frozen=True)
class Provenance:
    """The inputs of one day's trial; equal provenance means equal content.

    `log_source` is for information: the origin of the log changes neither content nor id.
    """

    day: str
    log_source: str
    log_sha256: str
    batch_size: int
    seed: int
    hours: PriorityHours
    versions: Mapping[str, str]

    @property
    def trial_id(self) -> str:
        """A uuid5 of everything but `log_source`: the same trial has the same id everywhere."""
        # A change of their order or form would give every trial a new id.
        facts = [
            self.day, self.log_sha256, self.batch_size, self.seed,
            *asdict(self.hours).items(), *sorted(self.versions.items()),
        ]  # fmt: skip
        return str(uuid.uuid5(TRIAL_NAMESPACE, repr(facts)))


def summarise(
    targets: pd.DataFrame, metrics: pd.DataFrame, provenance: Mapping[str, Provenance]
) -> dict[str, dict[str, Any]]:
    """The trial document of each day of `metrics`, by partition key. Errors in seconds."""
    described = targets.groupby("day")["target_s"].agg(["mean", "median", "min", "max"])
    described = described.reindex(metrics["day"])
    documents = {}
    for row, target in zip(metrics.itertuples(), described.itertuples(), strict=True):
        day = row.day.strftime("%Y-%m-%d")
        scores = (row.mae_s, row.medae_s, row.mse_s2, row.r2)
        origin = provenance[day]
        documents[day] = {
            "id": origin.trial_id,
            "data": {
                "num_obs": row.num_obs,
                "metrics": _named(("MAE", "MedAE", "MSE", "R2"), scores),
                "target": _named(("mean", "median", "min", "max"), target[1:]),
            },
            "provenance": asdict(origin),
        }
    return documents


def _named(names: Sequence[str], values: Sequence[float]) -> dict[str, float | None]:
    """The figures by name, with null for NaN, which JSON does not have."""
    return {
        name: None if math.isnan(value) else float(value)
        for name, value in zip(names, values, strict=True)
    }
