import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from tests.ticket_assets.evaluation.simulated import input_rows
from ticket_assets.errors import DataError
from ticket_assets.evaluation.input_drift import measure_input_drift

COLUMNS = ["hours", "reassignments", "priority", "category"]


def drifts(logs: int, shift: float, days: int) -> list[pd.DataFrame]:
    """Measures 28 days of each log, whose hours differ on the last 14."""
    rng = np.random.default_rng(int(10 * shift))
    return [
        measure_input_drift(input_rows(days, 14, shift, rng), COLUMNS, seed, permutations=199)
        for seed in range(logs)
    ]


def test_inputs_that_stay_the_same_rarely_raise_an_alarm() -> None:
    tables = drifts(80, 0.0, days=56)
    alarms = sum((table["adjusted_p_value"] <= 0.05).any() for table in tables)
    # At most 5 of 100 families of columns, and the binomial noise of so many.
    assert alarms <= binom.ppf(0.99, len(tables), 0.05)
    unadjusted = np.concatenate([table["p_value"] for table in tables])
    assert 0.02 < (unadjusted <= 0.05).mean() < 0.08


def test_a_shift_of_half_a_standard_deviation_is_found_within_14_days() -> None:
    tables = [table.set_index("column") for table in drifts(40, 0.5, days=180)]
    assert sum(table.loc["hours", "adjusted_p_value"] <= 0.05 for table in tables) >= 36
    assert sum((table["psi"].idxmax() == "hours") for table in tables) >= 20


def of_states(counts: dict[str, dict[str, int]]) -> pd.DataFrame:
    """One row per incident: by day, how many have each state."""
    rows = [
        (day, state)
        for day, states in counts.items()
        for state, number in states.items()
        for _ in range(number)
    ]
    table = pd.DataFrame(rows, columns=["day", "state"])
    return table.assign(day=pd.to_datetime(table["day"]), number=np.arange(len(table)))


def small() -> pd.DataFrame:
    days = {f"2016-03-{n:02}": {"New": 6, "Active": 2} for n in range(1, 7)}
    return of_states(days | {f"2016-03-{n:02}": {"New": 2, "Active": 6} for n in (7, 8)})


def test_the_figures_are_those_by_hand() -> None:
    (row,) = measure_input_drift(small(), ["state"], 1, recent_days=2).to_dict("records")
    assert (row["reference_incidents"], row["recent_incidents"]) == (48, 16)
    assert row["total_variation"] == pytest.approx(0.5)
    late, early = np.array([4.5, 12.5]) / 17, np.array([36.5, 12.5]) / 49
    assert row["psi"] == pytest.approx(((late - early) * np.log(late / early)).sum())
    pooled = np.array([40, 24]) / 64
    assert row["statistic"] == pytest.approx((0.5**2 / pooled).sum())
    assert not row["is_numeric"]
    assert np.isnan(row["wasserstein_sd"])
    # Of the 28 pairs of days one is as different.
    assert row["p_value"] == pytest.approx(1 / 28, abs=0.02)
    assert row["adjusted_p_value"] == row["p_value"]


def test_only_so_many_days_before_the_recent_ones_are_the_reference() -> None:
    rows = small()
    rows.loc[rows["day"] < "2016-03-04", "state"] = "Active"  # before the reference
    table = measure_input_drift(rows, ["state"], 1, recent_days=2, reference_days=3)
    assert table["reference_incidents"].tolist() == [24]
    assert table["total_variation"].tolist() == pytest.approx([0.5])


def test_an_incident_with_many_rows_a_day_counts_once() -> None:
    rows = small()
    longest = pd.concat([rows, *[rows.iloc[-1:]] * 50])
    columns = ["state"]
    pd.testing.assert_frame_equal(
        measure_input_drift(rows, columns, 1, 2), measure_input_drift(longest, columns, 1, 2)
    )
    halves = rows.iloc[[-1]].assign(state="New")  # it was in both states on that day
    (drift,) = measure_input_drift(pd.concat([rows, halves]), columns, 1, 2).to_dict("records")
    assert drift["recent_incidents"] == 16
    assert drift["total_variation"] == pytest.approx(6 / 8 - 4.5 / 16)


def test_incidents_of_one_day_are_no_evidence_by_themselves() -> None:
    days = {f"2016-03-{n:02}": {"New": 100} for n in range(1, 9)}
    odd = {"2016-03-03": {"Active": 100}, "2016-03-08": {"Active": 100}}
    table = measure_input_drift(of_states(days | odd), ["state"], 1, recent_days=2)
    assert table["total_variation"].item() > 0.3
    assert table["p_value"].item() > 0.2


def test_a_value_that_was_never_seen_before_is_drift_and_finite() -> None:
    rows = small()
    rows.loc[rows["day"] >= "2016-03-07", "state"] = "Awaiting Robot"
    (row,) = measure_input_drift(rows, ["state"], 1, recent_days=2).to_dict("records")
    assert row["total_variation"] == 1.0
    assert 3 < row["psi"] < 10


def test_values_that_are_rare_count_together() -> None:
    rows = small()
    rows["state"] = "Odd " + rows["number"].astype("str")  # each but once
    (row,) = measure_input_drift(rows, ["state"], 1, recent_days=2).to_dict("records")
    assert (row["psi"], row["total_variation"], row["p_value"]) == (0.0, 0.0, 1.0)


def test_numbers_are_compared_by_deciles_and_by_how_far_they_lie_apart() -> None:
    rng = np.random.default_rng(3)
    rows = small().assign(hours=lambda table: rng.normal(0, 2, len(table)))
    rows.loc[rows["day"] >= "2016-03-07", "hours"] += 100
    (row,) = measure_input_drift(rows, ["hours"], 1, recent_days=2).to_dict("records")
    early, late = (rows.loc[chosen, "hours"] for chosen in (rows.index < 48, rows.index >= 48))
    spread = early.std(ddof=0)
    assert row["is_numeric"]
    assert row["wasserstein_sd"] == pytest.approx((late.mean() - early.mean()) / spread)
    assert row["total_variation"] > 0.9
    # All recent hours are above all earlier ones, which 16 of 64 incidents cut at 9 deciles.
    assert row["statistic"] > 4


def test_numbers_that_move_far_are_more_drift_than_numbers_that_move_to_the_next_bin() -> None:
    rows = small().assign(near=lambda table: table["number"] % 8, far=lambda table: table["near"])
    late = rows["day"] >= "2016-03-07"
    rows["near"] = rows["near"].where(~late | (rows["near"] != 0), 1)
    rows["far"] = rows["far"].where(~late | (rows["far"] != 0), 7)
    table = measure_input_drift(rows, ["near", "far"], 1, recent_days=2).set_index("column")
    assert table.loc["near", "total_variation"] == table.loc["far", "total_variation"]
    assert table.loc["far", "statistic"] > 2 * table.loc["near", "statistic"]


def test_missing_is_a_value_of_numbers_and_texts() -> None:
    rows = small().assign(hours=1.0)
    late = rows["day"] >= "2016-03-07"
    rows["hours"] = rows["hours"].mask(late)
    rows["state"] = rows["state"].mask(late)
    table = measure_input_drift(rows, ["hours", "state"], 1, recent_days=2)
    assert table["total_variation"].tolist() == [1.0, 1.0]
    assert table["wasserstein_sd"].isna().all()


def test_neither_the_order_of_rows_nor_the_run_changes_the_figures() -> None:
    rows = input_rows(40, 14, 0.2, np.random.default_rng(4))
    shuffled = rows.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        measure_input_drift(rows, COLUMNS, 5), measure_input_drift(shuffled, COLUMNS, 5)
    )
    other = measure_input_drift(rows, COLUMNS, 6)
    assert (other["p_value"] - measure_input_drift(rows, COLUMNS, 5)["p_value"]).abs().max() < 0.1


@pytest.mark.parametrize("rows", [0, 64])
def test_without_days_before_there_is_nothing_to_compare(rows: int) -> None:
    table = measure_input_drift(small().iloc[:rows], ["state"], 1)
    assert table["recent_incidents"].tolist() == [rows]
    assert table[["psi", "statistic", "p_value", "adjusted_p_value"]].isna().all(axis=None)
    assert table.dtypes.to_dict() == measure_input_drift(small(), ["state"], 1, 2).dtypes.to_dict()


def test_rows_of_no_incident_and_columns_of_times_are_refused() -> None:
    with pytest.raises(DataError, match="1 of 64 rows without number"):
        measure_input_drift(small().assign(number=[None, *range(63)]), ["state"], 1)
    with pytest.raises(DataError, match="column day has times"):
        measure_input_drift(small(), ["day"], 1)
