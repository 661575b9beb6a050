"""Accepted differences: which are meant, until when, and what a bad file says."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_compat.comparison.judging.findings import Difference, Finding
from prefect_compat.comparison.verdict import Verdict, judge
from prefect_compat.comparison.waivers import Waiver, read_waivers, with_waivers
from prefect_compat.errors import ConfigError
from tests.prefect_compat.comparison.records import DAGSTER

DAY = dt.date(2024, 5, 10)
CONTENT = Finding(Difference.CONTENT, "orders[2024-05-01], amount", "one", "two")
CHECK = Finding(Difference.CHECK, "orders:is_good", "passed", "failed")
DIFFERENT = replace(judge(DAGSTER, DAGSTER), findings=(CONTENT, CHECK))


def waiver(finding: str, until: dt.date = DAY) -> Waiver:
    return Waiver(finding=finding, reason="rounding", by="Ann", until=until)


def places(verdict: Verdict) -> list[str]:
    return [finding.place for finding in verdict.findings]


def test_a_waived_finding_does_not_count_and_is_kept() -> None:
    found = with_waivers(DIFFERENT, [waiver("different content: orders[*], amount")], DAY)
    assert found.findings == (CHECK,)
    assert found.waived == ((CONTENT, "rounding (Ann, until 2024-05-10)"),)


@pytest.mark.parametrize(
    "pattern", ["different content: orders[2024-05-01], amount", "different content: *", "*"]
)
def test_what_a_pattern_means(pattern: str) -> None:
    assert waiver(pattern).accepts(CONTENT)


@pytest.mark.parametrize("pattern", ["different content: orders", "orders*", "different*price"])
def test_what_a_pattern_does_not_mean(pattern: str) -> None:
    assert not waiver(pattern).accepts(CONTENT)


def test_a_waiver_that_has_ended_accepts_nothing_and_fails() -> None:
    found = with_waivers(DIFFERENT, [waiver("*", DAY - dt.timedelta(1))], DAY)
    assert places(found) == [CONTENT.place, CHECK.place, "*"]
    assert str(found.findings[-1]) == (
        "a waiver that does not hold: *: it has ended on 2024-05-09, it has by Ann"
    )


def test_a_waiver_that_nothing_needs_fails() -> None:
    found = with_waivers(DIFFERENT, [waiver("*"), waiver("different files*")], DAY)
    assert places(found) == ["different files*"]
    assert found.findings[0].left == "no difference needs it"


def test_the_file(tmp_path: Path) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(
        '[[waiver]]\nfinding = "*"\nreason = "rounding"\nby = "Ann"\nuntil = 2024-05-10\n'
    )
    assert read_waivers(file) == (waiver("*"),)
    file.write_text("")
    assert read_waivers(file) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[waiver]\n", "cannot be read as waivers: "),
        ("[waivers]\n", "`waivers` is not expected; there are only [[waiver]] tables"),
        ("waiver = 3\n", "`waiver` is not expected"),
        (
            '[[waiver]]\nfinding = "*"\nby = "Ann"\nuntil = 2024-05-10\n',
            "waiver 1: `reason`: field required",
        ),
        (
            '[[waiver]]\nfinding = ""\nby = "Ann"\nuntil = 2024-05-10\n',
            "waiver 1: `finding`: string should have at least 1 character; `reason`: field required"
            ". A waiver has `finding`, `reason`, `by` and `until`, a day",
        ),
        (
            '[[waiver]]\nfinding = "*"\nby = "Ann"\nreason = "x"\nuntil = "soon"\n',
            "waiver 1: `until`: input should be a valid date",
        ),
        (
            '[[waiver]]\nfinding = "*"\nby = "A"\nreason = "x"\nuntil = 2024-05-10\nfor = 1\n',
            "waiver 1: `for`: extra inputs are not permitted",
        ),
    ],
)
def test_a_file_that_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_waivers(file)
    assert str(caught.value).startswith(f"{file}")
    assert words in str(caught.value)
    assert str(caught.value).endswith((". Correct the file.", " a day such as 2026-12-31."))
    with pytest.raises(ConfigError, match="cannot be read as waivers"):
        read_waivers(tmp_path / "none.toml")
