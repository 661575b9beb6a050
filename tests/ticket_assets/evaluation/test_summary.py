from tests.ticket_assets.evaluation.tables import log
from ticket_assets.days import to_days
from ticket_assets.evaluation.models import PriorityHours, predict
from ticket_assets.evaluation.scores import score, target_seconds
from ticket_assets.evaluation.summary import Provenance, summarise


def provenance(day: str = "2016-05-10", source: str = "sample") -> Provenance:
    return Provenance(day, source, "ab" * 32, 1000, 498, PriorityHours(), {"pandas": "3"})


def test_a_day_gives_its_document() -> None:
    batch = log({"2016-05-10": 3})
    targets = target_seconds(batch)
    metrics = score(targets, predict(batch, PriorityHours()), to_days(["2016-05-10"]))
    document = summarise(targets, metrics, {"2016-05-10": provenance()})
    assert document["2016-05-10"]["data"] == {
        "num_obs": 3,
        "metrics": {
            "MAE": 119 * 3600.0,
            "MedAE": 119 * 3600.0,
            "MSE": (119 * 3600.0) ** 2,
            "R2": 0.0,
        },
        "target": {"mean": 3600.0, "median": 3600.0, "min": 3600.0, "max": 3600.0},
    }


def test_an_empty_day_gives_a_trial_with_no_observations() -> None:
    batch = log({"2016-05-10": 0})
    targets = target_seconds(batch)
    metrics = score(targets, predict(batch, PriorityHours()), to_days(["2016-05-10"]))
    (document,) = summarise(targets, metrics, {"2016-05-10": provenance()}).values()
    assert document["data"] == {
        "num_obs": 0,
        "metrics": dict.fromkeys(("MAE", "MedAE", "MSE", "R2")),
        "target": dict.fromkeys(("mean", "median", "min", "max")),
    }


def test_the_same_trial_has_the_same_id_wherever_the_log_lies() -> None:
    assert provenance().trial_id == provenance(source="uci").trial_id
    assert provenance().trial_id != provenance(day="2016-05-11").trial_id
