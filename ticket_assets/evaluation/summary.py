"""The trial summary: one JSON document a day, with its provenance."""

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from ticket_assets.evaluation.models import PriorityHours, identity_of
from ticket_assets.evaluation.populations import ALL

FIGURES = {
    "mae_s": "MAE",
    "mae_low_s": "MAE_low",
    "mae_high_s": "MAE_high",
    "bias_s": "bias",
    "within_24h": "within_24h",
    "skill_constant": "skill_constant",
    "skill_state_median": "skill_state_median",
}
"""The document's name of each figure of a model."""

TRIAL_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:ticket-assets:trial")


@dataclass(frozen=True)
class Provenance:
    """The inputs of one day's trial; equal provenance means equal content.

    `hours` are those of the model `priority-hours`, None for another model.

    `log_source` is for information: the origin of the log changes neither content nor id.
    """

    day: str
    log_source: str
    log_sha256: str
    batch_size: int
    seed: int
    hours: PriorityHours | None
    versions: Mapping[str, str]
    model: Mapping[str, str] = field(default_factory=lambda: identity_of(PriorityHours()))
    population: str = ALL

    @classmethod
    def of(cls, day: str, origin: Mapping[str, Any], versions: Mapping[str, str]) -> "Provenance":
        """The provenance that a day's table carries, with the versions of the packages."""
        facts = {**origin, "day": day, "model": model_of(origin), "versions": versions}
        facts["hours"] = PriorityHours(**origin["hours"]) if "hours" in origin else None
        return cls(**facts)

    @property
    def trial_id(self) -> str:
        """A uuid5 of everything but `log_source`: the same trial has the same id everywhere."""
        # A change of their order or form would give every trial a new id.
        hours = asdict(self.hours) if self.hours else {}
        facts = [
            self.day, self.log_sha256, self.batch_size, self.seed,
            *hours.items(), *sorted(self.versions.items()),
        ]  # fmt: skip
        if not self.hours:
            facts += sorted(self.model.items())
        if self.population != ALL:
            facts.append(self.population)
        return str(uuid.uuid5(TRIAL_NAMESPACE, repr(facts)))


def model_of(origin: Mapping[str, Any]) -> Mapping[str, str]:
    """Name and version of the model in a day's provenance."""
    # Predictions of `priority-hours` carry its hours instead.
    model: Mapping[str, str] = origin.get("model") or identity_of(PriorityHours())
    return model


def summarise(
    targets: pd.DataFrame,
    metrics: pd.DataFrame,
    model_scores: pd.DataFrame,
    provenance: Mapping[str, Provenance],
) -> dict[str, dict[str, Any]]:
    """The trial document of each day of `metrics`, by partition key. Errors in seconds.

    `model_scores` are those of `score_models` for the same days; in the document they stand by
    population and model.
    """
    by_day = _scores_by_day(model_scores)
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
                "population": origin.population,
                "scores": by_day[row.day],
            },
            "provenance": asdict(origin),
        }
    return documents


def _scores_by_day(model_scores: pd.DataFrame) -> dict[pd.Timestamp, dict[str, Any]]:
    """Each day's scores by population and model, under the document's names."""
    days: dict[pd.Timestamp, dict[str, Any]] = {}
    for row in model_scores.to_dict("records"):
        figures = _named(list(FIGURES.values()), [row[column] for column in FIGURES])
        population = days.setdefault(row["day"], {}).setdefault(
            row["population"],
            {"num_obs": row["num_obs"], "incidents": row["incidents"], "models": {}},
        )
        population["models"][row["model"]] = figures
    return days


def _named(names: Sequence[str], values: Sequence[float]) -> dict[str, float | None]:
    """The figures by name, with null for NaN, which JSON does not have."""
    return {
        name: None if math.isnan(value) else float(value)
        for name, value in zip(names, values, strict=True)
    }
