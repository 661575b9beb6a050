import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.ticket_assets.evaluation.simulated import TRUE_ERRORS, skewed_samples
from ticket_assets.errors import DataError
from ticket_assets.evaluation.intervals import FEWEST_INCIDENTS, mean_intervals
from ticket_assets.evaluation.models import PriorityHours


def intervals_of(rows: pd.DataFrame, fewest_clusters: int = 2) -> pd.DataFrame:
    return mean_intervals(
        rows[["error"]], rows[["group"]], rows["number"], fewest_clusters=fewest_clusters
    )


def small() -> pd.DataFrame:
    """Group `a` has three incidents of 2, 1 and 1 rows, group `b` has one that is also in `a`."""
    return pd.DataFrame(
        {
            "group": ["b", "a", "a", "a", "a"],
            "number": ["x", "x", "x", "y", "z"],
            "error": [9.0, 1.0, 2.0, 4.0, 9.0],
        }
    )


def covered(table: pd.DataFrame, truth: dict[str, float]) -> dict[str, float]:
    expected = table["column"].map(truth)
    holds = (table["low"] <= expected) & (expected <= table["high"])
    shares: dict[str, float] = holds.groupby(table["column"]).mean().to_dict()
    return shares


@pytest.mark.parametrize(("clusters", "samples"), [(FEWEST_INCIDENTS, 1500), (400, 250)])
def test_an_interval_covers_the_true_error_of_skewed_clusters(clusters: int, samples: int) -> None:
    rows = skewed_samples(samples, clusters, np.random.default_rng(clusters))
    rows["difference"] = rows["first"] - rows["second"]
    truth = TRUE_ERRORS | {"difference": TRUE_ERRORS["first"] - TRUE_ERRORS["second"]}
    table = mean_intervals(rows[list(truth)], rows[["sample"]], rows["number"])
    shares = covered(table, truth)
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares


def test_an_interval_by_rows_covers_far_too_seldom() -> None:
    rows = skewed_samples(200, FEWEST_INCIDENTS, np.random.default_rng(0))
    by_row = pd.Series(range(len(rows)))
    table = mean_intervals(rows[["first", "second"]], rows[["sample"]], by_row)
    assert max(covered(table, TRUE_ERRORS).values()) < 0.80


@pytest.fixture(scope="module")
def large_days(uci_archive: Path) -> pd.DataFrame:
    """The rows of the days that closed a hundred incidents or more: `day`, `number`, `error`."""
    with zipfile.ZipFile(uci_archive).open("incident_event_log.csv") as file:
        log = pd.read_csv(file, usecols=["number", "priority", "sys_updated_at", "closed_at"])
    closed, updated = (
        pd.to_datetime(log[name], format="%d/%m/%Y %H:%M")
        for name in ("closed_at", "sys_updated_at")
    )
    hours = log["priority"].map(PriorityHours().by_priority())
    log["error"] = (hours * 3600 - (closed - updated).dt.total_seconds()).abs()
    log["day"] = log["closed_at"].str.partition(" ")[0]
    return log[log.groupby("day")["number"].transform("nunique") >= 100]


@pytest.mark.parametrize("clusters", [FEWEST_INCIDENTS, 300])
def test_an_interval_covers_the_error_of_a_day_of_the_real_log(
    clusters: int, large_days: pd.DataFrame
) -> None:
    rows = resampled(large_days, clusters, samples=10)
    truth = large_days.groupby("day")["error"].mean()
    groups = rows[["day", "sample"]]
    table = mean_intervals(rows[["error"]], groups, rows["drawing"])
    expected = table["day"].map(truth)
    assert 0.93 <= ((table["low"] <= expected) & (expected <= table["high"])).mean() <= 0.97
    by_row = mean_intervals(rows[["error"]], groups, pd.Series(range(len(rows))))
    assert ((by_row["low"] <= expected) & (expected <= by_row["high"])).mean() < 0.90


def resampled(log: pd.DataFrame, clusters: int, samples: int) -> pd.DataFrame:
    """Samples of that many incidents of each day; one drawn twice is two clusters."""
    rng = np.random.default_rng(clusters)
    drawn = pd.concat(
        pd.DataFrame({"number": rng.choice(numbers.unique(), samples * clusters)})
        for _, numbers in log.groupby("day")["number"]
    )
    drawn["drawing"] = np.arange(len(drawn))
    drawn["sample"] = drawn["drawing"] // clusters % samples
    return drawn.merge(log[["day", "number", "error"]], on="number")


def test_a_skewed_group_s_interval_reaches_further_towards_its_tail() -> None:
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(0, 1, 60))
    rows = pd.DataFrame({"group": "a", "number": range(60), "error": values})
    (row,) = intervals_of(rows).to_dict("records")
    assert row["high"] - row["mean"] > 1.3 * (row["mean"] - row["low"])
    (mirrored,) = intervals_of(rows.assign(error=-values)).to_dict("records")
    assert (mirrored["low"], mirrored["high"]) == pytest.approx((-row["high"], -row["low"]))


def test_a_group_s_interval_is_the_same_by_itself_and_in_any_order_of_rows() -> None:
    rng = np.random.default_rng(2)
    rows = skewed_samples(4, 60, rng).rename(columns={"sample": "group", "first": "error"})
    rows["number"] %= 97  # incidents that are in several groups
    together = intervals_of(rows)
    alone = [intervals_of(part) for _, part in rows.groupby("group")]
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True))
    shuffled = rows.iloc[rng.permutation(len(rows))]
    pd.testing.assert_frame_equal(together, intervals_of(shuffled), rtol=1e-9)


def test_a_day_with_too_few_incidents_has_a_mean_but_no_interval() -> None:
    table = intervals_of(small(), fewest_clusters=3).set_index("group")
    assert (
        table["low"].isna().to_dict() == table["high"].isna().to_dict() == {"a": False, "b": True}
    )
    assert table.loc["b", ["mean", "clusters"]].tolist() == [9.0, 1]
    assert intervals_of(small(), fewest_clusters=4)["low"].isna().all()


def test_many_rows_of_one_incident_narrow_nothing() -> None:
    rows = pd.DataFrame({"group": "a", "number": range(60), "error": np.arange(60.0)})
    tenfold = pd.concat([rows] * 10, ignore_index=True)
    once, often = intervals_of(rows), intervals_of(tenfold)
    pd.testing.assert_frame_equal(once[["low", "high"]], often[["low", "high"]])


def test_equal_errors_have_an_interval_without_width() -> None:
    rows = pd.DataFrame({"group": "a", "number": range(60), "error": 7.0})
    assert intervals_of(rows)[["mean", "low", "high"]].to_numpy().tolist() == [[7.0, 7.0, 7.0]]


def test_groups_and_columns_are_told_apart_and_nulls_left_out() -> None:
    rows = small().assign(other=[1.0, np.nan, 3.0, 5.0, np.nan])
    table = mean_intervals(rows[["other", "error"]], rows[["group"]], rows["number"])
    assert table[["group", "column", "num_obs", "clusters", "mean"]].to_numpy().tolist() == [
        ["a", "other", 2, 2, 4.0],
        ["a", "error", 4, 3, 4.0],
        ["b", "other", 1, 1, 1.0],
        ["b", "error", 1, 1, 9.0],
    ]


def test_no_rows_give_no_intervals_in_the_same_columns() -> None:
    empty = intervals_of(small().iloc[:0])
    assert empty.empty
    assert empty.dtypes.to_dict() == intervals_of(small()).dtypes.to_dict()


def test_rows_that_belong_to_no_incident_are_refused() -> None:
    rows = small()
    with pytest.raises(DataError, match="1 of 5 rows without a cluster"):
        intervals_of(rows.assign(number=rows["number"].where(rows["number"] != "z")))
    with pytest.raises(DataError, match="5 values, 4 groups"):
        mean_intervals(rows[["error"]], rows[["group"]].iloc[:4], rows["number"])
