"""Hooks around the code of steps: each call of a step counts once."""

from typing import Any

import dagster as dg
import pytest

from prefect_compat.engine.dagster_port.attempt import StepHooks


class Plain(dg.IOManager):
    def __init__(self) -> None:
        self.kept: dict[Any, object] = {}

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        self.kept[tuple(context.asset_key.path)] = obj

    def load_input(self, context: dg.InputContext) -> object:
        return self.kept[tuple(context.asset_key.path)]


class Inheriting(Plain):
    """Has the methods of its parent, which may be wrapped already."""


class Calling(Plain):
    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        super().handle_output(context, obj)


@pytest.mark.parametrize("second", [Inheriting, Calling])
def test_a_call_of_a_parent_s_method_counts_once(second: type[Plain]) -> None:
    @dg.asset(io_manager_key="first")
    def one() -> int:
        return 1

    @dg.asset(io_manager_key="second", deps=[one])
    def two() -> int:
        return 2

    calls: list[str] = []

    def count(context: dg.StepExecutionContext, call: Any) -> Any:
        calls.append(context.step.key)
        return call()

    with StepHooks(around_storage=count).installed():
        dg.materialize([one, two], resources={"first": Plain(), "second": second()})
    assert calls == ["one", "two"]


def test_a_call_that_is_no_step_s_is_left_alone() -> None:
    manager = Plain()

    calls: list[str] = []

    def count(context: dg.StepExecutionContext, call: Any) -> Any:
        calls.append(context.step.key)
        return call()

    @dg.asset(io_manager_key="store")
    def first() -> int:
        return 0

    @dg.asset(io_manager_key="store", deps=[first])
    def second() -> int:
        manager.handle_output(dg.build_output_context(asset_key="other"), 7)
        return 1

    with StepHooks(around_storage=count).installed():
        dg.materialize([first, second], resources={"store": manager})
    assert calls == ["first", "second"]
    assert manager.kept["other",] == 7
