import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from tests.ticket_assets.evaluation.simulated import sliced_rows
from ticket_assets.errors import DataError
from ticket_assets.evaluation.jackknife import jackknife
from ticket_assets.evaluation.slices import SLICE_COLUMNS, slice_errors


def rows_of(**columns: list[object]) -> pd.DataFrame:
    """Rows whose slice columns are constant unless given, all on one day."""
    table = pd.DataFrame(dict.fromkeys(SLICE_COLUMNS, "same") | {"reassignment_count": 0} | columns)
    return table.assign(day=table.get("day", pd.Timestamp("2016-03-01")))


def two_states() -> pd.DataFrame:
    """Incident `a` has a row in either state, `b` in the first and `c` in the second."""
    return rows_of(
        number=["a", "a", "b", "c"],
        error_s=[2.0, -4.0, 6.0, 2.0],
        incident_state=["New", "Active", "New", "Active"],
    )


def a_slice(table: pd.DataFrame, name: str, value: str) -> pd.Series:
    (index,) = table.index[(table["slice"] == name) & (table["value"] == value)]
    return table.loc[index]


def a_column(table: pd.DataFrame, name: str) -> dict[str, int]:
    sizes: dict[str, int] = table[table["slice"] == name].set_index("value")["num_obs"].to_dict()
    return sizes


def test_a_slice_is_compared_with_all_other_rows_by_incident() -> None:
    table = slice_errors(two_states(), fewest_incidents=2)
    new, active = (a_slice(table, "incident_state", state) for state in ("New", "Active"))
    assert new[["num_obs", "incidents", "share", "mae_s", "bias_s"]].tolist() == [2, 2, 0.5, 4, 4]
    assert active[["mae_s", "bias_s", "difference_s"]].tolist() == [3.0, -1.0, -1.0]
    assert new["difference_s"] == 1.0
    # Without a, b, c the difference is 4, -1, 0; the rows of a are left out on both sides at once.
    by_hand = jackknife(
        np.array([1.0]), 1 - np.array([4.0, -1.0, 0.0]), np.zeros(3, np.intp), np.array([2.0])
    )
    assert new["p_value"] == pytest.approx(by_hand.p_values()[0])
    assert new[["difference_low_s", "difference_high_s"]].tolist() == pytest.approx(
        [end[0] for end in by_hand.limits(0.95)]
    )
    assert new["low_s"] < 4.0 < new["high_s"]
    # The other slice is the better one; the four other columns have nothing to compare.
    assert active["p_value"] == 1.0
    assert table["p_value"].notna().sum() == 2
    assert new["adjusted_p_value"] == pytest.approx(min(2 * new["p_value"], 1.0))


def test_what_a_slice_and_the_rest_have_in_common_does_not_hide_their_difference() -> None:
    rng = np.random.default_rng(5)
    common = np.exp(rng.normal(8, 1.5, 80))
    rows = rows_of(
        number=[*range(80)] * 2,
        error_s=[*(common + 100 + rng.normal(0, 30, 80)), *common],
        incident_state=["New"] * 80 + ["Active"] * 80,
    )
    new = a_slice(slice_errors(rows), "incident_state", "New")
    assert new["difference_low_s"] > 80
    assert new["difference_high_s"] < 120
    apart = rows.assign(number=range(160))  # as if they had nothing in common
    assert a_slice(slice_errors(apart), "incident_state", "New")["p_value"] > 0.5


def test_the_trend_is_recent_errors_less_earlier_ones() -> None:
    days = pd.to_datetime(["2016-03-01", "2016-03-05", "2016-03-06"] * 2)
    rows = rows_of(number=[*"abcdef"], error_s=[1.0, 5.0, -6.0, 3.0, 6.0, 5.0], day=list(days))
    table = slice_errors(rows, recent_days=2, fewest_incidents=2)
    same = a_slice(table, "priority", "same")
    assert same["trend_s"] == 5.5 - 2.0
    assert same["trend_low_s"] < 3.5 < same["trend_high_s"]
    assert np.isnan(a_slice(slice_errors(rows, 3), "priority", "same")["trend_s"])


def test_a_planted_bad_slice_comes_first() -> None:
    rows = sliced_rows(1500, np.random.default_rng(6))
    bad = rows["assignment_group"] == "Group 3"
    rows["error_s"] *= np.where(bad, 1.8, 1.0)
    table = slice_errors(rows)
    assert table.loc[0, ["slice", "value"]].tolist() == ["assignment_group", "Group 3"]
    assert table.loc[0, "adjusted_p_value"] < 0.05
    errors = rows["error_s"].abs()
    expected = errors[bad].mean() - errors[~bad].mean()
    assert table.loc[0, "difference_s"] == pytest.approx(expected)


def test_slices_that_are_surely_worse_come_before_those_that_only_seem_so() -> None:
    rows = sliced_rows(1500, np.random.default_rng(6))
    rows["error_s"] *= np.where(rows["assignment_group"] == "Group 3", 1.8, 1.0)
    rare = rows.drop_duplicates("number").iloc[:30].assign(priority="1 - Critical", error_s=1e9)
    table = slice_errors(pd.concat([rows, rare], ignore_index=True))
    worse = (table["adjusted_p_value"] < 0.05) & (table["difference_s"] > 0)
    assert worse.tolist() == sorted(worse, reverse=True)
    for part in (table[worse], table[~worse]):
        assert part["difference_s"].is_monotonic_decreasing
    critical = a_slice(table, "priority", "1 - Critical")
    assert critical["difference_s"] == table["difference_s"].max()
    assert critical[["low_s", "p_value", "adjusted_p_value"]].isna().all()


def test_slices_without_a_difference_rarely_raise_an_alarm() -> None:
    logs = 50
    alarms, seeming = 0, 0
    for seed in range(logs):
        table = slice_errors(sliced_rows(250, np.random.default_rng(seed)), fewest_incidents=30)
        alarms += bool((table["adjusted_p_value"] < 0.05).any())
        seeming += bool((table["p_value"] < 0.05).any())
    # At most 5 in 100, and the binomial noise of so many logs.
    assert alarms <= binom.ppf(0.99, logs, 0.05)
    assert seeming > logs / 5  # so the adjustment matters


def test_small_values_count_together_and_a_missing_one_as_itself() -> None:
    groups = [name for n in range(12) for name in [f"Group {n:02}"] * (20 - n)] + [None] * 2
    rows = rows_of(
        number=[*range(len(groups))],
        error_s=[1.0] * len(groups),
        assignment_group=groups,
        reassignment_count=[0, 1, 2, 3, 4, None] + [9] * (len(groups) - 6),
    )
    table = slice_errors(rows, fewest_incidents=2)
    groups_of_rows = a_column(table, "assignment_group")
    eight = {f"Group {n:02}": 20 - n for n in range(8)}
    assert groups_of_rows == eight | {"other (4 values)": 42, "?": 2}
    rest = len(groups) - 4
    assert a_column(table, "reassignment_count") == {"0": 1, "1": 1, "2": 1, "3+": rest, "?": 1}


def test_the_order_of_rows_changes_nothing() -> None:
    rows = sliced_rows(300, np.random.default_rng(7))
    shuffled = rows.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(slice_errors(rows), slice_errors(shuffled), rtol=1e-9)


def test_no_rows_give_no_slices_in_the_same_columns() -> None:
    empty = slice_errors(two_states().iloc[:0])
    assert empty.empty
    assert empty.dtypes.to_dict() == slice_errors(two_states()).dtypes.to_dict()


@pytest.mark.parametrize("name", ["number", "error_s"])
def test_rows_without_error_or_incident_are_refused(name: str) -> None:
    rows = two_states()
    rows[name] = rows[name].where(rows.index > 0)
    with pytest.raises(DataError, match=f"1 of 4 rows without {name}"):
        slice_errors(rows)
