"""The title of a comparison, and how good it is."""

from dataclasses import replace
from typing import Any

import pytest

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.diff.declared import NO_RULES, Declared, Rules
from prefect_compat.comparison.failure_matrix import Case, Outcome
from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.judging.outputs import OutputOutcome
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.report.headline import headline, words
from prefect_compat.graph.ids import OutputId
from prefect_compat.lineage.svg import Status
from tests.prefect_compat.comparison.records import DAGSTER, PREFECT, B
from tests.prefect_compat.comparison.report.compared import WORK, compared

SAME = compared()
ONE = compared(prefect=replace(PREFECT, checks=()))
TWO = compared(prefect=replace(PREFECT, checks=(), observations=()))
BROKEN = compared(prefect=Record.of_failure("prefect", "no"))
FAILED = compared(
    *(replace(side, steps=(replace(B, state="failed"),), error="no") for side in (DAGSTER, PREFECT))
)
ASKED_FOR = replace(FAILED, work=replace(WORK, fault=Fault("b")))
ALIKE = "Both runs failed in the same way. Identical under both"


def case(comparison: Comparison | None) -> Outcome:
    return Outcome(Case("a case", WORK), comparison)


@pytest.mark.parametrize(
    ("comparison", "outcomes", "expected"),
    [
        (SAME, (), Status("Identical under both", "good")),
        (SAME, (case(SAME), case(None)), Status("Identical under both", "good")),
        (ONE, (), Status("Different in 1 place", "bad")),
        (TWO, (case(ONE),), Status("Different in 2 places", "bad")),
        (
            SAME,
            (case(ONE), case(SAME), case(TWO), case(None)),
            Status("Different under 2 of 3 failures", "bad"),
        ),
        (
            FAILED,
            (),
            Status("Not compared to the end: both runs failed in the same way", "bad"),
        ),
        (ASKED_FOR, (), Status(ALIKE, "good")),
        (BROKEN, (), Status("Not compared: a side could not be run", "bad")),
    ],
)
def test_the_title(comparison: Comparison, outcomes: tuple[Outcome, ...], expected: Status) -> None:
    assert headline(comparison, outcomes) == expected


def test_differences_that_do_not_count_stand_in_the_title() -> None:
    finding = ONE.verdict.findings[0]

    def title(**parts: Any) -> str:
        return words(replace(SAME, verdict=replace(SAME.verdict, **parts)))

    assert title(waived=((finding, "known"),)) == (
        "Identical under both, but for 1 waived difference"
    )
    assert title(waived=((finding, "known"),), noise=(finding, finding)) == (
        "Identical under both, but for 1 waived and 2 not reproducible differences"
    )


def test_the_words_count_the_places() -> None:
    assert [words(found) for found in (SAME, ONE, TWO)] == [
        "Identical under both",
        "Different in 1 place",
        "Different in 2 places",
    ]


def test_the_words_say_how_both_are_equal() -> None:
    def title(rules: Rules = NO_RULES, **parts: Any) -> str:
        work = replace(WORK, rules=rules)
        return words(replace(SAME, work=work, verdict=replace(SAME.verdict, **parts)))

    declared = ((OutputId(("a",)), "within 1 in x"), (OutputId(("b",)), "in any order"))
    assert title(declared=declared) == "Equal as declared (within 1 in x)"
    rules = Rules({"*": Declared(any_order=True)})
    assert title(rules, declared=declared) == "Equal as declared (all assets: in any order)"
    bare = replace(SAME.verdict.outputs[0], outcomes=(OutputOutcome.SAME_ROWS,))
    assets = (replace(SAME.verdict.assets[0], outputs=(bare,)),)
    assert title(assets=assets) == "The same on both sides"
    assert title(sides=("base", "head")) == "Identical"
