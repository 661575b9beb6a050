"""What is to be concluded: in sentences, as Markdown, and in a notebook."""

from dataclasses import replace

import pytest

from prefect_compat.comparison.diff.declared import Declared, Rules, Tolerance
from prefect_compat.comparison.diff.differences import (
    Cell,
    ColumnDifference,
    RowDifference,
    Sample,
    SchemaChange,
    TableDifference,
)
from prefect_compat.comparison.failure_matrix import Case, Outcome
from prefect_compat.comparison.judging.findings import Difference, Finding
from prefect_compat.comparison.judging.outputs import AssetVerdict, OutputOutcome, OutputVerdict
from prefect_compat.comparison.record.record import NO_CONTENT, Aspect, Record
from prefect_compat.comparison.report.conclusion import by_reason, conclusion, not_compared
from prefect_compat.comparison.report.markdown import as_markdown
from prefect_compat.comparison.report.row_words import suggestions, table_words
from prefect_compat.comparison.verdict import Verdict
from prefect_compat.graph.ids import OutputId
from tests.prefect_compat.comparison.records import DAGSTER, FIRST, PREFECT, SECOND, B, output
from tests.prefect_compat.comparison.report.compared import WORK, compared, costs

O = OutputOutcome  # noqa: E741
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


def test_several_of_noise_and_waivers_are_counted() -> None:
    finding = Finding(Difference.CONTENT, "a", "1", "2")
    verdict = replace(compared().verdict, noise=(finding,) * 2, waived=((finding, "known"),) * 1200)
    sentences = conclusion(replace(compared(), verdict=verdict))
    assert "2 differences are noise: Dagster does not make them twice the same way." in sentences
    assert "1,200 differences are waived." in sentences


@pytest.mark.parametrize(
    ("outcomes", "sentences"),
    [
        ((O.IDENTICAL,), ["The left and the right have the same content in the one output."]),
        ((O.EQUAL,) * 2, ["The left and the right have the same content in all 2 outputs."]),
        (
            (*(O.EQUAL,) * 2, *(O.IDENTICAL,) * 1000),
            [
                "The left and the right have the same content in all 1,002 outputs.",
                "Of them, 1,000 byte for byte by their fingerprints and 2 as declared.",
            ],
        ),
        (
            (O.SAME_ROWS, O.EQUAL, O.IDENTICAL, O.DIFFERENT),
            [
                "The left and the right have the same content in 3 of 4 outputs.",
                "Of them, 1 byte for byte by their fingerprints and 1 as declared and 1 in another"
                " form, row by row.",
            ],
        ),
        ((O.NO_CONTENT,), []),
    ],
)
def test_equal_outputs_are_counted_by_how_they_are_equal(
    outcomes: tuple[OutputOutcome, ...], sentences: list[str]
) -> None:
    outputs = tuple(
        OutputVerdict(OutputId(("a",), str(number)), (outcome,))
        for number, outcome in enumerate(outcomes)
    )
    verdict = Verdict((AssetVerdict("a", ("a",), outputs),), steps=0, findings=())
    assert list(conclusion(replace(compared(), verdict=verdict))) == sentences


def test_steps_are_the_same_only_if_all_was_compared() -> None:
    steps = "All 2 steps ran in the same order of dependence, with the same end."
    assert steps in conclusion(compared())
    unknown = compared(replace(DAGSTER, unknown=(("files", "why"),)))
    assert not [text for text in conclusion(unknown) if "steps" in text]


def test_runs_that_failed_alike_are_concluded_first() -> None:
    step = replace(B, state="failed", errors=(("OSError", "disk full"),))
    sides = [replace(side, steps=(step,), error="no") for side in (DAGSTER, PREFECT)]
    assert conclusion(compared(*sides)) == (
        "Both failed in the same way: b: disk full. What comes after it did not run, and is not"
        " compared.",
        "Dagster and Prefect have the same content in all 2 outputs.",
    )


def test_injected_failures_and_the_declared_executor_are_concluded() -> None:
    outcomes = [
        Outcome(Case("not run"), None),
        *(Outcome(Case("run"), found) for found in (compared(), compared(), DIFFERENT)),
    ]
    sentences = conclusion(compared(costs=costs(), declared_s=61.25), outcomes)
    assert "They behaved the same under 2 of 3 injected failures." in sentences
    assert sentences[-1] == (
        "By `dagster job execute`, with the executor that the job declares, Dagster takes 61.2 s"
        " from a cold start."
    )


def test_many_unknown_aspects_are_all_beside_the_outputs() -> None:
    def left_out(number: int) -> list[tuple[str, str]]:
        return list(by_reason(tuple((f"aspect {place}", "why") for place in range(number))))

    assert left_out(10) == [("all beside the outputs", "why")]
    assert left_out(9) == [(", ".join(f"aspect {place}" for place in range(9)), "why")]


def test_a_side_that_could_not_be_run_supports_nothing() -> None:
    assert conclusion(compared(DAGSTER, Record.of_failure("prefect", "no"))) == ()


def test_what_was_not_compared_has_its_reason() -> None:
    work = replace(
        WORK,
        ignored_metadata=("seconds", "host"),
        rules=Rules(
            {"a": Declared(tolerances=(("x", Tolerance(0.1)),)), "b": Declared(key=("k",))}
        ),
    )
    unknown = (("exceptions", "why"), ("costs", "why"), ("files", "other"))
    outputs = (FIRST, replace(SECOND, fingerprint=NO_CONTENT))
    found = compared(
        replace(DAGSTER, unknown=unknown, outputs=outputs),
        replace(PREFECT, outputs=outputs),
        work=work,
    )
    assert not_compared(found) == (
        ("exceptions, costs", "why"),
        ("files", "other"),
        ("1 output", "stored nothing that could be read back, or keep it in memory alone"),
        ("metadata seconds, host", "declared to be about the run"),
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


def test_the_whole_markdown_of_sides_that_differ() -> None:
    finding = Finding(Difference.CONTENT, "a", "1", "2")
    cells = tuple(Cell(f"id={number}", "x_y", "1", "2") for number in range(4))
    rows = (RowDifference(OutputId(("a_b",)), TableDifference((3, 3), moved=2, cells=cells)),)
    found = replace(compared(replace(DAGSTER, unknown=(("costs", "no_clock"),))), rows=rows)
    verdict = replace(
        found.verdict,
        findings=(finding,) * 22,
        waived=((finding, "by_Ann"),),
        noise=(replace(finding, place="a_b, id"),),
    )
    work = replace(WORK, partition=None)
    assert as_markdown(replace(found, verdict=verdict, work=work)).splitlines() == [
        "### ❌ Different in 22 places: the\\_job",
        "",
        "Dagster and Prefect have the same content in all 2 outputs. They differ in 22 places."
        " 1 difference is noise: Dagster does not make it twice the same way."
        " 1 difference is waived.",
        "",
        "| difference | place | dagster | prefect |",
        "|---|---|---|---|",
        *["| different content | a | 1 | 2 |"] * 20,
        "",
        "And 2 more.",
        "",
        "- **a\\_b**: 3 rows each; 2 rows in another order",
        *["  - id=0, x\\_y: `1` against `2`".replace("0", str(n)) for n in range(3)],
        "",
        "- waived: different content: a: by\\_Ann",
        "- not reproducible: a\\_b, id",
        "",
        "<details><summary>Not compared</summary>",
        "",
        "- costs: no\\_clock",
        "",
        "</details>",
    ]


def test_twenty_differences_are_all_in_the_markdown() -> None:
    finding = Finding(Difference.CONTENT, "a", "1", "2")
    one_more = replace(DIFFERENT.verdict, findings=(finding,) * 21)
    assert "\nAnd 1 more.\n" in as_markdown(replace(DIFFERENT, verdict=one_more))
    verdict = replace(DIFFERENT.verdict, findings=(finding,) * 20)
    lines = as_markdown(replace(DIFFERENT, verdict=verdict)).splitlines()
    assert lines.count("| different content | a | 1 | 2 |") == 20
    assert lines[-1] == ""
    assert not [line for line in lines if "more" in line]


def test_the_whole_markdown_of_a_side_that_could_not_be_run() -> None:
    broken = compared(DAGSTER, Record.of_failure("prefect", "no server\nat all"))
    lines = as_markdown(broken).splitlines()
    assert lines[:9] == [
        "### ❌ Not compared: a side could not be run: the\\_job 2016-03-08",
        "",
        "**prefect could not be run.**",
        "",
        "```",
        "no server",
        "at all",
        "```",
        "",
    ]
    assert lines[9] == "| difference | place | dagster | prefect |"
    silent = as_markdown(compared(DAGSTER, Record.of_failure("prefect", ""))).splitlines()
    assert silent[4:7] == ["```", "", "```"] or silent[2] != "**prefect could not be run.**"


EVERYTHING = TableDifference(
    (1000, 1001),
    schema=(SchemaChange("u", "BIGINT", None), SchemaChange("v", None, "DOUBLE")),
    missing=Sample(2, ("id=1", "id=2")),
    extra=Sample(1200, ("id=8", "id=9")),
    moved=3,
    duplicates=Sample(1, ("id=1 2 times on the left",)),
    changed_rows=10,
    columns=tuple(
        ColumnDifference(f"c{number}", 1000 + number, largest, typical)
        for number, (largest, typical) in enumerate(
            [(0.5, 0.25), (None, 1.0), (1.0, None), *[(None, None)] * 7]
        )
    ),
    tolerated=(("x", 1500), ("y", 1)),
)


def test_the_words_of_a_difference_in_everything() -> None:
    assert list(table_words(EVERYTHING, ("dagster", "prefect"))) == [
        "1,000 rows against 1,001",
        "column u: BIGINT against nothing",
        "column v: nothing against DOUBLE",
        "2 rows only in dagster (id=1, id=2)",
        "1,200 rows only in prefect (id=8, id=9, …)",
        "3 rows in another order",
        "1 value of the key more than once (id=1 2 times on the left)",
        "10 rows changed, 55.1% touched in all",
        "differing cells: 1,000 in c0 (by 0.25, at most 0.5), 1,001 in c1, 1,002 in c2, 1,003 in"
        " c3, 1,004 in c4, 1,005 in c5, 1,006 in c6, 1,007 in c7, and 2 more columns",
        "tolerated cells: 1,500 in x, 1 in y",
    ]


def test_the_words_of_a_difference_in_little() -> None:
    columns = EVERYTHING.columns[1:9]
    sides = ("dagster", "prefect")
    (_, eight) = table_words(TableDifference((1, 1), columns=columns), sides)
    assert eight.endswith("1,008 in c8")
    unnamed = TableDifference((2, 1), missing=Sample(1))
    assert list(table_words(unnamed, sides)) == ["2 rows against 1", "1 row only in dagster"]


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


@pytest.mark.parametrize(
    ("table", "words"),
    [
        # Of five rows three are common, and all of them differ.
        (TableDifference((5, 3), missing=Sample(2), columns=(ColumnDifference("x", 3),)), 1),
        (TableDifference((5, 3), missing=Sample(2), columns=(ColumnDifference("x", 5),)), 0),
        # One row says nothing, and two do.
        (TableDifference((1, 1), columns=(ColumnDifference("x", 1),)), 0),
        (TableDifference((2, 2), columns=(ColumnDifference("x", 2),)), 1),
        # So many columns are another table.
        (TableDifference((2, 2), columns=tuple(ColumnDifference(n, 2) for n in "abc")), 1),
        (TableDifference((2, 2), columns=tuple(ColumnDifference(n, 2) for n in "abcd")), 0),
    ],
)
def test_what_is_suspicious(table: TableDifference, words: int) -> None:
    found = replace(DIFFERENT, rows=(RowDifference(OutputId(("a",)), table),))
    assert len(list(suggestions(found))) == words
    measured = replace(found.verdict, noise=found.verdict.findings)
    assert list(suggestions(replace(found, verdict=measured))) == []
    read = replace(found, left=replace(DAGSTER, unknown=((str(Aspect.COSTS), "only read"),)))
    assert list(suggestions(read)) == []


def test_all_suspicious_columns_are_named() -> None:
    table = TableDifference((2, 2), columns=tuple(ColumnDifference(n, 2) for n in "abc"))
    found = replace(DIFFERENT, rows=(RowDifference(OutputId(("t",)), table),))
    (text,) = suggestions(found)
    assert text.startswith("a, b, c of t ")


def test_a_notebook_shows_the_page_in_a_frame() -> None:
    shown = DIFFERENT._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    assert "<script" not in shown
