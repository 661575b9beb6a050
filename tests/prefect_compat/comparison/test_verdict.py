"""Each kind of planted difference is found, named, and shown from both sides."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_compat.comparison.fingerprint.fingerprint import UNKNOWN, Fingerprint
from prefect_compat.comparison.judging.findings import Difference
from prefect_compat.comparison.judging.outputs import OutputOutcome
from prefect_compat.comparison.record.record import (
    NO_CONTENT,
    Aspect,
    Record,
    RecordedOutput,
    RecordedStep,
)
from prefect_compat.comparison.verdict import judge
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.ids import OutputId, StepId, StepOutputId, parse_value_id
from tests.prefect_compat.comparison.records import (
    DAGSTER,
    FIRST,
    PREFECT,
    SECOND,
    SEEN,
    A,
    B,
    check,
    output,
)


def test_the_same_is_the_same() -> None:
    verdict = judge(DAGSTER, PREFECT)
    assert verdict.holds
    assert (verdict.identical, verdict.compared, verdict.findings) == (2, 2, ())


@pytest.mark.parametrize(
    ("prefect", "kind", "text"),
    [
        (
            replace(PREFECT, outputs=(output("a", "2016-03-08", "ax"), SECOND)),
            Difference.CONTENT,
            "different content: a[2016-03-08]: dagster has table 2 x 3 aa, prefect has table"
            " 2 x 3 ax",
        ),
        (
            replace(PREFECT, outputs=(SECOND,)),
            Difference.MISSING,
            "missing on one side: a[2016-03-08]: dagster has table 2 x 3 aa, prefect has nothing",
        ),
        (
            replace(PREFECT, outputs=(FIRST, SECOND, output("c", None, "cc"))),
            Difference.MISSING,
            "missing on one side: c: dagster has nothing, prefect has table 2 x 3 cc",
        ),
        (
            replace(PREFECT, outputs=(output("a", "2016-03-08", "what it is", UNKNOWN), SECOND)),
            Difference.NOT_COMPARABLE,
            "not comparable: a[2016-03-08]: dagster has table 2 x 3 aa, prefect has unknown",
        ),
        (
            replace(PREFECT, steps=(A, replace(B, state="skipped"))),
            Difference.STEP_STATE,
            "different step state: b: dagster has succeeded, prefect has skipped",
        ),
        (
            replace(PREFECT, steps=(A,)),
            Difference.STEP,
            "step on one side only: b: dagster has the step, prefect has nothing",
        ),
        (
            replace(
                PREFECT, steps=(A, B, RecordedStep(1, StepId("b"), "succeeded", (StepId("a"),)))
            ),
            Difference.STEP_STATE,
            "different step state: b in run 2: dagster has nothing, prefect has succeeded",
        ),
        (
            replace(PREFECT, steps=(A, replace(B, upstream=()))),
            Difference.EDGE,
            "dependency on one side only: a -> b: dagster has the dependency, prefect has nothing",
        ),
        (
            replace(PREFECT, steps=(replace(A, upstream=(StepId("b"),)), B)),
            Difference.EDGE,
            "dependency on one side only: b -> a: dagster has nothing, prefect has the dependency",
        ),
        (
            replace(PREFECT, steps=(A, replace(B, attempts=3, waits_s=(1.0, 1.0)))),
            Difference.ATTEMPTS,
            "different number of attempts: b: dagster has 2, prefect has 3",
        ),
        (
            replace(PREFECT, steps=(A, replace(B, waits_s=(2.0,)))),
            Difference.RETRY_WAIT,
            "different wait before a retry: b: dagster has 1.0 s, prefect has 2.0 s",
        ),
        (
            replace(PREFECT, outputs=(FIRST, SECOND, SECOND)),
            Difference.TWICE,
            "made more than once: b: dagster has 1 times, prefect has 2 times",
        ),
        (
            replace(PREFECT, outputs=(FIRST, replace(SECOND, data_version="v2"))),
            Difference.DATA_VERSION,
            "different data version: b: dagster has nothing, prefect has v2",
        ),
        (
            replace(PREFECT, outputs=(FIRST, replace(SECOND, metadata=(("rows", "3"),)))),
            Difference.METADATA,
            "different metadata: b, rows: dagster has nothing, prefect has 3",
        ),
        (
            replace(PREFECT, materialized=(("a", 1),)),
            Difference.CATALOGUE,
            "different count in the catalogue: b: dagster has 1 materialized, prefect has 0",
        ),
        (
            replace(PREFECT, checks=(replace(check(), metadata=(("rows", "3"),)),)),
            Difference.METADATA,
            "different metadata: a:is_good, rows: dagster has nothing, prefect has 3",
        ),
        (
            replace(PREFECT, checks=(check(passed=False),)),
            Difference.CHECK,
            "different check result: a:is_good: dagster has passed (ERROR), prefect has failed"
            " (ERROR)",
        ),
        (
            replace(PREFECT, checks=()),
            Difference.CHECK,
            "different check result: a:is_good: dagster has passed (ERROR), prefect has nothing",
        ),
        (
            replace(PREFECT, checks=(check(severity="WARN"),)),
            Difference.CHECK,
            "different check result: a:is_good: dagster has passed (ERROR), prefect has passed"
            " (WARN)",
        ),
        (
            replace(PREFECT, checks=(replace(check(), description="all rows"),)),
            Difference.DESCRIPTION,
            "different description: a:is_good: dagster has nothing, prefect has all rows",
        ),
        (
            replace(PREFECT, outputs=(FIRST, replace(SECOND, tags=(("tier", "1"),)))),
            Difference.TAGS,
            "different tags: b, tier: dagster has nothing, prefect has 1",
        ),
        (
            replace(PREFECT, outputs=(FIRST, replace(SECOND, description="done"))),
            Difference.DESCRIPTION,
            "different description: b: dagster has nothing, prefect has done",
        ),
        (
            replace(PREFECT, outputs=(FIRST, replace(SECOND, is_kept_apart=False))),
            Difference.NOT_KEPT_APART,
            "not kept apart: b: dagster has its own store, prefect has another place",
        ),
        (
            replace(PREFECT, outputs=(FIRST, replace(SECOND, fingerprint=NO_CONTENT))),
            Difference.CONTENT,
            "different content: b: dagster has table 2 x 3 bb, prefect has no content",
        ),
        (
            replace(PREFECT, steps=(A, replace(B, errors=(("KeyError", "'x'"),)))),
            Difference.EXCEPTION,
            "different exception: b: dagster has ValueError, prefect has KeyError",
        ),
        (
            replace(PREFECT, steps=(A, replace(B, errors=()))),
            Difference.EXCEPTION,
            "different exception: b: dagster has ValueError, prefect has nothing",
        ),
        (
            replace(PREFECT, observations=()),
            Difference.OBSERVATION,
            "different observation: far, observed: dagster has data version v1, prefect has"
            " nothing",
        ),
        (
            replace(PREFECT, observations=(replace(SEEN, data_version="v2"),)),
            Difference.OBSERVATION,
            "different observation: far, observed: dagster has data version v1, prefect has data"
            " version v2",
        ),
        (
            replace(PREFECT, observations=(replace(SEEN, metadata=(("rows", "int 3"),)),)),
            Difference.METADATA,
            "different metadata: far, observed, rows: dagster has nothing, prefect has int 3",
        ),
        (
            replace(PREFECT, dynamic_partitions=(("colours", "added blue"),)),
            Difference.DYNAMIC_PARTITIONS,
            "different dynamic partitions: colours: dagster has added red, prefect has added blue",
        ),
        (
            replace(PREFECT, files=("a/1", "a/2", "a/3", "a/4", "a/5")),
            Difference.FILES,
            "different files in the store: a: dagster has nothing, prefect has 2, 3, 4 and 1 more",
        ),
        (
            replace(PREFECT, error="the server went away"),
            Difference.RUN,
            "run failed: the whole run: dagster has success, prefect has the server went away",
        ),
    ],
)
def test_a_difference_is_named(prefect: Record, kind: Difference, text: str) -> None:
    verdict = judge(DAGSTER, prefect)
    assert not verdict.holds
    (finding,) = verdict.findings
    assert finding.kind is kind
    assert str(finding).startswith(text)


def test_the_severity_of_a_failed_check_counts() -> None:
    warned = replace(DAGSTER, checks=(check(passed=False, severity="WARN"),))
    failed = replace(PREFECT, checks=(check(passed=False),))
    (finding,) = judge(warned, failed).findings
    assert (finding.left, finding.right) == ("failed (WARN)", "failed (ERROR)")


def test_what_is_unknown_on_both_sides_is_not_parity() -> None:
    unknown = (output("a", None, "some.Type", UNKNOWN), SECOND)
    verdict = judge(replace(DAGSTER, outputs=unknown), replace(PREFECT, outputs=unknown))
    assert not verdict.holds
    assert [finding.kind for finding in verdict.findings] == [Difference.NOT_COMPARABLE]


def test_nothing_that_was_run_is_not_parity() -> None:
    nothing = [
        replace(side, steps=(), outputs=(), materialized=(), checks=())
        for side in (DAGSTER, PREFECT)
    ]
    (finding,) = judge(*nothing).findings
    assert finding.kind is Difference.NOTHING


def test_outputs_that_the_catalogue_shows_and_nobody_read_are_not_parity() -> None:
    verdict = judge(replace(DAGSTER, outputs=()), replace(PREFECT, outputs=()))
    assert [finding.kind for finding in verdict.findings] == [Difference.CATALOGUE] * 2
    assert verdict.findings[0].left == "1 materialized, none read"


def test_outputs_without_content_are_counted_apart() -> None:
    bare = replace(SECOND, fingerprint=NO_CONTENT)
    verdict = judge(
        replace(DAGSTER, outputs=(FIRST, bare)), replace(PREFECT, outputs=(FIRST, bare))
    )
    assert verdict.holds
    assert (verdict.identical, verdict.compared, verdict.without_content) == (1, 1, 1)


def test_an_output_that_is_not_kept_apart_is_not_counted_as_identical() -> None:
    shared = replace(SECOND, is_kept_apart=False)
    verdict = judge(DAGSTER, replace(PREFECT, outputs=(FIRST, shared)))
    assert (verdict.identical, verdict.compared) == (1, 2)


def failed(side: Record, *errors: tuple[str, str]) -> Record:
    step = replace(B, state="failed", errors=(*B.errors, *errors))
    return replace(side, steps=(A, step), error="b failed")


def test_runs_that_fail_in_the_same_way_behave_the_same_and_it_is_said() -> None:
    verdict = judge(
        failed(DAGSTER, ("OSError", "disk full")), failed(PREFECT, ("OSError", "disk full"))
    )
    assert verdict.holds
    assert verdict.failure == "b: disk full"


@pytest.mark.parametrize("other", [("OSError", "no route"), ("KeyError", "disk full")])
def test_runs_that_fail_for_different_reasons_are_told_apart(other: tuple[str, str]) -> None:
    verdict = judge(failed(DAGSTER, ("OSError", "disk full")), failed(PREFECT, other))
    assert [finding.kind for finding in verdict.findings] == [Difference.EXCEPTION]
    assert verdict.failure is None


def test_runs_that_fail_outside_of_any_step_are_not_parity() -> None:
    verdict = judge(replace(DAGSTER, error="no"), replace(PREFECT, error="no"))
    assert [finding.kind for finding in verdict.findings] == [Difference.RUN]


def test_the_differing_columns_are_named() -> None:
    left, right = (
        Fingerprint("table", digest, (1, 2), (("x", "int64 0"), ("y", f"int64 {digest}")))
        for digest in ("aa", "bb")
    )
    outputs = [(RecordedOutput(SECOND.output, found),) for found in (left, right)]
    (finding, *_) = judge(
        replace(DAGSTER, outputs=outputs[0]), replace(PREFECT, outputs=outputs[1])
    ).findings
    assert (finding.kind, finding.place) == (Difference.CONTENT, "b, y")


def test_a_mapped_step_is_compared_by_what_it_became() -> None:
    mapped = (A, replace(B, step=StepId("b", "x")))
    dagster = replace(DAGSTER, steps=mapped)
    assert judge(dagster, replace(PREFECT, steps=mapped)).holds
    (finding,) = judge(
        dagster, replace(PREFECT, steps=(A, replace(B, step=StepId("b", "y"))))
    ).findings[:1]
    assert finding.place == "b[x]"


def test_each_asset_is_counted() -> None:
    prefect = replace(PREFECT, outputs=(output("a", "2016-03-08", "ax"),))
    counts = judge(DAGSTER, prefect).assets
    assert [(c.asset, c.left, c.right, c.identical) for c in counts] == [
        ("a", 1, 1, 0),
        ("b", 1, 0, 0),
    ]


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    DAGSTER.write(path)
    assert Record.read(path) == DAGSTER


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"orchestrator": "dagster"}'])
def test_a_damaged_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(ComparisonError, match="is not a record of a run"):
        Record.read(path)


@given(st.lists(st.text(), min_size=1).map(tuple), st.none() | st.text())
def test_an_output_s_text_form_is_reversible(path: tuple[str, ...], partition: str | None) -> None:
    output_id = OutputId(path, partition)
    assert OutputId.parse(str(output_id)) == output_id
    assert parse_value_id(str(output_id)) == output_id


@given(st.integers(0, 9), st.text(), st.text(), st.none() | st.text())
def test_an_op_output_s_text_form_is_reversible(
    run: int, step: str, output: str, mapping_key: str | None
) -> None:
    value_id = StepOutputId(run, StepId(step), output, mapping_key)
    assert parse_value_id(str(value_id)) == value_id


def test_the_verdict_counts_its_outputs_and_steps() -> None:
    outputs = (FIRST, SECOND, replace(output("c", None, ""), fingerprint=NO_CONTENT))
    dagster = replace(
        DAGSTER, outputs=outputs, steps=(A, B, RecordedStep(1, StepId("a"), "succeeded"))
    )
    prefect = replace(
        PREFECT,
        outputs=(output("a", "2016-03-08", "ax"), *outputs[1:], output("d", None, "dd")),
    )
    verdict = judge(dagster, prefect)
    assert (verdict.identical, verdict.compared, verdict.without_content) == (1, 3, 1)
    assert verdict.steps == 3
    assert verdict.differing == (FIRST.output,)
    assert [entry.output.label for entry in verdict.outputs] == ["a[2016-03-08]", "b", "c", "d"]


def test_all_kinds_of_finding_come_in_one_order() -> None:
    prefect = replace(
        PREFECT,
        steps=(A, replace(B, state="skipped")),
        outputs=(FIRST,),
        checks=(),
        observations=(),
        dynamic_partitions=(),
        materialized=(("a", 2), ("b", 1)),
        files=(),
    )
    assert [finding.kind for finding in judge(DAGSTER, prefect).findings] == [
        Difference.STEP_STATE,
        Difference.MISSING,
        Difference.CHECK,
        Difference.OBSERVATION,
        Difference.DYNAMIC_PARTITIONS,
        Difference.CATALOGUE,
        Difference.FILES,
    ]


BY_ASPECT = {
    Aspect.RUN: replace(PREFECT, error="the server went away"),
    Aspect.STEPS: replace(PREFECT, steps=(A, replace(B, state="skipped"))),
    Aspect.DEPENDENCIES: replace(PREFECT, steps=(A, replace(B, upstream=()))),
    Aspect.ATTEMPTS: replace(PREFECT, steps=(A, replace(B, attempts=3, waits_s=(1.0, 1.0)))),
    Aspect.EXCEPTIONS: replace(PREFECT, steps=(A, replace(B, errors=()))),
    Aspect.DATA_VERSIONS: replace(PREFECT, outputs=(FIRST, replace(SECOND, data_version="v2"))),
    Aspect.DESCRIPTIONS: replace(PREFECT, outputs=(FIRST, replace(SECOND, description="done"))),
    Aspect.CHECKS: replace(PREFECT, checks=()),
    Aspect.CHECK_METADATA: replace(PREFECT, checks=(replace(check(), metadata=(("x", "1"),)),)),
    Aspect.OBSERVATIONS: replace(PREFECT, observations=()),
    Aspect.DYNAMIC_PARTITIONS: replace(PREFECT, dynamic_partitions=()),
    Aspect.CATALOGUE: replace(PREFECT, materialized=()),
    Aspect.FILES: replace(PREFECT, files=()),
    Aspect.TIMES: replace(PREFECT, outputs=(FIRST, SECOND, SECOND)),
}


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("aspect", BY_ASPECT)
def test_what_one_side_cannot_know_is_not_compared(aspect: Aspect, side: int) -> None:
    """The same difference is a finding if both sides know of it."""
    records = [DAGSTER, BY_ASPECT[aspect]]
    assert not judge(*records).holds
    records[side] = replace(records[side], unknown=((str(aspect), "the reason"),))
    verdict = judge(*records)
    assert verdict.findings == ()
    assert verdict.not_compared == ((str(aspect), "the reason"),)


def test_of_a_side_that_places_other_files_itself_only_files_of_assets_count() -> None:
    others = replace(PREFECT, files=(*PREFECT.files, "tmp/x"))
    places_them_itself = ((str(Aspect.OTHER_FILES), "the reason"),)
    assert not judge(DAGSTER, others).holds
    assert judge(DAGSTER, replace(others, unknown=places_them_itself)).holds
    without = replace(PREFECT, files=(), unknown=places_them_itself)
    assert [found.place for found in judge(DAGSTER, without).findings] == ["a"]


def test_the_left_side_gives_its_reason_first_and_both_sides_have_their_names() -> None:
    verdict = judge(
        replace(DAGSTER, unknown=(("costs", "left"),)),
        replace(PREFECT, unknown=(("files", "right"), ("costs", "right"))),
    )
    assert dict(verdict.not_compared) == {"costs": "left", "files": "right"}
    assert verdict.sides == ("dagster", "prefect")


@pytest.mark.parametrize(
    ("words", "outcome", "declared"),
    [
        ("within 1", OutputOutcome.EQUAL, ((SECOND.output, "within 1"),)),
        ("", OutputOutcome.SAME_ROWS, ()),
    ],
)
def test_an_accepted_output_is_equal_and_its_data_version_does_not_count(
    words: str, outcome: OutputOutcome, declared: tuple[tuple[OutputId, str], ...]
) -> None:
    other = replace(output("b", None, "bx"), data_version="of its content")
    accepted = {FIRST.output: "never needed", SECOND.output: words}
    verdict = judge(DAGSTER, replace(PREFECT, outputs=(FIRST, other)), {SECOND.output: words})
    assert verdict.holds
    assert [entry.outcome for entry in verdict.outputs] == [OutputOutcome.IDENTICAL, outcome]
    assert verdict.declared == declared
    assert (verdict.equal_as_declared, verdict.same_rows) == (bool(words), not words)
    # Contents that are identical anyway stay so, whatever was accepted.
    assert judge(DAGSTER, PREFECT, accepted).identical == 2
