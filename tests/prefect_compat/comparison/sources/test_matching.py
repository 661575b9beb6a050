"""Which task of a candidate stands for which step."""

import pytest

from prefect_compat.comparison.sources.matching import (
    Matching,
    StepFacts,
    match_tasks,
    parse_matches,
)
from prefect_compat.errors import ComparisonError

STEPS = (
    StepFacts("orders", ("orders",)),
    StepFacts("shop__stock", ("shop", "stock")),
    StepFacts("orders_are_many"),
)


def test_equal_names_match_in_any_spelling() -> None:
    found = match_tasks(["Orders", "stock", "orders-are many", "notify"], STEPS, {})
    assert found == Matching(
        {
            "Orders": "orders",
            "stock": "shop__stock",
            "orders-are many": "orders_are_many",
            "notify": "notify",
        },
        (),
        ("notify",),
    )


def test_what_is_declared_comes_first() -> None:
    declared = {"load_stock": "shop/stock", "orders": "orders_are_many", "fetch": "orders"}
    found = match_tasks(["load-stock", "orders", "fetch"], STEPS, declared)
    assert found.steps == {
        "load-stock": "shop__stock",
        "orders": "orders_are_many",
        "fetch": "orders",
    }


def test_tasks_and_steps_that_stand_for_none() -> None:
    declared = parse_matches(["notify=", "=orders_are_many"])
    found = match_tasks(["orders", "notify"], STEPS, declared)
    assert found == Matching({"orders": "orders"}, ("step orders_are_many", "task notify"), ())


def test_a_step_that_does_not_exist() -> None:
    with pytest.raises(ComparisonError, match=r"'stok' is matched .* there are orders, orders_are"):
        match_tasks([], STEPS, {"a": "stok"})


def test_two_tasks_of_one_step() -> None:
    with pytest.raises(ComparisonError, match="The tasks orders and ORDERS both stand for"):
        match_tasks(["orders", "ORDERS"], STEPS, {})


@pytest.mark.parametrize("text", ["orders", "=", " = "])
def test_a_match_that_is_not_understood(text: str) -> None:
    with pytest.raises(ComparisonError, match="is not understood; expected TASK=STEP"):
        parse_matches([text])
