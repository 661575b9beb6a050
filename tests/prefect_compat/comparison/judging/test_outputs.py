"""Each output has one outcome, and all counts follow from the outcomes."""

from dataclasses import replace

import pytest

from prefect_compat.comparison.fingerprint.fingerprint import UNKNOWN, Fingerprint, fingerprint
from prefect_compat.comparison.judging.findings import Difference
from prefect_compat.comparison.judging.outputs import (
    AssetVerdict,
    OutputOutcome,
    OutputVerdict,
    differing_parts,
    judge_outputs,
)
from prefect_compat.comparison.record.record import NO_CONTENT, Aspect, RecordedOutput
from prefect_compat.graph.ids import OutputId, StepOutputId, ValueId
from tests.prefect_compat.comparison.records import output

O = OutputOutcome  # noqa: E741
MINE = output("a", None, "aa")
OTHER = output("a", None, "bb")
BARE = replace(MINE, fingerprint=NO_CONTENT)
STRANGE = output("a", None, "some.Type", UNKNOWN)
SHARED = replace(MINE, is_kept_apart=False)
EMPTY = replace(MINE, fingerprint=fingerprint(None))

CASES: dict[str, tuple[list[RecordedOutput], list[RecordedOutput], tuple[OutputOutcome, ...]]] = {
    "identical": ([MINE], [MINE], (O.IDENTICAL,)),
    "made twice by both": ([MINE, MINE], [MINE, MINE], (O.IDENTICAL,)),
    "different": ([MINE], [OTHER], (O.DIFFERENT,)),
    "the last one counts": ([OTHER, MINE], [MINE, MINE], (O.IDENTICAL,)),
    "only on the left": ([MINE], [], (O.ONLY_LEFT,)),
    "only on the right": ([], [MINE], (O.ONLY_RIGHT,)),
    "bare under Dagster only": ([BARE], [], (O.ONLY_LEFT, O.NO_CONTENT)),
    "strange on the left": ([STRANGE], [MINE], (O.NOT_COMPARABLE,)),
    "strange on the right": ([MINE], [STRANGE], (O.NOT_COMPARABLE,)),
    "strange on both sides": ([STRANGE], [STRANGE], (O.NOT_COMPARABLE,)),
    "bare": ([BARE], [BARE], (O.NO_CONTENT,)),
    "bare on one side": ([BARE], [MINE], (O.DIFFERENT,)),
    "shared by the left": ([SHARED], [MINE], (O.NOT_KEPT_APART, O.IDENTICAL)),
    "shared by the right": ([MINE], [SHARED], (O.NOT_KEPT_APART, O.IDENTICAL)),
    "shared and different": ([SHARED], [OTHER], (O.NOT_KEPT_APART, O.DIFFERENT)),
    "made twice by one": ([MINE], [MINE, MINE], (O.MADE_TWICE, O.IDENTICAL)),
    "made twice and different": ([OTHER, OTHER], [MINE], (O.DIFFERENT, O.MADE_TWICE)),
}


@pytest.mark.parametrize(("dagster", "prefect", "outcomes"), CASES.values(), ids=CASES)
def test_every_outcome_of_an_output_is_kept_the_worst_first(
    dagster: list[RecordedOutput],
    prefect: list[RecordedOutput],
    outcomes: tuple[OutputOutcome, ...],
) -> None:
    (asset,), _ = judge_outputs(dagster, prefect)
    assert asset.outputs == (OutputVerdict(MINE.output, outcomes),)
    assert asset.outputs[0].outcome is outcomes[0]


@pytest.mark.parametrize(("dagster", "prefect", "outcomes"), CASES.values(), ids=CASES)
def test_an_output_without_a_finding_is_identical_or_has_no_content(
    dagster: list[RecordedOutput],
    prefect: list[RecordedOutput],
    outcomes: tuple[OutputOutcome, ...],
) -> None:
    _, findings = judge_outputs(dagster, prefect)
    assert (findings == ()) == (outcomes[0] in (O.IDENTICAL, O.NO_CONTENT))


@pytest.mark.parametrize(
    ("left", "right", "knowing", "unknowing"),
    [
        (BARE, EMPTY, O.DIFFERENT, O.NO_CONTENT),
        (EMPTY, BARE, O.DIFFERENT, O.NO_CONTENT),
        (BARE, MINE, O.DIFFERENT, O.DIFFERENT),
        (EMPTY, EMPTY, O.IDENTICAL, O.IDENTICAL),
        (EMPTY, MINE, O.DIFFERENT, O.DIFFERENT),
    ],
)
def test_none_is_no_value_only_for_a_side_that_cannot_tell_them_apart(
    left: RecordedOutput, right: RecordedOutput, knowing: OutputOutcome, unknowing: OutputOutcome
) -> None:
    for known, outcome in ((set(Aspect), knowing), (set(Aspect) - {Aspect.NONE}, unknowing)):
        (asset,), findings = judge_outputs([left], [right], known)
        assert asset.worst is outcome
        assert bool(findings) == (outcome is O.DIFFERENT)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (O.ONLY_LEFT, "only in dagster"),
        (O.ONLY_RIGHT, "only in prefect"),
        (O.DIFFERENT, "different"),
        (O.IDENTICAL, "identical"),
    ],
)
def test_an_outcome_names_the_side_that_alone_has_the_output(
    outcome: OutputOutcome, words: str
) -> None:
    assert outcome.words(("dagster", "prefect")) == words


def verdicts(*outcomes: OutputOutcome) -> AssetVerdict:
    entries = (
        OutputVerdict(OutputId(("a",), str(number)), (outcome,))
        for number, outcome in enumerate(outcomes)
    )
    return AssetVerdict("a", ("a",), tuple(entries))


def test_the_counts_of_an_asset_follow_from_its_outcomes() -> None:
    asset = verdicts(
        *[O.IDENTICAL] * 7,
        *[O.ONLY_LEFT] * 1,
        *[O.ONLY_RIGHT] * 2,
        *[O.DIFFERENT] * 3,
        *[O.NO_CONTENT] * 4,
    )
    assert (asset.left, asset.right) == (15, 16)
    assert (asset.identical, asset.without_content) == (7, 4)


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("worst", list(OutputOutcome))
def test_an_asset_is_as_good_as_its_worst_output(worst: OutputOutcome, place: int) -> None:
    order = list(OutputOutcome)
    better = order[order.index(worst) :][-2:]
    outcomes = [better[0], better[-1]]
    outcomes.insert(place, worst)
    assert verdicts(*outcomes).worst is worst


def recorded(*places: ValueId) -> list[RecordedOutput]:
    return [replace(MINE, output=place) for place in places]


def test_assets_come_in_the_order_of_recording_and_partitions_sorted() -> None:
    z, a, b = (OutputId((name,)) for name in "zab")
    days = [OutputId(("d",), day) for day in ("2", "1")]
    assets, _ = judge_outputs(recorded(z, *days, a), recorded(b, a))
    assert [entry.asset for entry in assets] == ["z", "d", "a", "b"]
    assert [entry.output for entry in assets[1].outputs] == days[::-1]
    assert assets[1].asset_key == ("d",)


def test_findings_come_in_the_order_of_the_outputs() -> None:
    left = recorded(OutputId(("b",)), OutputId(("a",)))
    _, findings = judge_outputs(left, [])
    assert [finding.place for finding in findings] == ["a", "b"]


def test_an_op_and_an_asset_of_one_name_are_not_one() -> None:
    op = StepOutputId(0, "a", "result")
    keys = [OutputId(("a/b",)), OutputId(("a", "b"))]
    others = [
        StepOutputId(1, "a", "result"),
        StepOutputId(0, "a", "second"),
        StepOutputId(0, "b", "result"),
    ]
    places = [op, OutputId(("a",)), *keys, *others]
    assets, _ = judge_outputs(recorded(*places), recorded(*places))
    assert [entry.outputs[0].output for entry in assets] == places
    assert [entry.asset_key for entry in assets[:4]] == [None, ("a",), ("a/b",), ("a", "b")]


def test_the_dynamic_outputs_of_an_op_stand_together() -> None:
    places = [StepOutputId(0, "several", "result", key) for key in "ab"]
    (asset,), _ = judge_outputs(recorded(*places), recorded(*places))
    assert [entry.output for entry in asset.outputs] == places


def test_different_content_in_one_place_is_two_findings() -> None:
    _, findings = judge_outputs([SHARED], [OTHER])
    assert [(f.kind, f.place, f.left, f.right) for f in findings] == [
        (Difference.CONTENT, "a", "table 2 x 3 aa", "table 2 x 3 bb"),
        (Difference.NOT_KEPT_APART, "a", "another place", "its own store"),
    ]


def test_a_repeated_output_is_counted_on_both_sides() -> None:
    _, findings = judge_outputs([MINE, MINE, MINE], [MINE])
    assert [(f.kind, f.place, f.left, f.right) for f in findings] == [
        (Difference.TWICE, "a", "3 times", "1 times")
    ]


def test_digests_and_data_versions_are_cut_and_reasons_are_not() -> None:
    long = "0123456789abcdef0123"
    left = replace(MINE, fingerprint=Fingerprint("table", long), data_version=long)
    right = replace(MINE, fingerprint=Fingerprint(UNKNOWN, long), data_version=None)
    _, findings = judge_outputs([left], [right])
    assert [(f.left, f.right) for f in findings] == [
        ("table 0123456789ab", f"unknown {long}"),
        ("0123456789abcdef", "nothing"),
    ]


def test_the_differing_parts_are_named_in_the_order_of_the_left() -> None:
    left = Fingerprint("table", "1", (), (("z", "1"), ("same", "1"), ("b", "1")))
    right = Fingerprint("table", "2", (), (("new", "1"), ("b", "2"), ("same", "1"), ("z", "2")))
    assert differing_parts(left, right) == ["z", "b", "new"]
    places = [replace(MINE, fingerprint=side) for side in (left, right)]
    _, (finding,) = judge_outputs(places[:1], places[1:])
    assert finding.place == "a, z, b, new"
