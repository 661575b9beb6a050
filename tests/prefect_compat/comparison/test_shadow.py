"""Production's new partitions, compared as they come and remembered; production stays as it is."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from examples.by_hand import sales
from prefect_compat.cli.main import main
from prefect_compat.comparison.shadow import (
    Compared,
    State,
    evidence,
    new_partitions,
    read_state,
    state_text,
)
from prefect_compat.errors import ConfigError
from tests.conftest import ROOT
from tests.prefect_compat.comparison.records import PREFECT, SECOND, output
from tests.prefect_compat.comparison.report.compared import compared

DAYS = [f"2024-01-{day:02}" for day in range(1, 31)]
GOOD = compared()
BAD = compared(prefect=replace(PREFECT, outputs=(output("a", "2016-03-08", "ax"), SECOND)))


def after(*partitions: str, bad: Sequence[str] = ()) -> State:
    state = State("sales")
    for key in partitions:
        state = state.with_comparison(key, "now", BAD if key in bad else GOOD)
    return state


def having(*keys: str) -> Callable[[Sequence[str]], AbstractSet[str]]:
    return lambda asked: {*keys} & {*asked}


class TestNewPartitions:
    def test_a_first_call_takes_the_newest(self) -> None:
        assert new_partitions(DAYS, State("sales"), having(*DAYS[:20]), 3) == tuple(DAYS[17:20])

    def test_later_calls_go_on_where_the_last_one_ended(self) -> None:
        state = after(*DAYS[:5])
        assert new_partitions(DAYS, state, having(*DAYS[:9]), 3) == tuple(DAYS[5:8])
        assert new_partitions(DAYS, state, having(*DAYS[:5]), 3) == ()

    def test_a_gap_in_production_is_passed_over(self) -> None:
        assert new_partitions(DAYS, after(DAYS[0]), having(DAYS[0], DAYS[3]), 3) == (DAYS[3],)

    def test_after_the_last_partition_there_is_none(self) -> None:
        assert new_partitions(DAYS, after(DAYS[-1]), having(*DAYS), 3) == ()


class TestEvidence:
    def test_enough_days_of_agreement_support_a_cut_over(self) -> None:
        text = evidence(after(*DAYS[:14]), 14)
        assert text.startswith(
            "A cut-over is supported by the evidence: the last 14 partitions agree, from 2024-01-01"
            " to 2024-01-14."
        )
        assert "The evidence does not cover:" in text

    def test_a_difference_begins_the_count_anew(self) -> None:
        text = evidence(after(*DAYS[:20], bad=[DAYS[16]]), 14)
        assert text.startswith(
            "3 of 14 partitions in a row agree, up to 2024-01-20; the last that differs is"
            " 2024-01-17: a cut-over is not supported yet."
        )

    def test_a_partition_that_was_compared_again_counts_as_it_is_now(self) -> None:
        state = after(*DAYS[:3], bad=[DAYS[2]]).with_comparison(DAYS[2], "later", GOOD)
        assert state.in_agreement == 3

    def test_before_the_first_comparison(self) -> None:
        assert evidence(State("sales"), 14) == "Nothing was compared yet."


class TestState:
    def test_it_is_read_as_it_was_written(self, tmp_path: Path) -> None:
        state, file = after(*DAYS[:2], bad=[DAYS[1]]), tmp_path / "state.json"
        file.write_text(state_text(state))
        assert read_state(file, "sales") == state
        assert read_state(tmp_path / "none", "sales") == State("sales")
        assert state.compared[1] == Compared(
            DAYS[1],
            "now",
            False,
            2,
            (
                "different content: a[2016-03-08]: dagster has table 2 x 3 aa, prefect has table"
                " 2 x 3 ax",
            ),
        )

    @pytest.mark.parametrize(
        ("text", "words"),
        [("{", "is no state of"), ('{"job": "other"}', "belongs to 'other', not to 'sales'")],
    )
    def test_a_file_that_is_another(self, tmp_path: Path, text: str, words: str) -> None:
        file = tmp_path / "state.json"
        file.write_text(text)
        with pytest.raises(ConfigError, match=words):
            read_state(file, "sales")


def write_day(folder: Path, day: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALES_STORE", str(folder))
        orders = sales.read_orders(day)
        cleaned = sales.without_returns(orders)
        products = sales.sum_by_product(cleaned)
        for name, value in (
            ("orders", orders),
            ("cleaned", cleaned),
            ("by_product", products),
            ("report", sales.describe(products)),
        ):
            sales.save(name, day, value)


def command(folder: Path) -> tuple[str, ...]:
    return (
        *("shadow", "-q", "-m", "examples.by_hand.definitions", "-j", "daily_sales"),
        *("--store-env", "SALES_STORE", "--production", str(folder / "production")),
        *("--scratch", str(folder / "scratch"), "--state", str(folder / "state.json")),
        *("--history", str(folder / "history.jsonl")),
    )


def shadow(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "prefect-compat", *command(folder), *options],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )


def test_a_difference_from_production_is_named(tmp_path: Path, handed_over: None) -> None:
    write_day(tmp_path / "production", DAYS[0])
    document = tmp_path / "production" / "report" / f"{DAYS[0]}.json"
    document.write_text(re.sub(r'"orders": \d+', '"orders": 0', document.read_text()))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        found = CliRunner().invoke(main, command(tmp_path))
    assert found.exit_code == 1, found.output
    assert f"{DAYS[0]}: DIFFERS" in found.stdout
    place = f"report[{DAYS[0]}], orders"
    assert f"different content: {place}: production has document" in found.stdout


@pytest.mark.nightly
def test_a_fault_is_named_on_the_day_it_comes_and_production_is_not_touched(
    tmp_path: Path, handed_over: None
) -> None:
    production = tmp_path / "production"
    write_day(production, DAYS[0])
    found = shadow(tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "2024-01-01: agrees" in found.stdout
    write_day(production, DAYS[1])
    document = production / "report" / "2024-01-02.json"
    document.write_text(document.read_text().replace('"orders": 1', '"orders": 2'))
    before = {
        path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in (production, *production.rglob("*"))
    }
    found = shadow(tmp_path, "--candidate", "examples/by_hand/flows.py:daily_sales")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "2024-01-02: DIFFERS" in found.stdout
    assert "different content: report[2024-01-02], orders: production has document" in found.stdout
    assert before == {
        path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in (production, *production.rglob("*"))
    }
    assert (tmp_path / "history.jsonl").read_text().count("\n") == 2
    found = shadow(tmp_path)
    assert "0 of 14 partitions in a row agree, up to 2024-01-02" in found.stdout
