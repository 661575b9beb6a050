import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    mean_absolute_error,
    mean_squared_error,
    median_absolute_error,
    r2_score,
)

from ticket_assets.days import to_days
from ticket_assets.errors import DataError
from ticket_assets.evaluation.drift import measure_drift
from ticket_assets.evaluation.models import PriorityHours, predict
from ticket_assets.evaluation.sample import draw_sample
from ticket_assets.evaluation.scores import errors_by_month, score, target_seconds
from ticket_assets.evaluation.summary import Provenance, summarise


def log(rows_by_day: dict[str, int], priority: str = "3 - Moderate") -> pd.DataFrame:
    """That many rows a day, each closed an hour after its last update."""
    days = [day for day, rows in rows_by_day.items() for _ in range(rows)]
    closed = pd.Series(to_days(days)) + pd.Timedelta(hours=12)
    return pd.DataFrame(
        {
            "day": pd.Series(to_days(days)),
            "log_row": np.arange(1, len(days) + 1),
            "priority": pd.Series([priority] * len(days), dtype="str"),
            "sys_updated_at": (closed - pd.Timedelta(hours=1)).astype("datetime64[s]"),
            "closed_at": closed.astype("datetime64[s]"),
        }
    )


def scored(actual: list[float], predicted: list[float]) -> pd.DataFrame:
    days = ["2016-05-10"] * len(actual)
    keys = pd.DataFrame({"day": pd.Series(to_days(days)), "log_row": range(len(actual))})
    return score(
        keys.assign(target_s=np.array(actual, "float64")),
        keys.assign(predicted_s=np.array(predicted, "float64")),
        to_days(["2016-05-10"]),
    )


class TestSample:
    def test_small_days_are_taken_whole_and_large_ones_sampled(self) -> None:
        batch = draw_sample(log({"2016-05-10": 3, "2016-05-11": 50}), 10, seed=1)
        assert batch.groupby("day").size().tolist() == [3, 10]
        assert not batch["log_row"].duplicated().any()

    def test_the_log_s_order_is_kept(self) -> None:
        batch = draw_sample(log({"2016-05-10": 500}), 50, seed=1)
        assert batch["log_row"].is_monotonic_increasing

    def test_these_rows_on_every_machine(self) -> None:
        batch = draw_sample(log({"2016-05-10": 1000}), 8, seed=498)
        assert batch["log_row"].tolist() == [101, 206, 371, 435, 587, 622, 842, 856]

    def test_another_seed_or_day_draws_other_rows(self) -> None:
        def drawn(day: str, seed: int) -> set[int]:
            return set(draw_sample(log({day: 1000}), 100, seed)["log_row"])

        assert len(drawn("2016-05-10", 1) & drawn("2016-05-10", 2)) < 30
        assert len(drawn("2016-05-10", 1) & drawn("2016-05-11", 1)) < 30

    def test_every_row_is_as_likely_as_another(self) -> None:
        """Over 400 seeds each of 50 rows is drawn about 80 times (chi-square, p = 0.001)."""
        rows = log({"2016-05-10": 50})
        drawn = pd.concat(draw_sample(rows, 10, seed)["log_row"] for seed in range(400))
        counts = drawn.value_counts().reindex(rows["log_row"], fill_value=0)
        assert ((counts - 80) ** 2 / 80).sum() < 85.4

    @given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.integers(1, 40), st.integers(0))
    @settings(max_examples=50)
    def test_a_day_stands_alone(self, sizes: list[int], batch_size: int, seed: int) -> None:
        """The rows of a day do not depend on the other days of the run."""
        seed %= 2**63
        rows = log({f"2016-05-{n + 1:02}": size for n, size in enumerate(sizes)})
        together = draw_sample(rows, batch_size, seed)
        alone = [draw_sample(day, batch_size, seed) for _, day in rows.groupby("day", sort=True)]
        expected = pd.concat(alone, ignore_index=True) if alone else rows
        pd.testing.assert_frame_equal(together, expected)

    def test_a_larger_batch_contains_the_smaller(self) -> None:
        rows = log({"2016-05-10": 300})
        small, large = (set(draw_sample(rows, n, 7)["log_row"]) for n in (20, 100))
        assert small < large

    @pytest.mark.parametrize("batch_size", [0, -5])
    def test_a_batch_of_none_is_refused(self, batch_size: int) -> None:
        with pytest.raises(DataError, match=f"batch_size is {batch_size}; expected 1 or more"):
            draw_sample(log({"2016-05-10": 3}), batch_size, seed=1)


def test_the_target_is_the_time_from_the_last_update_to_closing() -> None:
    targets = target_seconds(log({"2016-05-10": 2}))
    assert targets["target_s"].tolist() == [3600.0, 3600.0]
    assert list(targets.columns) == ["day", "log_row", "target_s"]


@pytest.mark.parametrize(
    ("priority", "hours"),
    [("1 - Critical", 6), ("2 - High", 24), ("3 - Moderate", 120), ("4 - Low", 240),
     ("4 - Lower", 180), ("", 180)],
)  # fmt: skip
def test_the_prediction_is_by_the_log_s_own_priorities(priority: str, hours: int) -> None:
    predictions = predict(log({"2016-05-10": 1}, priority), PriorityHours())
    assert predictions["predicted_s"].tolist() == [hours * 3600.0]


def test_a_missing_priority_gets_the_default() -> None:
    batch = log({"2016-05-10": 1}).assign(priority=pd.Series([None], dtype="str"))
    predictions = predict(batch, PriorityHours(other=2))
    assert predictions["predicted_s"].tolist() == [7200.0]


class TestScore:
    @given(
        st.lists(st.tuples(st.floats(0, 1e7), st.floats(0, 1e7)), min_size=2, max_size=40).filter(
            lambda pairs: np.ptp([actual for actual, _ in pairs]) > 1
        )
    )
    def test_it_agrees_with_scikit_learn(self, pairs: list[tuple[float, float]]) -> None:
        actual, predicted = map(list, zip(*pairs, strict=True))
        (row,) = scored(actual, predicted).to_dict("records")
        assert row["mae_s"] == pytest.approx(mean_absolute_error(actual, predicted), rel=1e-9)
        assert row["medae_s"] == pytest.approx(median_absolute_error(actual, predicted), rel=1e-9)
        assert row["mse_s2"] == pytest.approx(mean_squared_error(actual, predicted), rel=1e-9)
        assert row["r2"] == pytest.approx(r2_score(actual, predicted), rel=1e-9, abs=1e-9)

    @pytest.mark.parametrize("predicted", [[5.0, 5.0], [5.0, 6.0]])
    def test_a_constant_target_is_scored_as_scikit_learn_does(self, predicted: list[float]) -> None:
        (row,) = scored([5.0, 5.0], predicted).to_dict("records")
        assert row["r2"] == r2_score([5.0, 5.0], predicted)

    def test_one_row_has_errors_and_no_r2(self) -> None:
        (row,) = scored([5.0], [7.0]).to_dict("records")
        assert (row["num_obs"], row["mae_s"]) == (1, 2.0)
        assert math.isnan(row["r2"])

    def test_a_day_without_rows_has_no_observations(self) -> None:
        (row,) = scored([], []).to_dict("records")
        assert row["num_obs"] == 0
        assert all(math.isnan(row[name]) for name in ("mae_s", "medae_s", "mse_s2", "r2"))

    def test_tables_about_different_rows_are_refused(self) -> None:
        targets = target_seconds(log({"2016-05-10": 2}))
        predictions = predict(log({"2016-05-11": 2}), PriorityHours())
        with pytest.raises(DataError, match="not about the same tickets"):
            score(targets, predictions, to_days(["2016-05-10"]))

    def test_a_day_is_scored_alike_alone_and_within_a_year(self) -> None:
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


def provenance(day: str = "2016-05-10", source: str = "sample") -> Provenance:
    return Provenance(day, source, "ab" * 32, 1000, 498, PriorityHours(), {"pandas": "3"})


class TestSummary:
    def test_a_day_gives_its_document(self) -> None:
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

    def test_an_empty_day_gives_a_trial_with_no_observations(self) -> None:
        batch = log({"2016-05-10": 0})
        targets = target_seconds(batch)
        metrics = score(targets, predict(batch, PriorityHours()), to_days(["2016-05-10"]))
        (document,) = summarise(targets, metrics, {"2016-05-10": provenance()}).values()
        assert document["data"] == {
            "num_obs": 0,
            "metrics": dict.fromkeys(("MAE", "MedAE", "MSE", "R2")),
            "target": dict.fromkeys(("mean", "median", "min", "max")),
        }

    def test_the_same_trial_has_the_same_id_wherever_the_log_lies(self) -> None:
        assert provenance().trial_id == provenance(source="uci").trial_id
        assert provenance().trial_id != provenance(day="2016-05-11").trial_id


def test_drift_compares_the_latest_days_with_those_before() -> None:
    metrics = pd.DataFrame(
        {"day": to_days([f"2016-05-{n:02}" for n in range(1, 11)]), "mae_s": [1.0] * 7 + [3.0] * 3}
    )
    found = measure_drift(metrics, recent_days=3)
    assert (found.recent_mae_s, found.earlier_mae_s, found.ratio) == (3.0, 1.0, 3.0)
    assert measure_drift(metrics, recent_days=28).ratio is None


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
