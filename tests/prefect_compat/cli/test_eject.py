"""`eject` says beforehand what it carries over, and refuses with one error."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prefect_compat.cli.eject import eject, options_of_source
from tests.prefect_compat.cli.conftest import Enter

SHOP = """
    import dagster as dg

    @dg.asset
    def orders() -> list[int]:
        return [1, 2]

    @dg.asset
    def total(orders: list[int]) -> int:
        return sum(orders)

    @dg.asset
    def runs(context) -> int:
        return len(context.instance.get_runs())
"""
GOOD = ("--select", "orders,total")


@pytest.fixture(autouse=True)
def shop(enter_project: Enter) -> Path:
    return enter_project("shop_to_leave", SHOP)


def call(*options: str) -> Result:
    return CliRunner().invoke(eject, options)


def test_a_plan_names_rules_and_refusals_and_writes_nothing(shop: Path) -> None:
    found = call("--plan")
    assert found.exit_code == 1
    lines = found.output.splitlines()
    assert "carried  total (not begun): as it is" in lines
    (refused,) = [line for line in lines if line.startswith("refused")]
    assert "runs (not begun): shop_to_leave.py:14: the context has no `instance`" in refused
    assert lines[-1] == "3 steps, 1 of them refused."
    assert {path.name for path in shop.iterdir()} <= {
        *("shop_to_leave.py", "pyproject.toml", "__pycache__"),
    }


def test_what_is_refused_is_refused_before_anything_is_written(shop: Path) -> None:
    found = call("-o", "out")
    assert found.exit_code == 2
    assert "1 of 3 steps cannot be carried over" in found.output
    assert not (shop / "out").exists()


def test_a_second_call_writes_the_same_bytes(shop: Path) -> None:
    assert call(*GOOD, "-o", "out").exit_code == 0

    def written() -> dict[str, bytes]:
        files = (path for path in (shop / "out").rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in files}

    first = written()
    assert call(*GOOD, "-o", "out").exit_code == 0
    assert written() == first
    assert len(first) > 8


def test_a_deferred_step_is_a_stub_until_it_is_resumed(shop: Path) -> None:
    found = call(*GOOD, "-o", "out", "--defer", "total=until May")
    assert found.exit_code == 1, found.output
    states = json.loads((shop / "out" / "ejection.json").read_text())["steps"]
    assert states["total"]["state"] == "deferred"
    assert states["total"]["reason"] == "until May"
    again = call(*GOOD, "-o", "out", "--plan")
    assert "refused  total (deferred): deferred: until May" in again.output
    assert call(*GOOD, "-o", "out", "--resume", "total").exit_code == 0
    states = json.loads((shop / "out" / "ejection.json").read_text())["steps"]
    assert states["total"]["state"] == "ejected"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Pass -o FOLDER, or --plan"),
        (("-o", "out", "--defer", "total"), "--defer 'total' is not understood"),
        (("-o", "out", "--defer", "sum=late"), "--defer sum: there is no such step"),
    ],
)
def test_a_wrong_call_is_refused(options: tuple[str, ...], message: str) -> None:
    found = call(*GOOD, *options)
    assert found.exit_code == 2
    assert message in found.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-m", "shop", "-o", "out", "--vendor"], ["-m", "shop"]),
        (["-o", "out", "--select", "key:a or key:b"], ["--select", "key:a or key:b"]),
        (["--output=out", "--defer", "a=later", "--defer=b=too", "-f", "x.py"], ["-f", "x.py"]),
        (["--stub", "--force", "--resume", "a"], []),
    ],
)
def test_the_comparison_takes_what_says_what_is_ejected(
    arguments: list[str], expected: list[str]
) -> None:
    assert options_of_source(arguments) == expected
