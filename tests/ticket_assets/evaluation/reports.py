"""Made-up evaluations, and the report of each."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from ticket_assets.evaluation.alert_limits import AlertLimits
from ticket_assets.evaluation.model_scores import score_models
from ticket_assets.evaluation.report import ROW_COLUMNS, Evaluated, report_of

CHAMPION = "priority-hours"
MODELS = (CHAMPION, "constant", "state-median", "gradient-boosting")
FACTORS = (1.5, 1.2, 1.3, 1.1)


def evaluated(days: int = 100, bad_days: int = 0, seed: int = 1) -> Evaluated:
    """Each day 12 incidents of two rows. Predictions are off by FACTORS; on the last `bad_days` the
    champion's are off by 4. Tickets of `Group 9` are four times as hard for it."""
    rng = np.random.default_rng(seed)
    incidents = days * 12
    of = np.repeat(np.arange(incidents), 2)
    day = pd.Series(pd.date_range("2016-03-01", periods=days, unit="s").to_numpy()[of // 12])
    rows = pd.DataFrame({"day": day, "log_row": np.arange(len(of))})
    rows["number"] = pd.Series([f"INC{n}" for n in of], dtype="str")
    rows["target_s"] = rng.lognormal(11, 0.4, incidents)[of]
    for name in ROW_COLUMNS:
        rows[name] = pd.Series(rng.choice(["one", "two"], incidents)[of], dtype="str")
    for name in ("reassignment_count", "sys_mod_count"):
        rows[name] = rng.integers(0, 3, incidents)[of]
    rows["incident_state"] = pd.Series(np.where(np.arange(len(of)) % 5 == 0, "Closed", "New"))
    rows["incident_state"] = rows["incident_state"].astype("str")
    rows["assignment_group"] = pd.Series(
        rng.choice(["Group 1", "Group 9"], incidents)[of], dtype="str"
    )
    noise = rng.normal(1, 0.05, (incidents, len(MODELS)))[of]
    for place, model in enumerate(MODELS):
        rows[model] = rows["target_s"] * (1 + (FACTORS[place] - 1) * noise[:, place])
    hard = rows["assignment_group"] == "Group 9"
    late = rows["day"] > rows["day"].max() - pd.Timedelta(days=bad_days)
    rows.loc[hard | late, CHAMPION] = rows["target_s"] * 3
    return Evaluated(rows, pd.DatetimeIndex(rows["day"].unique(), name="day"), MODELS, CHAMPION)


def report(of: Evaluated, limits: AlertLimits | None = None) -> dict[str, Any]:
    scores = score_models(of.rows, of.models, of.champion, of.days)
    return report_of(of, scores, limits or AlertLimits())


@cache
def usual() -> Evaluated:
    """An evaluation that several tests look at and none changes."""
    return evaluated()


@cache
def usual_report() -> dict[str, Any]:
    """Its report, for reading too."""
    return report(usual())
