"""Each kind of planted difference is found, named, and shown from both sides."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_compat.errors import ComparisonError
from prefect_compat.parity.fingerprint import UNKNOWN, Fingerprint
from prefect_compat.parity.record import Record, RecordedCheck, RecordedOutput
from prefect_compat.parity.verdict import Difference, compare
from prefect_compat.plan import CheckId, OutputId


def output(asset: str, day: str | None, digest: str, kind: str = "table") -> RecordedOutput:
    return RecordedOutput(OutputId((asset,), day), Fingerprint(kind, digest, (2, 3)))


def check(passed: bool = True, severity: str = "ERROR") -> RecordedCheck:
    return RecordedCheck(CheckId(("a",), "is_good"), passed, severity)


def record(orchestrator: str) -> Record:
    return Record(
        orchestrator,
        steps=(("a", "succeeded"), ("b", "succeeded")),
        outputs=(output("a", "2016-03-08", "aa"), output("b", None, "bb")),
        checks=(check(),),
        wall_s=1.5,
    )


DAGSTER, PREFECT = record("dagster"), record("prefect")
FIRST, SECOND = PREFECT.outputs


def test_the_same_is_the_same() -> None:
    verdict = compare(DAGSTER, PREFECT)
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
            replace(PREFECT, steps=(("a", "succeeded"), ("b", "skipped"))),
            Difference.STEP_STATE,
            "different step state: b: dagster has succeeded, prefect has skipped",
        ),
        (
            replace(PREFECT, steps=(("a", "succeeded"),)),
            Difference.STEP_STATE,
            "different step state: b: dagster has succeeded, prefect has nothing",
        ),
        (
            replace(PREFECT, checks=(check(passed=False),)),
            Difference.CHECK,
            "different check result: a:is_good: dagster has passed, prefect has failed (ERROR)",
        ),
        (
            replace(PREFECT, checks=()),
            Difference.CHECK,
            "different check result: a:is_good: dagster has passed, prefect has nothing",
        ),
        (
            replace(PREFECT, error="the server went away"),
            Difference.RUN,
            "run failed: the whole run: dagster has success, prefect has the server went away",
        ),
    ],
)
def test_a_difference_is_named(prefect: Record, kind: Difference, text: str) -> None:
    verdict = compare(DAGSTER, prefect)
    assert not verdict.holds
    (finding,) = verdict.findings
    assert finding.kind is kind
    assert str(finding).startswith(text)


def test_the_severity_of_a_failed_check_counts() -> None:
    warned = replace(DAGSTER, checks=(check(passed=False, severity="WARN"),))
    failed = replace(PREFECT, checks=(check(passed=False),))
    (finding,) = compare(warned, failed).findings
    assert (finding.dagster, finding.prefect) == ("failed (WARN)", "failed (ERROR)")


def test_what_is_unknown_on_both_sides_is_not_parity() -> None:
    unknown = (output("a", None, "some.Type", UNKNOWN),)
    verdict = compare(replace(DAGSTER, outputs=unknown), replace(PREFECT, outputs=unknown))
    assert not verdict.holds
    assert [finding.kind for finding in verdict.findings] == [Difference.NOT_COMPARABLE]


def test_nothing_compared_is_not_parity() -> None:
    assert not compare(replace(DAGSTER, outputs=()), replace(PREFECT, outputs=())).holds


def test_a_failure_on_both_sides_is_not_parity() -> None:
    assert not compare(replace(DAGSTER, error="no"), replace(PREFECT, error="no")).holds


def test_each_asset_is_counted() -> None:
    prefect = replace(PREFECT, outputs=(output("a", "2016-03-08", "ax"),))
    counts = compare(DAGSTER, prefect).assets
    assert [(c.asset, c.dagster, c.prefect, c.identical) for c in counts] == [
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
