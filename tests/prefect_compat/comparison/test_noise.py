"""What is not reproducible is put apart, and a real difference beside it is still found."""

from dataclasses import replace

import pytest

from prefect_compat.comparison.fingerprint.fingerprint import Fingerprint
from prefect_compat.comparison.judging.findings import Difference
from prefect_compat.comparison.judging.outputs import OutputOutcome
from prefect_compat.comparison.noise import Noise, measure, without_noise
from prefect_compat.comparison.record.record import Record, RecordedOutput
from prefect_compat.comparison.verdict import Verdict, judge
from prefect_compat.graph.ids import OutputId
from tests.prefect_compat.comparison.records import DAGSTER, PREFECT

A = OutputId(("a",), "1")
B = OutputId(("b",))


def table(shape: tuple[int, int] = (2, 2), **columns: str) -> RecordedOutput:
    digest = "".join(columns.values())
    return RecordedOutput(A, Fingerprint("table", digest, shape, tuple(columns.items())))


def made(side: Record, *outputs: RecordedOutput) -> Record:
    return replace(side, outputs=outputs, materialized=(("a", 1),))


def judged(left: RecordedOutput, right: RecordedOutput, *again: RecordedOutput) -> Verdict:
    dagster, prefect = made(DAGSTER, left), made(PREFECT, right)
    noise = measure(dagster, [made(DAGSTER, entry) for entry in again])
    return without_noise(judge(dagster, prefect), dagster, prefect, noise)


def test_a_column_that_differs_from_itself_is_noise() -> None:
    found = judged(table(x="1", id="a"), table(x="1", id="b"), table(x="1", id="c"))
    assert found.holds
    assert [(f.kind, f.place) for f in found.noise] == [(Difference.CONTENT, "a[1], id")]
    assert found.outputs[0].outcome is OutputOutcome.NOT_REPRODUCIBLE


def test_another_column_of_the_same_output_is_a_difference() -> None:
    found = judged(table(x="1", id="a"), table(x="2", id="b"), table(x="1", id="c"))
    assert [(f.kind, f.place) for f in found.findings] == [(Difference.CONTENT, "a[1], x")]
    assert [(f.kind, f.place) for f in found.noise] == [(Difference.CONTENT, "a[1], id")]
    assert found.noisy_parts == ((A, ("id",)),)
    assert found.outputs[0].outcome is OutputOutcome.DIFFERENT


def test_another_number_of_rows_is_a_difference() -> None:
    found = judged(table(id="a"), table((3, 2), id="b"), table(id="c"))
    assert [f.kind for f in found.findings] == [Difference.CONTENT]


def test_all_columns_of_noise_and_all_others_are_named() -> None:
    found = judged(
        table(x="1", y="1", id="a", at="a"),
        table(x="2", y="2", id="b", at="b"),
        table(x="1", y="1", id="c", at="c"),
    )
    assert [f.place for f in found.findings] == ["a[1], x, y"]
    assert [f.place for f in found.noise] == ["a[1], id, at"]


def test_a_column_of_noise_that_is_equal_this_time_is_not_put_apart() -> None:
    found = judged(table(x="1", id="a"), table(x="2", id="a"), table(x="1", id="c"))
    assert [f.place for f in found.findings] == ["a[1], x"]
    assert (found.noise, found.noisy_parts) == ((), ())
    equal = judged(table(id="a"), table(id="a"), table(id="c"))
    assert equal.outputs[0].outcome is OutputOutcome.IDENTICAL


def test_each_output_has_its_own_noise() -> None:
    """The first output is made the same way each time; the second and the third are not."""
    ids = (B, A, OutputId(("c",)))
    left, right, again = (
        [
            replace(table(x=x, id=text), output=output)
            for output, text in zip(ids, texts, strict=True)
        ]
        for x, texts in (("1", "aaa"), ("2", "abb"), ("1", "acc"))
    )
    dagster, prefect = made(DAGSTER, *left), made(PREFECT, *right)
    noise = measure(dagster, [made(DAGSTER, *again)])
    found = without_noise(judge(dagster, prefect), dagster, prefect, noise)
    assert found.noisy_parts == ((A, ("id",)), (ids[2], ("id",)))


def test_noise_of_any_further_run_counts() -> None:
    found = judged(
        table(x="1", y="1"), table(x="2", y="2"), table(x="1", y="3"), table(x="4", y="1")
    )
    assert found.holds


def test_a_value_without_parts_is_noise_as_a_whole() -> None:
    left, right, again = (
        RecordedOutput(A, Fingerprint("float", digest)) for digest in ("1", "2", "3")
    )
    assert judged(left, right, again).holds
    assert not judged(left, right, left).holds


def test_metadata_that_differs_from_itself_is_noise() -> None:
    one, two, three = (
        replace(table(x="1"), metadata=(("seconds", text),)) for text in ("1", "2", "3")
    )
    found = judged(one, two, three)
    assert found.holds
    assert [(f.kind, f.place) for f in found.noise] == [(Difference.METADATA, "a[1], seconds")]


def test_metadata_that_differ_in_one_of_several_further_runs_are_noise() -> None:
    one, two, three = (
        replace(table(x="1"), metadata=(("seconds", text),)) for text in ("1", "2", "3")
    )
    assert judged(one, two, three, one).holds


def test_the_data_version_of_noise_is_noise() -> None:
    left, right, again = (replace(table(x=text), data_version=text) for text in ("1", "2", "3"))
    assert judged(left, right, again).holds


@pytest.mark.parametrize("repeats", [0, 2])
def test_equal_repeats_have_no_noise(repeats: int) -> None:
    assert measure(DAGSTER, [DAGSTER] * repeats) == Noise({}, frozenset())
