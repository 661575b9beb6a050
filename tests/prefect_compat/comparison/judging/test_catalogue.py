"""Checks, observations, catalogue, dynamic partitions and files: both sides of each difference."""

from dataclasses import replace

import pytest

from prefect_compat.comparison.judging.catalogue import (
    judge_catalogues,
    judge_dynamic_partitions,
    judge_files,
)
from prefect_compat.comparison.judging.described import judge_checks, judge_observations
from prefect_compat.comparison.judging.findings import Difference, Finding
from prefect_compat.comparison.record.record import NO_CONTENT, Record, RecordedOutput
from prefect_compat.graph.ids import CheckId, OutputId
from tests.prefect_compat.comparison.records import DAGSTER, FIRST, PREFECT, SECOND, SEEN, check

D = Difference


def test_repeated_checks_are_numbered_and_compared_in_turn() -> None:
    good, bad = check(), check(passed=False)
    found = list(judge_checks([good, good, good], [good, bad]))
    assert found == [
        Finding(D.CHECK, "a:is_good (2)", "passed (ERROR)", "failed (ERROR)"),
        Finding(D.CHECK, "a:is_good (3)", "passed (ERROR)", "nothing"),
    ]


def test_a_check_is_named_with_its_partition() -> None:
    good = replace(check(), partition_key="2016-03-08")
    other = replace(good, check=CheckId(("b",), "is_good"))
    assert list(judge_checks([good], [other])) == [
        Finding(D.CHECK, "a[2016-03-08]:is_good", "passed (ERROR)", "nothing"),
        Finding(D.CHECK, "b[2016-03-08]:is_good", "nothing", "passed (ERROR)"),
    ]


def test_a_check_carries_metadata_and_a_description() -> None:
    left = replace(check(), metadata=(("x", "1"), ("same", "1"), ("a", "1")), description="one")
    right = replace(check(), metadata=(("x", "2"), ("same", "1"), ("b", "1")), description="two")
    assert list(judge_checks([left], [right])) == [
        Finding(D.METADATA, "a:is_good, a", "1", "nothing"),
        Finding(D.METADATA, "a:is_good, b", "nothing", "1"),
        Finding(D.METADATA, "a:is_good, x", "1", "2"),
        Finding(D.DESCRIPTION, "a:is_good", "one", "two"),
    ]
    assert list(judge_checks([replace(check(), description="one")], [check()])) == [
        Finding(D.DESCRIPTION, "a:is_good", "one", "nothing")
    ]


@pytest.mark.parametrize(
    ("words", "have_metadata", "expected"),
    [
        (("one", "two"), (True, False), [("one", "two")]),
        (("one", "two"), (False, True), [("one", "two")]),
        (("one", None), (True, False), []),
        (("one", None), (False, True), [("one", "nothing")]),
        ((None, "two"), (True, False), [("nothing", "two")]),
        ((None, "two"), (False, True), []),
        ((None, None), (False, False), []),
        (("one", None), (False, False), []),
    ],
)
def test_of_a_side_without_metadata_only_the_descriptions_that_it_gives_count(
    words: tuple[str | None, str | None],
    have_metadata: tuple[bool, bool],
    expected: list[tuple[str, str]],
) -> None:
    left, right = (
        replace(check(), description=said, metadata=(("x", str(number)),))
        for number, said in enumerate(words)
    )
    assert list(judge_checks([left], [right], have_metadata)) == [
        Finding(D.DESCRIPTION, "a:is_good", *sides) for sides in expected
    ]


def test_an_observation_carries_tags_and_its_partition() -> None:
    left = replace(SEEN, output=OutputId(("far",), "1"))
    right = replace(left, tags=(("tier", "2"),))
    assert list(judge_observations([left], [right])) == [
        Finding(D.TAGS, "far[1], observed, tier", "1", "2")
    ]


def test_counts_in_the_catalogues_are_shown_from_both_sides() -> None:
    left = replace(DAGSTER, materialized=(("b", 2), ("a", 1), ("c", 5)))
    right = replace(PREFECT, materialized=(("b", 3), ("a", 1)))
    assert list(judge_catalogues(left, right)) == [
        Finding(D.CATALOGUE, "b", "2 materialized", "3 materialized"),
        Finding(D.CATALOGUE, "c", "5 materialized, none read", "0 materialized, none read"),
    ]


@pytest.mark.parametrize("reader", [0, 1])
def test_an_asset_read_on_either_side_is_read(reader: int) -> None:
    outputs = [(FIRST, SECOND) if side == reader else () for side in (0, 1)]
    left = replace(DAGSTER, outputs=outputs[0])
    right = replace(PREFECT, outputs=outputs[1])
    assert list(judge_catalogues(left, right)) == []


def test_dynamic_partitions_that_both_sides_changed_alike_are_left_out() -> None:
    left = (("colours", "added red"), ("colours", "added blue"), ("shapes", "added round"))
    right = (("colours", "added blue"), ("colours", "added blue"), ("shapes", "added round"))
    assert list(judge_dynamic_partitions(left, right)) == [
        Finding(D.DYNAMIC_PARTITIONS, "colours", "added red", "added blue")
    ]
    several = (("b", "added y"), ("b", "added x"), ("a", "added x"))
    assert list(judge_dynamic_partitions(several, ())) == [
        Finding(D.DYNAMIC_PARTITIONS, "a", "added x", "nothing"),
        Finding(D.DYNAMIC_PARTITIONS, "b", "added x, added y", "nothing"),
    ]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (("a/b/1",), ("a/b/1",), []),
        (("a/b/1",), (), [("a/b", "1", "nothing")]),
        ((), ("x",), [("the store", "nothing", "x")]),
        (("d/2", "d/1"), ("d/3",), [("d", "1, 2", "3")]),
        (("d/1", "d/2", "d/3"), (), [("d", "1, 2, 3", "nothing")]),
        ((), ("d/1", "d/2", "d/3", "d/4"), [("d", "nothing", "1, 2, 3 and 1 more")]),
        (("d/1", "d/1"), ("d/1",), [("d", "1", "nothing")]),
        (("d/1",), ("c/1",), [("c", "nothing", "1"), ("d", "1", "nothing")]),
    ],
)
def test_files_of_one_side_are_listed_by_folder(
    left: tuple[str, ...], right: tuple[str, ...], expected: list[tuple[str, str, str]]
) -> None:
    found = list(judge_files(with_files(*left), with_files(*right)))
    assert [(f.place, f.left, f.right) for f in found] == expected
    assert {f.kind for f in found} <= {D.FILES}


def test_files_of_assets_alone_count_if_a_side_places_others_itself() -> None:
    of_assets = ("a/2016-03-08", "b.json", "store/a.csv", "shop/2016/x")
    others = ("run 1/a/result", "places/tmp/b/x.duckdb", "trips/a1.csv", "ab/1", "a_b")
    outputs = tuple(
        RecordedOutput(OutputId(key), NO_CONTENT) for key in (("a",), ("b",), ("shop", "sales"))
    )
    left, right = (
        replace(side, outputs=outputs) for side in (with_files(*of_assets, *others), with_files())
    )
    found = list(judge_files(left, right, of_assets=True))
    assert {f"{f.place}/{f.left}" for f in found} == {
        *("a/2016-03-08", "the store/b.json", "store/a.csv", "shop/2016/x")
    }


def test_a_folder_that_was_set_from_outside_hides_no_file() -> None:
    outputs = (RecordedOutput(OutputId(("a",)), NO_CONTENT),)
    files = "places/home/a/store/a/1", "places/home/a/store/a/2"
    left, right = (
        replace(side, outputs=outputs) for side in (with_files(*files), with_files("a/1"))
    )
    (found,) = judge_files(left, right, of_assets=True)
    assert (found.place, found.left, found.right) == ("places/home/a/store/a", "2", "nothing")


def with_files(*files: str) -> Record:
    return replace(DAGSTER, files=files)
