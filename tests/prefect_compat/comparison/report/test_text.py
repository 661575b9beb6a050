"""The comparison in a terminal, word for word."""

from dataclasses import replace

import pytest

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.diff.differences import (
    Cell,
    ColumnDifference,
    RowDifference,
    TableDifference,
)
from prefect_compat.comparison.failure_matrix import Case, Outcome
from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.judging.outputs import NOT_APART_REMEDY, OutputOutcome
from prefect_compat.comparison.record.record import NO_CONTENT
from prefect_compat.comparison.report.text import describe, describe_matrix
from prefect_compat.graph.ids import OutputId, StepId, StepOutputId
from tests.prefect_compat.comparison.records import DAGSTER, FIRST, PREFECT, SECOND, B, output
from tests.prefect_compat.comparison.report.compared import WORK, compared, costs

O = OutputOutcome  # noqa: E741


def test_the_whole_text() -> None:
    long = output("a_long_name", None, "aa")
    others = [output(f"z{number:02}", None, "aa") for number in range(22)]
    bare = replace(SECOND, fingerprint=NO_CONTENT)
    dagster = replace(DAGSTER, outputs=(long, bare, *others))
    prefect = replace(PREFECT, outputs=(replace(long, is_kept_apart=False), bare))
    rows = (
        RowDifference(
            OutputId(("x",), "1"),
            TableDifference(
                (3, 3),
                changed_rows=2,
                columns=(ColumnDifference("n", 2, 0.5, 0.25), ColumnDifference("m", 1)),
                cells=(Cell("2", "n", "1", "2"),),
            ),
        ),
        RowDifference(OutputId(("y",)), TableDifference((3, 4))),
    )
    text = describe(compared(dagster, prefect, rows=rows, costs=costs()))
    assert text.splitlines() == [
        "asset        dagster  prefect  identical",
        "a_long_name        1        1          0",
        "b                  1        1          0  1 without content to compare",
        *(f"z{number:02}                1        0          0" for number in range(22)),
        "  not kept apart: a_long_name: dagster has its own store, prefect has another place",
        *(
            f"  missing on one side: z{number:02}: dagster has table 2 x 3 aa, prefect has nothing"
            for number in range(19)
        ),
        "  x[1]: 3 rows each; 2 rows changed, 66.7% touched in all; differing cells: 2 in n"
        " (by 0.25, at most 0.5), 1 in m",
        "    2, n: dagster 1, prefect 2",
        "  y: 3 rows against 4; differing cells: none, types differ",
        "  and 4 more differences",
        f"  {NOT_APART_REMEDY}",
        "seconds, median of 3       dagster   prefect",
        "  import                      1.00     11.00",
        "  start-up                    2.00     12.00",
        "  run, cold                   3.00     13.00",
        "  run, warm                   4.00     14.00",
        "    the functions             7.00     17.00",
        "    the IO managers           8.00     18.00",
        "  CPU                         5.00     15.00",
        "  peak memory, MiB               6        16",
        "Different in 24 places: the stores have the same content for 0 of 23 assets,"
        " and 1 has no content to compare.",
    ]


def test_without_warm_runs_there_is_no_row_for_them() -> None:
    text = describe(compared(costs=costs(warm=False)))
    assert "  run, cold                   3.00     13.00\n    the functions" in text


def test_twenty_findings_are_all_shown_and_short_names_keep_the_heading() -> None:
    many = tuple(output(f"{number:02}", None, "aa") for number in range(20))
    sides = [replace(side, outputs=(), materialized=()) for side in (DAGSTER, PREFECT)]
    lines = describe(compared(replace(sides[0], outputs=many), sides[1])).splitlines()
    assert lines[0] == "asset  dagster  prefect  identical"[: len("as")] + lines[0][2:]
    assert sum(line.startswith("  missing") for line in lines) == 20
    assert not any("more differences" in line for line in lines)


def closing(comparison: Comparison) -> str:
    return describe(comparison).splitlines()[-1]


def test_assets_are_listed_by_name() -> None:
    sides = [replace(side, outputs=(SECOND, FIRST)) for side in (DAGSTER, PREFECT)]
    lines = describe(compared(*sides)).splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["asset", "dagster", "prefect", "identical"],
        ["a", "1", "1", "1"],
        ["b", "1", "1", "1"],
    ]


def test_runs_that_failed_alike_come_first() -> None:
    step = replace(B, state="failed", errors=(("OSError", "disk full"),))
    sides = [replace(side, steps=(step,), error="no") for side in (DAGSTER, PREFECT)]
    assert closing(compared(*sides)) == (
        "Both runs failed in the same way: b: disk full. Not compared to the end; until then, the"
        " stores have the same content for 2 of 2 asset-days."
    )
    asked = compared(*sides, work=replace(WORK, fault=Fault("b")))
    assert closing(asked).startswith(
        "Both runs failed in the same way: b: disk full. Identical under both: the stores"
    )


def test_an_injected_fault_is_named() -> None:
    work = replace(WORK, fault=Fault("b", 2))
    assert closing(compared(work=work)) == (
        "Identical under both: the stores have the same content for 2 of 2 asset-days after b:"
        " error in the first 2."
    )


@pytest.mark.parametrize(
    ("partitions", "noun"),
    [
        ((None, None), "assets"),
        (("2016-03-08", "2016-03-09"), "asset-days"),
        (("2016-03-08", None), "asset-days"),
        (("2016-03-08-x", None), "asset partitions"),
        (("2016-03-08", "red"), "asset partitions"),
    ],
)
def test_outputs_are_called_by_their_partitions(
    partitions: tuple[str | None, ...], noun: str
) -> None:
    outputs = tuple(output(name, key, "aa") for name, key in zip("ab", partitions, strict=True))
    sides = [replace(side, outputs=outputs) for side in (DAGSTER, PREFECT)]
    assert closing(compared(*sides)).endswith(f"for 2 of 2 {noun}.")


def test_outputs_of_ops_are_outputs() -> None:
    ops = (replace(FIRST, output=StepOutputId(0, StepId("one"), "result")), SECOND)
    sides = [replace(side, outputs=ops, materialized=(("b", 1),)) for side in (DAGSTER, PREFECT)]
    assert closing(compared(*sides)).endswith("for 2 of 2 outputs.")


def test_outputs_without_content_and_no_outputs_at_all() -> None:
    bare = (replace(FIRST, fingerprint=NO_CONTENT), replace(SECOND, fingerprint=NO_CONTENT))
    sides = [replace(side, outputs=bare) for side in (DAGSTER, PREFECT)]
    assert closing(compared(*sides)) == (
        "Identical under both: 2 asset-days were recorded, with no content to compare."
    )
    none = [replace(side, outputs=(), materialized=()) for side in (DAGSTER, PREFECT)]
    assert describe(compared(*none)).splitlines() == [
        "asset  dagster  prefect  identical",
        "Identical under both: no output was made; 2 steps were compared.",
    ]


def test_the_failure_matrix() -> None:
    different = compared(prefect=replace(PREFECT, checks=()))
    text = describe_matrix(
        (
            Outcome(Case("a retry", reason="no policy"), None),
            Outcome(Case("an error", replace(WORK, fault=Fault("b"))), compared()),
            Outcome(Case("an empty partition", replace(WORK, partition="x")), different),
        )
    )
    assert text.splitlines() == [
        "under failure:",
        "  a retry             not run: no policy",
        "  an error            identical under both (b: error in all attempts)",
        "  an empty partition  different (x)",
        "    different check result: a:is_good: dagster has passed (ERROR), prefect has nothing",
    ]


def test_the_remedy_is_for_outputs_that_are_not_kept_apart() -> None:
    assert NOT_APART_REMEDY not in describe(compared(prefect=replace(PREFECT, checks=())))


def test_equal_as_declared_and_the_same_in_another_form_are_counted_apart() -> None:
    outputs = tuple(output("a", str(number), "aa") for number in range(4))
    sides = [replace(side, outputs=outputs) for side in (DAGSTER, PREFECT)]
    found = compared(*sides, declared_s=12.34)
    (asset,) = found.verdict.assets
    outcomes = (O.EQUAL, O.SAME_ROWS, O.IDENTICAL, O.NO_CONTENT)
    judged = tuple(
        replace(entry, outcomes=(outcome,))
        for entry, outcome in zip(asset.outputs, outcomes, strict=True)
    )
    verdict = replace(found.verdict, assets=(replace(asset, outputs=judged),), findings=())
    assert describe(replace(found, verdict=verdict)).splitlines() == [
        "asset  dagster  prefect  identical",
        "a        4        4          1  1 equal as declared  1 the same in another form"
        "  1 without content to compare",
        "  dagster job execute, executor as declared: 12.3 s",
        "The same on both sides: the stores have the same content for 1 of 3 asset partitions, 1"
        " is equal as declared, 1 is the same in another form, and 1 has no content to compare.",
    ]


def test_short_names_of_sides_keep_the_width_of_a_number() -> None:
    sides = [replace(side, side=name) for side, name in ((DAGSTER, "l"), (PREFECT, "r"))]
    assert describe(compared(*sides)).splitlines()[0] == "asset  l      r      identical"
