import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    mean_absolute_error,
    mean_squared_error,
    median_absolute_error,
    r2_score,
)

from tests.ticket_assets.evaluation.tables import log
from ticket_assets.days import to_days
from ticket_assets.errors import DataError
from ticket_assets.evaluation.models import PriorityHours, predict
from ticket_assets.evaluation.scores import (
    errors_by_month,
    errors_by_priority,
    score,
    target_seconds,
)


def scored(actual: list[float], predicted: list[float]) -> pd.DataFrame:
    days = ["2016-05-10"] * len(actual)
    keys = pd.DataFrame({"day": pd.Series(to_days(days)), "log_row": range(len(actual))})
    return score(
        keys.assign(target_s=np.array(actual, "float64")),
        keys.assign(predicted_s=np.array(predicted, "float64")),
        to_days(["2016-05-10"]),
    )


def test_the_target_is_the_time_from_the_last_update_to_closing() -> None:
    targets = target_seconds(log({"2016-05-10": 2}))
    assert targets["target_s"].tolist() == [3600.0, 3600.0]
    assert list(targets.columns) == ["day", "log_row", "target_s"]


@given(
    st.lists(st.tuples(st.floats(0, 1e7), st.floats(0, 1e7)), min_size=2, max_size=40).filter(
        lambda pairs: np.ptp([actual for actual, _ in pairs]) > 1
    )
)
def test_it_agrees_with_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    actual, predicted = map(list, zip(*pairs, strict=True))
    (row,) = scored(actual, predicted).to_dict("records")
    assert row["mae_s"] == pytest.approx(mean_absolute_error(actual, predicted), rel=1e-9)
    assert row["medae_s"] == pytest.approx(median_absolute_error(actual, predicted), rel=1e-9)
    assert row["mse_s2"] == pytest.approx(mean_squared_error(actual, predicted), rel=1e-9)
    assert row["r2"] == pytest.approx(r2_score(actual, predicted), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("predicted", [[5.0, 5.0], [5.0, 6.0]])
def test_a_constant_target_is_scored_as_scikit_learn_does(predicted: list[float]) -> None:
    (row,) = scored([5.0, 5.0], predicted).to_dict("records")
    assert row["r2"] == r2_score([5.0, 5.0], predicted)


def test_one_row_has_errors_and_no_r2() -> None:
    (row,) = scored([5.0], [7.0]).to_dict("records")
    assert (row["num_obs"], row["mae_s"]) == (1, 2.0)
    assert math.isnan(row["r2"])


def test_a_day_without_rows_has_no_observations() -> None:
    (row,) = scored([], []).to_dict("records")
    assert row["num_obs"] == 0
    assert all(math.isnan(row[name]) for name in ("mae_s", "medae_s", "mse_s2", "r2"))


def test_tables_about_different_rows_are_refused() -> None:
    targets = target_seconds(log({"2016-05-10": 2}))
    predictions = predict(log({"2016-05-11": 2}), PriorityHours())
    with pytest.raises(DataError, match="not about the same tickets"):
        score(targets, predictions, to_days(["2016-05-10"]))


def test_a_day_is_scored_alike_alone_and_within_a_year() -> None:
    """To the last bit, or re-running a day would change its file."""
    rng = np.random.default_rng(5)
    days = [f"2016-05-{n:02}" for n in range(1, 31)]
    rows = log({day: int(rng.integers(0, 60)) for day in days})
    keys = rows[["day", "log_row"]]
    targets = keys.assign(target_s=rng.random(len(keys)) * 1e6)
    predictions = keys.assign(predicted_s=rng.random(len(keys)) * 1e6)
    together = score(targets, predictions, to_days(days))
    for position, day in enumerate(to_days(days)):
        mine = keys["day"] == day
        alone = score(
            targets[mine].reset_index(drop=True),
            predictions[mine].reset_index(drop=True),
            pd.DatetimeIndex([day]).as_unit("s"),
        )
        pd.testing.assert_frame_equal(
            alone, together.iloc[[position]].reset_index(drop=True), check_exact=True
        )


def test_errors_by_month_are_weighted_by_tickets() -> None:
    metrics = pd.DataFrame(
        {
            "day": to_days(["2016-05-10", "2016-05-11", "2016-06-01"]),
            "num_obs": [1, 3, 0],
            "mae_s": [10.0, 2.0, float("nan")],
        }
    )
    table = errors_by_month(metrics)
    assert table["month"].tolist() == ["2016-05", "2016-06"]
    assert table["mae_s"][0] == 4.0
    assert math.isnan(table["mae_s"][1])


def test_errors_by_priority_say_which_predictions_are_too_long() -> None:
    keys = log({"2016-05-10": 3})[["day", "log_row"]]
    priorities = pd.Series(["2 - High", "2 - High", None], dtype="str")
    targets = keys.assign(target_s=[100.0, 100.0, 100.0])
    predictions = keys.assign(priority=priorities, predicted_s=[130.0, 110.0, 40.0])
    table = errors_by_priority(targets, predictions)
    assert table["priority"].tolist() == ["2 - High", "?"]
    assert table["num_obs"].tolist() == [2, 1]
    assert table["mae_s"].tolist() == [20.0, 60.0]
    assert table["bias_s"].tolist() == [20.0, -60.0]
