import pandas as pd

from tests.ticket_assets.evaluation.tables import log, scored_rows
from ticket_assets.days import to_days
from ticket_assets.evaluation.model_scores import score_models
from ticket_assets.evaluation.models import PriorityHours, predict
from ticket_assets.evaluation.scores import score, target_seconds
from ticket_assets.evaluation.summary import Provenance, summarise

DAY = "2016-05-10"
HOUR = 3600.0


def origin(source: str = "sample", **changed: object) -> dict[str, object]:
    facts = {"log_source": source, "log_sha256": "ab" * 32, "batch_size": 1000, "seed": 498}
    hours = {"critical": 6.0, "high": 24.0, "moderate": 120.0, "low": 240.0, "other": 180.0}
    return {**facts, "hours": hours, **changed}


def provenance(day: str = DAY, source: str = "sample", **changed: object) -> Provenance:
    return Provenance.of(day, origin(source, **changed), {"pandas": "3"})


def summary_of(batch: pd.DataFrame) -> dict[str, object]:
    targets = target_seconds(batch)
    days = to_days([DAY])
    predictions = predict(batch, PriorityHours())
    models = ["priority-hours", "constant", "state-median", "gradient-boosting"]
    rows = scored_rows(batch, **{models[0]: 120.0, "constant": 3.0, "state-median": 1.5})
    scores = score_models(rows.assign(**{models[3]: 3600.0}), models, models[0], days)
    document = summarise(targets, score(targets, predictions, days), scores, {DAY: provenance()})
    data: dict[str, object] = document[DAY]["data"]
    return data


def test_a_day_gives_its_document() -> None:
    data = summary_of(log({DAY: 3}))
    scores = data.pop("scores")
    assert data == {
        "num_obs": 3,
        "metrics": {
            "MAE": 119 * HOUR,
            "MedAE": 119 * HOUR,
            "MSE": (119 * HOUR) ** 2,
            "R2": 0.0,
        },
        "target": {"mean": HOUR, "median": HOUR, "min": HOUR, "max": HOUR},
        "population": "all",
    }
    assert list(scores) == ["all", "open"]
    assert scores["open"]["num_obs"] == 3
    assert scores["open"]["models"]["constant"] == {
        "MAE": 2 * HOUR,
        "MAE_low": None,  # three incidents are too few
        "MAE_high": None,
        "bias": 2 * HOUR,
        "within_24h": 1.0,
        "skill_constant": 0.0,
        "skill_state_median": -3.0,
    }


def test_an_empty_day_gives_a_trial_with_no_observations() -> None:
    data = summary_of(log({DAY: 0}))
    scores = data.pop("scores")
    assert data == {
        "num_obs": 0,
        "metrics": dict.fromkeys(("MAE", "MedAE", "MSE", "R2")),
        "target": dict.fromkeys(("mean", "median", "min", "max")),
        "population": "all",
    }
    assert scores["all"]["num_obs"] == scores["all"]["incidents"] == 0
    assert set(scores["all"]["models"]["priority-hours"].values()) == {None}


def test_the_same_trial_has_the_same_id_wherever_the_log_lies() -> None:
    assert provenance().trial_id == provenance(source="uci").trial_id
    assert provenance().trial_id != provenance(day="2016-05-11").trial_id


def test_a_trial_s_id_is_the_one_that_it_had_before_there_were_other_models() -> None:
    assert provenance().trial_id == "a0daa409-3f67-57d6-9dd6-cabefd9f25c2"


def test_another_model_version_or_population_is_another_trial() -> None:
    ids = {
        provenance().trial_id,
        provenance(population="open").trial_id,
        *(
            Provenance.of(
                DAY,
                {k: v for k, v in origin(model=model).items() if k != "hours"},
                {"pandas": "3"},
            ).trial_id
            for model in ({"name": "m:f", "version": "1"}, {"name": "m:f", "version": "2"})
        ),
    }
    assert len(ids) == 4
