"""Runs and steps: what each side did, and in which order."""

from dataclasses import replace

import pytest

from prefect_compat.comparison.judging.behaviour import failure_of, judge_behaviour
from prefect_compat.comparison.judging.findings import Difference, Finding, one_line
from prefect_compat.comparison.record.record import Record, RecordedStep
from prefect_compat.engine.dagster_port.graph import parse_step_key
from prefect_compat.graph.ids import StepId
from tests.prefect_compat.comparison.records import DAGSTER, PREFECT, A, B

D = Difference


def steps(*entries: RecordedStep, error: str | None = None) -> Record:
    return replace(DAGSTER, steps=entries, error=error)


def step(name: str, state: str = "succeeded", run: int = 0, **facts: object) -> RecordedStep:
    return replace(RecordedStep(run, parse_step_key(name), state), **facts)  # type: ignore[arg-type]


def findings(left: Record, right: Record) -> list[Finding]:
    return list(judge_behaviour(left, right))


@pytest.mark.parametrize(
    ("left", "right", "is_same"),
    [
        ((1.0,), (1.0,), True),
        ((1.0,), (1.5,), True),
        ((1.5,), (1.0,), True),
        ((1.0,), (1.75,), False),
        ((1.75,), (1.0,), False),
        ((1.0, 2.0), (1.0, 3.0), False),
        ((1.0, 2.0), (1.0,), False),
        ((), (1.0,), False),
    ],
)
def test_waits_may_differ_by_half_a_second(
    left: tuple[float, ...], right: tuple[float, ...], is_same: bool
) -> None:
    found = findings(steps(step("a", waits_s=left)), steps(step("a", waits_s=right)))
    assert [finding.kind for finding in found] == ([] if is_same else [D.RETRY_WAIT])


def test_waits_are_shown_in_seconds() -> None:
    left, right = step("a", waits_s=(1.0, 2.25)), step("a")
    assert findings(steps(left), steps(right)) == [
        Finding(D.RETRY_WAIT, "a", "1.0 s, 2.2 s", "nothing")
    ]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (None, None, []),
        ("the\n  server", None, [Finding(D.RUN, "the whole run", "the server", "success")]),
        (None, "gone", [Finding(D.RUN, "the whole run", "success", "gone")]),
        ("gone", "gone", [Finding(D.RUN, "the whole run", "gone", "gone")]),
    ],
)
def test_a_run_that_fails_outside_any_step_is_a_finding(
    left: str | None, right: str | None, expected: list[Finding]
) -> None:
    found = findings(replace(DAGSTER, error=left), replace(PREFECT, error=right))
    assert found == expected


def test_runs_that_fail_in_a_step_on_both_sides_are_the_same() -> None:
    failed = steps(step("a", "failed"), step("b"), error="a failed")
    assert findings(failed, failed) == []


def test_a_run_that_fails_in_a_step_on_one_side_only_is_a_finding() -> None:
    failed, other = steps(step("a", "failed"), error="no"), steps(step("a"), error="no")
    assert [finding.kind for finding in findings(failed, other)] == [D.RUN, D.STEP_STATE]


def test_a_step_attempted_on_either_side_is_a_run() -> None:
    idle, tried = steps(step("a", attempts=0)), steps(step("a", attempts=1))
    assert findings(idle, idle) == [Finding(D.NOTHING, "the whole run", "no step", "no step")]
    for pair in ((idle, tried), (tried, idle)):
        assert [finding.kind for finding in findings(*pair)] == [D.ATTEMPTS]


def test_steps_of_one_side_are_named_in_order() -> None:
    left, right = steps(A, step("d")), steps(A, step("c"))
    assert findings(left, right) == [
        Finding(D.STEP, "c", "nothing", "the step"),
        Finding(D.STEP, "d", "the step", "nothing"),
    ]


def test_dependencies_are_compared_over_all_runs() -> None:
    left = steps(step("a"), step("c"), step("b", upstream=(StepId("a"),)), step("b", run=1))
    right = steps(step("a"), step("c"), step("b", upstream=(StepId("c"),)), step("b", run=1))
    assert findings(left, right) == [
        Finding(D.EDGE, "a -> b", "the dependency", "nothing"),
        Finding(D.EDGE, "c -> b", "nothing", "the dependency"),
    ]
    later = steps(step("a"), step("c"), step("b"), step("b", run=1, upstream=(StepId("a"),)))
    assert findings(left, later) == []


def test_a_dependency_on_a_missing_step_is_no_second_finding() -> None:
    left = steps(step("a"), step("b", upstream=(StepId("a"),)))
    assert findings(left, steps(step("b"))) == [Finding(D.STEP, "a", "the step", "nothing")]


def test_a_mapped_step_has_one_place_in_the_graph_and_one_of_its_own() -> None:
    def side(*keys: str) -> Record:
        mapped = (step(f"m[{key}]", upstream=(StepId("a"),)) for key in keys)
        end = step("end", upstream=tuple(StepId("m", key) for key in keys))
        return steps(step("a"), *mapped, end)

    assert findings(side("x", "y"), side("x", "y")) == []
    assert findings(side("x", "y"), side("x", "z")) == [
        Finding(D.STEP_STATE, "m[y]", "succeeded", "nothing"),
        Finding(D.STEP_STATE, "m[z]", "nothing", "succeeded"),
    ]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"state": "failed"}, Finding(D.STEP_STATE, "b in run 3", "succeeded", "failed")),
        ({"attempts": 4}, Finding(D.ATTEMPTS, "b in run 3", "1", "4")),
        ({"waits_s": (9.0,)}, Finding(D.RETRY_WAIT, "b in run 3", "nothing", "9.0 s")),
        (
            {"errors": (("KeyError", "x"), ("OSError", "y"))},
            Finding(D.EXCEPTION, "b in run 3", "nothing", "KeyError, OSError"),
        ),
    ],
)
def test_a_later_run_is_named(change: dict[str, object], finding: Finding) -> None:
    left, right = step("b", run=2), step("b", run=2, **change)
    assert findings(steps(A, left), steps(A, right)) == [finding]


def test_a_run_of_a_step_on_one_side_only_is_named() -> None:
    left, right = steps(A, step("a", run=1)), steps(A)
    assert findings(left, right) == [Finding(D.STEP_STATE, "a in run 2", "succeeded", "nothing")]
    assert findings(right, left) == [Finding(D.STEP_STATE, "a in run 2", "nothing", "succeeded")]


def test_steps_are_compared_run_by_run_in_order() -> None:
    left = steps(step("b", run=1), step("b"), step("a"))
    right = steps(step("a", "skipped"), step("b", "skipped"), step("b", "skipped", run=1))
    assert [finding.place for finding in findings(left, right)] == ["a", "b", "b in run 2"]


FAILED = (("OSError", "not yet"), ("OSError", "still not"), ("OSError", "disk\nfull"))


@pytest.mark.parametrize(
    ("state", "errors", "expected"),
    [
        ("failed", FAILED, []),
        ("failed", (("OSError", "other"), ("OSError", "x"), FAILED[2]), []),
        ("failed", (*FAILED[:2], ("OSError", "no route")), [("disk full", "no route")]),
        (
            "failed",
            (FAILED[0], ("KeyError", "x"), FAILED[2]),
            [("OSError, OSError, OSError", "OSError, KeyError, OSError")],
        ),
        ("succeeded", (*FAILED[:2], ("OSError", "no route")), []),
    ],
)
def test_only_the_last_error_of_a_failed_step_is_compared_by_its_words(
    state: str, errors: tuple[tuple[str, str], ...], expected: list[tuple[str, str]]
) -> None:
    left, right = (step("b", state, errors=entries) for entries in (FAILED, errors))
    found = findings(steps(left), steps(right))
    assert [(finding.left, finding.right) for finding in found] == expected
    assert {(finding.kind, finding.place) for finding in found} <= {(D.EXCEPTION, "b")}


def test_a_failed_step_without_errors_is_compared_by_its_state() -> None:
    failed = steps(step("b", "failed"))
    assert findings(failed, failed) == []


def test_the_failure_names_each_failed_step_with_its_last_error() -> None:
    record = steps(
        A, step("b", "failed", errors=FAILED), step("c", "failed"), step("d", "not started")
    )
    assert failure_of(record) == "b: disk full; c"
    assert failure_of(steps(A, B)) is None


@pytest.mark.parametrize(
    ("text", "line"), [(None, ""), ("", ""), (" a\n\n b\tc ", "a b c"), ("a", "a")]
)
def test_an_error_is_shown_on_one_line(text: str | None, line: str) -> None:
    assert one_line(text) == line
