import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.ticket_assets.evaluation.histories import STATES, history
from ticket_assets.days import to_days
from ticket_assets.errors import ModelError
from ticket_assets.evaluation.features import FEATURES, REFUSED
from ticket_assets.evaluation.models import TRAINED
from ticket_assets.evaluation.scores import target_seconds
from ticket_assets.evaluation.training import (
    HISTORY_COLUMNS,
    column_of,
    predict_trained,
    seconds_of,
    train,
)
from ticket_assets.event_log import open_log
from ticket_assets.training_rows import read_training_rows

DAY = "2016-05-11"  # a Wednesday
MONDAY = "2016-05-09"
LONG_AGO = "2016-03-01"


@pytest.fixture(scope="module")
def past() -> pd.DataFrame:
    return history(LONG_AGO, 90)


def trained(past: pd.DataFrame, *days: str) -> dict[str, dict[str, Any]]:
    return train(past, to_days(days or [DAY]))


def test_a_day_is_trained_on_the_28_days_before_it_and_its_trees_on_those_before_its_monday(
    past: pd.DataFrame,
) -> None:
    document = trained(past)[DAY]
    medians = document["medians"]["trained_on"]
    trees = document["gradient_boosting"]["trained_on"]
    assert (medians["first_day"], medians["last_day"]) == ("2016-04-13", "2016-05-10")
    assert (trees["first_day"], trees["last_day"]) == ("2016-04-11", "2016-05-08")
    assert medians["rows"] == medians["incidents"] == 28 * 20


@pytest.mark.parametrize("changed_from", [DAY, "2016-05-20"])
def test_no_row_of_the_day_or_later_changes_a_model(past: pd.DataFrame, changed_from: str) -> None:
    later = past["day"] >= changed_from
    changed = past.copy()
    changed.loc[later, "sys_updated_at"] -= pd.Timedelta(days=9)
    assert trained(changed) == trained(past)


def test_a_row_of_the_day_before_changes_the_medians_and_one_before_monday_the_trees(
    past: pd.DataFrame,
) -> None:
    before = trained(past)[DAY]
    for day, part in (("2016-05-10", "medians"), ("2016-05-08", "gradient_boosting")):
        changed = past.copy()
        changed.loc[changed["day"] == day, "sys_updated_at"] -= pd.Timedelta(days=9)
        assert trained(changed)[DAY][part] != before[part]


def test_a_day_gives_the_same_document_alone_and_within_a_range(past: pd.DataFrame) -> None:
    alone = json.dumps(trained(past, DAY)[DAY])
    assert alone == json.dumps(trained(past, MONDAY, "2016-05-10", DAY, "2016-05-12")[DAY])


def test_the_medians_are_those_of_pandas(past: pd.DataFrame) -> None:
    rows = past[(past["day"] >= "2016-04-13") & (past["day"] < DAY)]
    target_s = target_seconds(rows)["target_s"]
    medians = trained(past)[DAY]["medians"]
    assert medians["constant_s"] == target_s.median()
    assert medians["state_median_s"] == target_s.groupby(rows["incident_state"]).median().to_dict()
    assert set(medians["state_median_s"]) == set(STATES)


def test_the_trees_learn_what_the_medians_cannot(past: pd.DataFrame) -> None:
    day = past[past["day"] == DAY]
    table = predict_trained(day, trained(past))
    actual = target_seconds(day)["target_s"]
    error = {name: (table[column_of(name)] - actual).abs().mean() for name in TRAINED}
    assert error["gradient-boosting"] < 0.5 * error["state-median"] < 0.5 * error["constant"]


def test_days_of_other_weeks_have_other_trees(past: pd.DataFrame) -> None:
    documents = trained(past, MONDAY, "2016-05-15", "2016-05-16")
    first, same, other = (each["gradient_boosting"] for each in documents.values())
    assert first == same != other


def test_each_day_is_predicted_by_its_own_models(past: pd.DataFrame) -> None:
    days = ("2016-05-15", "2016-05-16")
    both = predict_trained(past[past["day"].isin(to_days(days))], trained(past, *days))
    alone = [predict_trained(past[past["day"] == day], trained(past, day)) for day in days]
    pd.testing.assert_frame_equal(both, pd.concat(alone))


def test_a_state_that_was_never_seen_gets_the_constant(past: pd.DataFrame) -> None:
    batch = past[past["day"] == DAY].assign(incident_state="Awaiting Vendor")
    table = predict_trained(batch, trained(past))
    assert (table["state_median_s"] == table["constant_s"]).all()


class TestTooLittlePast:
    def test_fewer_than_30_incidents_train_nothing(self, past: pd.DataFrame) -> None:
        table = predict_trained(past[past["day"] == LONG_AGO], trained(past, LONG_AGO))
        assert table[[column_of(name) for name in TRAINED]].isna().all(axis=None)

    def test_30_incidents_train_the_medians(self) -> None:
        few = history("2016-05-09", 2, rows_per_day=15)
        assert trained(few)[DAY]["medians"]["constant_s"] is not None
        assert trained(few[1:])[DAY]["medians"]["constant_s"] is None

    def test_it_is_said_with_the_day(self, past: pd.DataFrame) -> None:
        table = predict_trained(past[past["day"] == LONG_AGO], trained(past, LONG_AGO))
        with pytest.raises(
            ModelError, match=r"nothing to train it on for 1 days \(first: 2016-03-01"
        ):
            seconds_of(table, "constant")

    def test_a_day_without_rows_is_no_fault(self, past: pd.DataFrame) -> None:
        assert len(seconds_of(predict_trained(past[:0], {}), "gradient-boosting")) == 0


def test_no_trained_model_reads_a_refused_feature() -> None:
    allowed = {*FEATURES, "number", "closed_at"}  # the unit of a training range, and its target
    assert set(HISTORY_COLUMNS) <= allowed
    assert REFUSED.keys() >= {"closed_at", "resolved_at", "closed_code", "resolved_by"}


def test_the_past_is_read_in_parts_as_at_once(
    uci_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(str(uci_archive), cache=tmp_path)
    days = to_days(["2016-06-01", "2016-06-02"])
    at_once = read_training_rows(log, days)
    monkeypatch.setattr("ticket_assets.training_rows.ROWS_AT_A_TIME", 3000)
    pd.testing.assert_frame_equal(read_training_rows(log, days), at_once)
    assert str(at_once["day"].min().date()) == "2016-04-28"
    assert str(at_once["day"].max().date()) == "2016-06-01"
    assert at_once.groupby("day").size().max() == 1000


def test_on_the_real_log_the_trees_beat_the_median_per_state_and_that_the_constant(
    uci_archive: Path, tmp_path: Path
) -> None:
    log = open_log(str(uci_archive), cache=tmp_path)
    days = pd.date_range("2016-04-04", "2016-05-08", unit="s", name="day")
    rows = read_training_rows(log, days.union([days[-1] + pd.Timedelta(days=1)]))
    scored = rows[rows["day"] >= days[0]].reset_index(drop=True)
    table = predict_trained(scored, train(rows, days))
    actual = target_seconds(scored)["target_s"]
    mae_h = {name: (table[column_of(name)] - actual).abs().mean() / 3600 for name in TRAINED}
    assert mae_h["gradient-boosting"] + 3 < mae_h["state-median"] < mae_h["constant"] - 20
