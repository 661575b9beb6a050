import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    mean_squared_error,
    median_absolute_error,
    r2_score,
)

from ticket_assets.days import to_days
from ticket_assets.evaluation.model_scores import SCORE_COLUMNS, score_models

CHAMPION = "priority-hours"
MODELS = [CHAMPION, "constant", "state-median", "gradient-boosting"]
DAYS = to_days(["2016-05-09", "2016-05-10", "2016-05-11"])


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """70 incidents on the first day, 3 on the last, several rows each; none on the second."""
    rng = np.random.default_rng(7)
    numbers = np.concatenate([np.repeat(np.arange(70), 4), np.repeat([70, 71, 72], 5)])
    size = len(numbers)
    table = pd.DataFrame(
        {
            "day": np.where(numbers < 70, DAYS[0], DAYS[2]),
            "log_row": np.arange(size),
            "number": pd.Series([f"INC{number}" for number in numbers], dtype="str"),
            "incident_state": pd.Series(rng.choice(["Active", "Closed"], size, p=[0.8, 0.2])),
        }
    ).astype({"day": "datetime64[s]", "incident_state": "str"})
    effect = rng.lognormal(11, 1, 73)[numbers]
    table["target_s"] = np.where(table["incident_state"] == "Closed", 0.0, effect)
    for place, model in enumerate(MODELS):
        table[model] = table["target_s"] * (1 + rng.normal(0, 0.2 + 0.3 * place, size))
    table.loc[table["day"] == DAYS[2], "gradient-boosting"] = np.nan
    return table


@pytest.fixture(scope="module")
def scores(rows: pd.DataFrame) -> pd.DataFrame:
    return score_models(rows, MODELS, CHAMPION, DAYS)


def test_there_is_a_row_a_day_population_and_model(scores: pd.DataFrame) -> None:
    assert list(scores.columns) == [name for name, _, _ in SCORE_COLUMNS]
    assert len(scores) == len(DAYS) * 2 * len(MODELS)
    assert scores["day"].is_monotonic_increasing
    assert list(scores["model"][:4]) == MODELS
    assert list(scores.loc[scores["is_champion"], "model"].unique()) == [CHAMPION]


@pytest.mark.parametrize("population", ["all", "open"])
@pytest.mark.parametrize("model", MODELS)
def test_the_errors_are_scikit_learn_s(
    rows: pd.DataFrame, scores: pd.DataFrame, population: str, model: str
) -> None:
    day = rows[rows["day"] == DAYS[0]]
    if population == "open":
        day = day[day["incident_state"] != "Closed"]
    actual, predicted = day["target_s"], day[model]
    (row,) = scores.query("day == @DAYS[0] & population == @population & model == @model").to_dict(
        "records"
    )
    expected = {
        "num_obs": len(day),
        "incidents": day["number"].nunique(),
        "mae_s": mean_absolute_error(actual, predicted),
        "medae_s": median_absolute_error(actual, predicted),
        "rmse_s": mean_squared_error(actual, predicted) ** 0.5,
        "bias_s": (predicted - actual).mean(),
        "r2": r2_score(actual, predicted),
        "within_24h": ((predicted - actual).abs() <= 86400).mean(),
        "skill_constant": 1
        - mean_absolute_error(actual, predicted) / mean_absolute_error(actual, day["constant"]),
        "skill_state_median": 1
        - mean_absolute_error(actual, predicted) / mean_absolute_error(actual, day["state-median"]),
        "better_s": mean_absolute_error(actual, day[CHAMPION])
        - mean_absolute_error(actual, predicted),
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_interval_holds_the_error_and_is_wider_than_one_by_rows(
    rows: pd.DataFrame, scores: pd.DataFrame
) -> None:
    row = scores.iloc[0]
    error = (rows[CHAMPION] - rows["target_s"])[rows["day"] == DAYS[0]].abs()
    assert row["mae_low_s"] < row["mae_s"] < row["mae_high_s"]
    by_rows = 2 * 1.96 * error.std() / len(error) ** 0.5
    assert row["mae_high_s"] - row["mae_low_s"] > 1.3 * by_rows


def test_a_day_of_few_incidents_has_errors_and_no_interval(scores: pd.DataFrame) -> None:
    few = scores[(scores["day"] == DAYS[2]) & (scores["model"] == CHAMPION)]
    assert (few["incidents"] == 3).all()
    assert few["mae_s"].notna().all()
    assert few[["mae_low_s", "mae_high_s", "better_low_s", "bias_high_s"]].isna().all(axis=None)


def test_an_empty_day_has_no_observations_and_no_errors(scores: pd.DataFrame) -> None:
    empty = scores[scores["day"] == DAYS[1]]
    assert (empty["num_obs"] == 0).all()
    assert empty.drop(columns=["day", "population", "model", "is_champion", "num_obs", "incidents"]
                      ).isna().all(axis=None)  # fmt: skip


def test_a_model_without_predictions_has_no_errors_but_its_rows(scores: pd.DataFrame) -> None:
    row = scores[(scores["day"] == DAYS[2]) & (scores["model"] == "gradient-boosting")].iloc[0]
    assert row["num_obs"] == 15
    assert row[["mae_s", "rmse_s", "within_24h", "better_s", "skill_constant"]].isna().all()


def test_a_day_has_the_same_scores_alone_and_among_others(
    rows: pd.DataFrame, scores: pd.DataFrame
) -> None:
    alone = score_models(rows[rows["day"] == DAYS[0]].reset_index(drop=True), MODELS, CHAMPION,
                         DAYS[:1])  # fmt: skip
    within = scores[scores["day"] == DAYS[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, within, check_exact=True)


def test_a_baseline_without_error_leaves_the_skill_open(rows: pd.DataFrame) -> None:
    perfect = rows.assign(constant=rows["target_s"])
    table = score_models(perfect, MODELS, CHAMPION, DAYS)
    assert table["skill_constant"].isna().all()
    assert table["skill_state_median"].notna().any()


def test_no_rows_at_all_give_empty_days(rows: pd.DataFrame) -> None:
    table = score_models(rows[:0], MODELS, CHAMPION, DAYS)
    assert len(table) == 24
    assert (table["num_obs"] == 0).all()
