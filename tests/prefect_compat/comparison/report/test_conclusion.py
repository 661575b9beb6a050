"""What is to be concluded: in sentences, as Markdown, and in a notebook."""

from dataclasses import replace

import pytest

from prefect_compat.comparison.diff.declared import Declared, Rules, Tolerance
from prefect_compat.comparison.diff.differences import (
    Cell,
    ColumnDifference,
    RowDifference,
    TableDifference,
)
from prefect_compat.comparison.judging.findings import Difference, Finding
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.report.conclusion import conclusion, not_compared
from prefect_compat.comparison.report.markdown import as_markdown
from prefect_compat.comparison.report.row_words import suggestions
from prefect_compat.graph.ids import OutputId
from tests.prefect_compat.comparison.records import DAGSTER, PREFECT, SECOND, output
from tests.prefect_compat.comparison.report.compared import WORK, compared, costs

DIFFERENT = compared(prefect=replace(PREFECT, outputs=(output("a", "2016-03-08", "a|"), SECOND)))


def test_equal_sides() -> None:
    one_round = replace(costs(), rounds=1)
    assert conclusion(compared(costs=one_round)) == (
        "Dagster and Prefect have the same content in all 2 outputs.",
        "All 2 steps ran in the same order of dependence, with the same end.",
        "In this setting Prefect took 36.0 s (import 11.0, start-up 12.0, run 13.0), Dagster 6.0 s"
        " (import 1.0, start-up 2.0, run 3.0), each from a cold start.",
        "These are the times of one round: repeat it (--repeat 3) to rely on them.",
    )
    assert len(conclusion(compared(costs=costs()))) == 3


def test_sides_that_differ() -> None:
    assert conclusion(DIFFERENT) == (
        "Dagster and Prefect have the same content in 1 of 2 outputs.",
        "They differ in 1 place.",
    )


def test_noise_and_waivers_are_said() -> None:
    finding = Finding(Difference.CONTENT, "a", "1", "2")
    verdict = replace(compared().verdict, noise=(finding,), waived=((finding, "known"),))
    sentences = conclusion(replace(compared(), verdict=verdict))
    assert "1 difference is noise: Dagster does not make it twice the same way." in sentences
    assert "1 difference is waived." in sentences


def test_a_side_that_could_not_be_run_supports_nothing() -> None:
    assert conclusion(compared(DAGSTER, Record.of_failure("prefect", "no"))) == ()


def test_what_was_not_compared_has_its_reason() -> None:
    work = replace(
        WORK,
        ignored_metadata=("seconds",),
        rules=Rules(
            {"a": Declared(tolerances=(("x", Tolerance(0.1)),)), "b": Declared(key=("k",))}
        ),
    )
    unknown = (("exceptions", "why"), ("costs", "why"), ("files", "other"))
    found = compared(replace(DAGSTER, unknown=unknown), work=work)
    assert not_compared(found) == (
        ("exceptions, costs", "why"),
        ("files", "other"),
        ("metadata seconds", "declared to be about the run"),
        ("rows of a: within 0.1 in x", "declared"),
    )


def test_markdown() -> None:
    rows = (
        RowDifference(
            OutputId(("a",)),
            TableDifference(
                (3, 3),
                changed_rows=1,
                columns=(ColumnDifference("x", 1),),
                cells=(Cell("id=1", "x", "1", "2"),),
            ),
        ),
    )
    lines = as_markdown(replace(DIFFERENT, rows=rows)).splitlines()
    assert lines[0] == "### ❌ Different in 1 place: the\\_job 2016-03-08"
    assert "| difference | place | dagster | prefect |" in lines
    assert "| different content | a\\[2016-03-08\\] | table 2 x 3 aa | table 2 x 3 a\\| |" in lines
    assert "  - id=1, x: `1` against `2`" in lines
    assert as_markdown(compared()).startswith("### ✅ Identical under both")
    broken = as_markdown(compared(DAGSTER, Record.of_failure("prefect", "no server")))
    assert "**prefect could not be run.**" in broken


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (3, ["x of a differs in every row: --noise tells whether it is reproducible."]),
        (2, []),
    ],
)
def test_a_column_that_differs_in_every_row_is_suspicious(changed: int, words: list[str]) -> None:
    table = TableDifference((3, 3), columns=(ColumnDifference("x", changed),))
    rows = (RowDifference(OutputId(("a",)), table),)
    assert list(suggestions(replace(DIFFERENT, rows=rows))) == words


def test_a_notebook_shows_the_page_in_a_frame() -> None:
    shown = DIFFERENT._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    assert "<script" not in shown
