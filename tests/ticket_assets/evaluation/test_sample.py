import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ticket_assets.evaluation.tables import log
from ticket_assets.errors import DataError
from ticket_assets.evaluation.sample import draw_sample


def test_small_days_are_taken_whole_and_large_ones_sampled() -> None:
    batch = draw_sample(log({"2016-05-10": 3, "2016-05-11": 50}), 10, seed=1)
    assert batch.groupby("day").size().tolist() == [3, 10]
    assert not batch["log_row"].duplicated().any()


def test_the_log_s_order_is_kept() -> None:
    batch = draw_sample(log({"2016-05-10": 500}), 50, seed=1)
    assert batch["log_row"].is_monotonic_increasing


def test_these_rows_on_every_machine() -> None:
    batch = draw_sample(log({"2016-05-10": 1000}), 8, seed=498)
    assert batch["log_row"].tolist() == [101, 206, 371, 435, 587, 622, 842, 856]


def test_another_seed_or_day_draws_other_rows() -> None:
    def drawn(day: str, seed: int) -> set[int]:
        return set(draw_sample(log({day: 1000}), 100, seed)["log_row"])

    assert len(drawn("2016-05-10", 1) & drawn("2016-05-10", 2)) < 30
    assert len(drawn("2016-05-10", 1) & drawn("2016-05-11", 1)) < 30


def test_every_row_is_as_likely_as_another() -> None:
    """Over 400 seeds each of 50 rows is drawn about 80 times (chi-square, p = 0.001)."""
    rows = log({"2016-05-10": 50})
    drawn = pd.concat(draw_sample(rows, 10, seed)["log_row"] for seed in range(400))
    counts = drawn.value_counts().reindex(rows["log_row"], fill_value=0)
    assert ((counts - 80) ** 2 / 80).sum() < 85.4


@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.integers(1, 40), st.integers(0))
@settings(max_examples=50)
def test_a_day_stands_alone(sizes: list[int], batch_size: int, seed: int) -> None:
    """The rows of a day do not depend on the other days of the run."""
    seed %= 2**63
    rows = log({f"2016-05-{n + 1:02}": size for n, size in enumerate(sizes)})
    together = draw_sample(rows, batch_size, seed)
    alone = [draw_sample(day, batch_size, seed) for _, day in rows.groupby("day", sort=True)]
    expected = pd.concat(alone, ignore_index=True) if alone else rows
    pd.testing.assert_frame_equal(together, expected)


def test_a_larger_batch_contains_the_smaller() -> None:
    rows = log({"2016-05-10": 300})
    small, large = (set(draw_sample(rows, n, 7)["log_row"]) for n in (20, 100))
    assert small < large


@pytest.mark.parametrize("batch_size", [0, -5])
def test_a_batch_of_none_is_refused(batch_size: int) -> None:
    with pytest.raises(DataError, match=f"batch_size is {batch_size}; expected 1 or more"):
        draw_sample(log({"2016-05-10": 3}), batch_size, seed=1)
