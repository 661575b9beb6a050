"""Compares what a project attached to its work: metadata, tags, descriptions, check results."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from prefect_compat.comparison.judging.findings import ABSENT, Difference, Finding
from prefect_compat.comparison.record.record import (
    Pairs,
    RecordedCheck,
    RecordedObservation,
    RecordedOutput,
)
from prefect_compat.graph.ids import OutputId

Described = RecordedOutput | RecordedCheck | RecordedObservation


def judge_checks(
    first: Iterable[RecordedCheck],
    second: Iterable[RecordedCheck],
    have_metadata: tuple[bool, bool] = (True, True),
) -> Iterator[Finding]:
    """Yields the differences in check results, their severities and what they carry.

    Of a side without metadata only descriptions are compared, and only those that it gives.
    """

    def place_of(entry: RecordedCheck) -> str:
        asset = OutputId(entry.check.asset_key, entry.partition_key)
        return f"{asset.label}:{entry.check.name}"

    def result(entry: RecordedCheck) -> str:
        return f"{'passed' if entry.passed else 'failed'} ({entry.severity})"

    judge = judge_described if all(have_metadata) else partial(_given_descriptions, have_metadata)
    return _entries(Difference.CHECK, first, second, place_of, result, judge)


def judge_observations(
    first: Iterable[RecordedObservation], second: Iterable[RecordedObservation]
) -> Iterator[Finding]:
    """Yields the differences in observed data versions and what the observations carry."""

    def place_of(entry: RecordedObservation) -> str:
        return f"{entry.output.label}, observed"

    def result(entry: RecordedObservation) -> str:
        return f"data version {entry.data_version}"

    return _entries(Difference.OBSERVATION, first, second, place_of, result, judge_described)


def judge_described(place: str, left: Described, right: Described) -> Iterator[Finding]:
    """Compares the metadata, tags and descriptions of an entry that both sides have."""
    yield from _pairs(Difference.METADATA, place, left.metadata, right.metadata)
    if not isinstance(left, RecordedCheck) and not isinstance(right, RecordedCheck):
        yield from _pairs(Difference.TAGS, place, left.tags, right.tags)
    yield from _descriptions(place, left, right)


def _given_descriptions(
    have_metadata: tuple[bool, bool], place: str, left: Described, right: Described
) -> Iterator[Finding]:
    sides = zip((left, right), have_metadata, strict=True)
    if all(has or entry.description is not None for entry, has in sides):
        yield from _descriptions(place, left, right)


def _descriptions(place: str, left: Described, right: Described) -> Iterator[Finding]:
    if left.description != right.description:
        sides = (entry.description or ABSENT for entry in (left, right))
        yield Finding(Difference.DESCRIPTION, place, *sides)


def _pairs(kind: Difference, place: str, left: Pairs, right: Pairs) -> Iterator[Finding]:
    mine, other = dict(left), dict(right)
    for name in sorted({*mine, *other}):
        if mine.get(name) != other.get(name):
            sides = (entry.get(name, ABSENT) for entry in (mine, other))
            yield Finding(kind, f"{place}, {name}", *sides)


def _entries(
    kind: Difference,
    first: Iterable[Described],
    second: Iterable[Described],
    place_of: Callable[[Any], str],
    result: Callable[[Any], str],
    judge: Callable[[str, Described, Described], Iterator[Finding]],
) -> Iterator[Finding]:
    """Yields entries that one side lacks, or whose result or description differs."""
    left, right = _numbered(first, place_of), _numbered(second, place_of)
    for place in sorted({*left, *right}):
        mine, other = left.get(place), right.get(place)
        results = [result(entry) if entry else ABSENT for entry in (mine, other)]
        if results[0] != results[1]:
            yield Finding(kind, place, *results)
        elif mine and other:
            yield from judge(place, mine, other)


def _numbered(entries: Iterable[Described], place_of: Callable[[Any], str]) -> dict[str, Described]:
    """The entries by place; the second at one place is `place (2)`."""
    by_place: dict[str, Described] = {}
    counts: Counter[str] = Counter()
    for entry in entries:
        place = place_of(entry)
        counts[place] += 1
        by_place[place if counts[place] == 1 else f"{place} ({counts[place]})"] = entry
    return by_place
