"""Two records compared: what is equal, what differs, what is missing on which side."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from prefect_compat.comparison.fingerprint.fingerprint import Fingerprint
from prefect_compat.comparison.record.record import (
    Pairs,
    Record,
    RecordedCheck,
    RecordedObservation,
    RecordedOutput,
    RecordedStep,
)
from prefect_compat.graph.ids import OutputId, ValueId

ABSENT = "nothing"
APART = "its own store"
NOT_APART = "another place"
SHOWN_FILES = 3
NOT_APART_REMEDY = (
    "What is not kept apart lies outside of the side's own store, and both sides wrote to one"
    " place. Name the variable that says where it is stored (--store-env), or let the IO manager"
    ' take its place from one: dg.EnvVar("MY_STORE").'
)
Described = RecordedOutput | RecordedCheck | RecordedObservation
# Prefect asks its server for the time of a retry; Dagster waits in its own process.
WAIT_TOLERANCE_S = 0.5


class Difference(StrEnum):
    """What kind of difference was found."""

    RUN = "run failed"
    NOTHING = "nothing was run"
    STEP = "step on one side only"
    EDGE = "dependency on one side only"
    STEP_STATE = "different step state"
    ATTEMPTS = "different number of attempts"
    RETRY_WAIT = "different wait before a retry"
    EXCEPTION = "different exception"
    CONTENT = "different content"
    MISSING = "missing on one side"
    NOT_COMPARABLE = "not comparable"
    NOT_KEPT_APART = "not kept apart"
    TWICE = "made more than once"
    DATA_VERSION = "different data version"
    METADATA = "different metadata"
    TAGS = "different tags"
    DESCRIPTION = "different description"
    CHECK = "different check result"
    OBSERVATION = "different observation"
    DYNAMIC_PARTITIONS = "different dynamic partitions"
    CATALOGUE = "different count in the catalogue"
    FILES = "different files in the store"


@dataclass(frozen=True)
class Finding:
    """One difference: its kind, its place, and what either side has there."""

    kind: Difference
    place: str
    dagster: str
    prefect: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.place}: dagster has {self.dagster}, prefect has {self.prefect}"


@dataclass(frozen=True)
class AssetCount:
    """Counts for one asset, or for one output of an op.

    How many outputs either side made, how many are identical, and how many have no content to
    compare.
    """

    asset: str
    dagster: int
    prefect: int
    identical: int
    without_content: int = 0


@dataclass(frozen=True)
class Verdict:
    """Parity holds if something was run and nothing differs or is missing.

    `compared` counts the outputs with content, `steps` the steps of all runs; `differing` are the
    outputs whose content differs. `failure` says how both runs failed, if they did so in the same
    way.
    """

    assets: tuple[AssetCount, ...]
    compared: int
    steps: int
    findings: tuple[Finding, ...]
    differing: tuple[ValueId, ...] = ()
    failure: str | None = None

    @property
    def identical(self) -> int:
        return sum(asset.identical for asset in self.assets)

    @property
    def without_content(self) -> int:
        return sum(asset.without_content for asset in self.assets)

    @property
    def holds(self) -> bool:
        return not self.findings


def judge(dagster: Record, prefect: Record) -> Verdict:
    """The verdict on two records of the same work.

    Two runs that fail at the same steps for the same reasons behave the same.
    """
    left, right = _by_place(dagster.outputs), _by_place(prefect.outputs)
    places = sorted({*left, *right}, key=str)
    findings = [
        *_runs(dagster, prefect),
        *_graphs(dagster.steps, prefect.steps),
        *_behaviours(dagster.steps, prefect.steps),
        *_repeated(dagster.outputs, prefect.outputs),
        *_outputs(places, left, right),
        *_checks(dagster.checks, prefect.checks),
        *_observations(dagster.observations, prefect.observations),
        *_dynamic_partitions(dagster.dynamic_partitions, prefect.dynamic_partitions),
        *_catalogues(dagster, prefect),
        *_files(dagster.files, prefect.files),
    ]
    counts = tuple(_counts(places, left, right))
    steps = len({(step.run, step.step) for step in (*dagster.steps, *prefect.steps)})
    differing = tuple(
        place
        for place in places
        if place in left and place in right
        if not left[place].fingerprint.same_as(right[place].fingerprint)
    )
    return Verdict(
        counts,
        len(places) - sum(count.without_content for count in counts),
        steps,
        tuple(findings),
        differing,
        _failure(dagster) if dagster.error and not findings else None,
    )


def _by_place(outputs: Iterable[RecordedOutput]) -> dict[ValueId, RecordedOutput]:
    return {entry.output: entry for entry in outputs}


def _runs(dagster: Record, prefect: Record) -> Iterator[Finding]:
    """A run that failed on one side only, or outside of any step."""
    sides = (dagster, prefect)
    failed = [any(step.state == "failed" for step in side.steps) for side in sides]
    if bool(dagster.error) != bool(prefect.error) or (dagster.error and not all(failed)):
        left, right = (_one_line(side.error) or "success" for side in sides)
        yield Finding(Difference.RUN, "the whole run", left, right)
    elif not any(step.attempts for side in sides for step in side.steps):
        yield Finding(Difference.NOTHING, "the whole run", "no step", "no step")


def _failure(record: Record) -> str | None:
    """The steps at which the run failed, and why."""
    failed = [step for step in record.steps if step.state == "failed"]
    found = (
        f"{step.name}: {_one_line(step.errors[-1][1])}" if step.errors else step.name
        for step in failed
    )
    return "; ".join(found) or None


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _graphs(dagster: Iterable[RecordedStep], prefect: Iterable[RecordedStep]) -> Iterator[Finding]:
    """The steps and what each depends on, as both recorded them, in all runs together."""
    left, right = _dependencies(dagster), _dependencies(prefect)
    for name in sorted({*left} ^ {*right}):
        yield Finding(
            Difference.STEP,
            name,
            "the step" if name in left else ABSENT,
            "the step" if name in right else ABSENT,
        )
    common = {*left} & {*right}
    for name in sorted(common):
        for upstream in sorted((left[name] ^ right[name]) & common):
            edge = f"{upstream} -> {name}"
            yield Finding(
                Difference.EDGE,
                edge,
                "the dependency" if upstream in left[name] else ABSENT,
                "the dependency" if upstream in right[name] else ABSENT,
            )


def _dependencies(steps: Iterable[RecordedStep]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for step in steps:
        found.setdefault(step.step.name, set()).update(above.name for above in step.upstream)
    return found


def _behaviours(
    dagster: Iterable[RecordedStep], prefect: Iterable[RecordedStep]
) -> Iterator[Finding]:
    """What became of the steps that both sides have."""
    left, right = ({(step.run, step.step): step for step in side} for side in (dagster, prefect))
    for place in sorted({*left} & {*right}, key=str):
        mine, other = left[place], right[place]
        name = mine.name if place[0] == 0 else f"{mine.name} in run {place[0] + 1}"
        if mine.state != other.state:
            yield Finding(Difference.STEP_STATE, name, mine.state, other.state)
        elif mine.attempts != other.attempts:
            yield Finding(Difference.ATTEMPTS, name, str(mine.attempts), str(other.attempts))
        elif not _same_waits(mine.waits_s, other.waits_s):
            yield Finding(
                Difference.RETRY_WAIT, name, _seconds(mine.waits_s), _seconds(other.waits_s)
            )
        else:
            yield from _exceptions(name, mine, other)
    for run, step in sorted({*left} ^ {*right}, key=str):
        side = left if (run, step) in left else right
        states = [side[run, step].state if side is entry else ABSENT for entry in (left, right)]
        # A step that no run of the other side has is a finding of the graph.
        if any(step == other for _, other in {*(right if side is left else left)}):
            yield Finding(Difference.STEP_STATE, f"{step} in run {run + 1}", *states)
        elif step.mapping_key is not None:
            yield Finding(Difference.STEP_STATE, str(step), *states)


def _exceptions(name: str, left: RecordedStep, right: RecordedStep) -> Iterator[Finding]:
    """The exceptions of all attempts by type; of the one that failed the step, its words too."""
    mine, other = ([kind for kind, _ in step.errors] for step in (left, right))
    if mine != other:
        yield Finding(
            Difference.EXCEPTION, name, ", ".join(mine) or ABSENT, ", ".join(other) or ABSENT
        )
    elif left.state == "failed" and left.errors and left.errors[-1] != right.errors[-1]:
        sides = (_one_line(step.errors[-1][1]) for step in (left, right))
        yield Finding(Difference.EXCEPTION, name, *sides)


def _same_waits(left: tuple[float, ...], right: tuple[float, ...]) -> bool:
    return len(left) == len(right) and all(
        abs(mine - other) <= WAIT_TOLERANCE_S for mine, other in zip(left, right, strict=True)
    )


def _seconds(waits: tuple[float, ...]) -> str:
    return ", ".join(f"{wait:.1f} s" for wait in waits) or ABSENT


def _repeated(
    dagster: Iterable[RecordedOutput], prefect: Iterable[RecordedOutput]
) -> Iterator[Finding]:
    left, right = (Counter(entry.output for entry in side) for side in (dagster, prefect))
    for output in sorted({*left, *right}, key=str):
        if left[output] and right[output] and left[output] != right[output]:
            counts = [f"{count} times" for count in (left[output], right[output])]
            yield Finding(Difference.TWICE, output.label, *counts)


def _outputs(
    places: list[ValueId],
    left: Mapping[ValueId, RecordedOutput],
    right: Mapping[ValueId, RecordedOutput],
) -> Iterator[Finding]:
    for place in places:
        mine, other = left.get(place), right.get(place)
        if mine is None or other is None:
            sides = [_shown(entry.fingerprint) if entry else ABSENT for entry in (mine, other)]
            yield Finding(Difference.MISSING, place.label, *sides)
            continue
        yield from _contents(place, mine.fingerprint, other.fingerprint)
        if not (mine.is_kept_apart and other.is_kept_apart):
            sides = [APART if entry.is_kept_apart else NOT_APART for entry in (mine, other)]
            yield Finding(Difference.NOT_KEPT_APART, place.label, *sides)
        if mine.data_version != other.data_version:
            versions = [str(entry.data_version or ABSENT)[:16] for entry in (mine, other)]
            yield Finding(Difference.DATA_VERSION, place.label, *versions)
        yield from _described(place.label, mine, other)


def _contents(place: ValueId, left: Fingerprint, right: Fingerprint) -> Iterator[Finding]:
    if left.same_as(right):
        return
    are_known = left.is_comparable and right.is_comparable
    kind = Difference.CONTENT if are_known else Difference.NOT_COMPARABLE
    parts = differing_parts(left, right)
    where = place.label + (f", {', '.join(parts)}" if parts else "")
    yield Finding(kind, where, _shown(left), _shown(right))


def differing_parts(left: Fingerprint, right: Fingerprint) -> list[str]:
    """The columns or entries that differ, in the order of the left side."""
    mine, other = dict(left.parts), dict(right.parts)
    return [name for name in {**mine, **other} if mine.get(name) != other.get(name)]


def _shown(found: Fingerprint) -> str:
    size = " x ".join(map(str, found.shape))
    digest = found.digest[:12] if found.is_comparable else found.digest
    return " ".join(filter(None, [found.kind, size, digest]))


def _described(place: str, left: Described, right: Described) -> Iterator[Finding]:
    """Compares the metadata, tags and descriptions of an entry that both sides have."""
    yield from _named(Difference.METADATA, place, left.metadata, right.metadata)
    if not isinstance(left, RecordedCheck) and not isinstance(right, RecordedCheck):
        yield from _named(Difference.TAGS, place, left.tags, right.tags)
    if left.description != right.description:
        sides = (entry.description or ABSENT for entry in (left, right))
        yield Finding(Difference.DESCRIPTION, place, *sides)


def _named(kind: Difference, place: str, left: Pairs, right: Pairs) -> Iterator[Finding]:
    mine, other = dict(left), dict(right)
    for name in sorted({*mine, *other}):
        if mine.get(name) != other.get(name):
            sides = (entry.get(name, ABSENT) for entry in (mine, other))
            yield Finding(kind, f"{place}, {name}", *sides)


def _checks(
    dagster: Iterable[RecordedCheck], prefect: Iterable[RecordedCheck]
) -> Iterator[Finding]:
    def place_of(entry: RecordedCheck) -> str:
        asset = OutputId(entry.check.asset_key, entry.partition_key)
        return f"{asset.label}:{entry.check.name}"

    def result(entry: RecordedCheck) -> str:
        return f"{'passed' if entry.passed else 'failed'} ({entry.severity})"

    return _entries(Difference.CHECK, dagster, prefect, place_of, result)


def _observations(
    dagster: Iterable[RecordedObservation], prefect: Iterable[RecordedObservation]
) -> Iterator[Finding]:
    def place_of(entry: RecordedObservation) -> str:
        return f"{entry.output.label}, observed"

    def result(entry: RecordedObservation) -> str:
        return f"data version {entry.data_version}"

    return _entries(Difference.OBSERVATION, dagster, prefect, place_of, result)


def _entries(
    kind: Difference,
    dagster: Iterable[Described],
    prefect: Iterable[Described],
    place_of: Callable[[Any], str],
    result: Callable[[Any], str],
) -> Iterator[Finding]:
    """Entries that one side lacks, or whose result or description differs."""
    left, right = _numbered(dagster, place_of), _numbered(prefect, place_of)
    for place in sorted({*left, *right}):
        mine, other = left.get(place), right.get(place)
        words = [result(entry) if entry else ABSENT for entry in (mine, other)]
        if words[0] != words[1]:
            yield Finding(kind, place, *words)
        elif mine and other:
            yield from _described(place, mine, other)


def _numbered(entries: Iterable[Described], place_of: Callable[[Any], str]) -> dict[str, Described]:
    """Each entry by its place and, of several at one place, by number."""
    found: dict[str, Described] = {}
    counts: Counter[str] = Counter()
    for entry in entries:
        place = place_of(entry)
        counts[place] += 1
        found[place if counts[place] == 1 else f"{place} ({counts[place]})"] = entry
    return found


def _dynamic_partitions(left: Pairs, right: Pairs) -> Iterator[Finding]:
    mine, other = Counter(left), Counter(right)
    for name in sorted({name for name, _ in (*left, *right)}):
        sides = [
            ", ".join(change for found, change in sorted(side.elements()) if found == name)
            for side in (mine - other, other - mine)
        ]
        if any(sides):
            yield Finding(Difference.DYNAMIC_PARTITIONS, name, *(text or ABSENT for text in sides))


def _files(left: Sequence[str], right: Sequence[str]) -> Iterator[Finding]:
    """Files that only one side's store has, by folder."""
    mine, other = Counter(left), Counter(right)
    sides = [_by_folder(one - two) for one, two in ((mine, other), (other, mine))]
    for folder in sorted({*sides[0], *sides[1]}):
        words = (_listed(side.get(folder, [])) for side in sides)
        yield Finding(Difference.FILES, folder or "the store", *words)


def _by_folder(files: "Counter[str]") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted(files.elements()):
        folder, _, name = path.rpartition("/")
        found.setdefault(folder, []).append(name)
    return found


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_FILES
    return (", ".join(names[:SHOWN_FILES]) or ABSENT) + (f" and {more} more" if more > 0 else "")


def _catalogues(dagster: Record, prefect: Record) -> Iterator[Finding]:
    """How many partitions of each asset either orchestrator's own catalogue shows.

    An asset that it shows and of which no output was read is not known to be the same.
    """
    left, right = (dict(side.materialized) for side in (dagster, prefect))
    read = {entry.output.group for side in (dagster, prefect) for entry in side.outputs}
    for asset in sorted({*left, *right}):
        counts = [f"{side.get(asset, 0)} materialized" for side in (left, right)]
        if asset not in read:
            counts = [f"{count}, none read" for count in counts]
        if counts[0] != counts[1] or asset not in read:
            yield Finding(Difference.CATALOGUE, asset, *counts)


def _counts(
    places: list[ValueId],
    left: Mapping[ValueId, RecordedOutput],
    right: Mapping[ValueId, RecordedOutput],
) -> Iterator[AssetCount]:
    by_group: dict[str, list[ValueId]] = {}
    for place in places:
        by_group.setdefault(place.group, []).append(place)
    for group, mine in by_group.items():
        sides = [[side[place] for place in mine if place in side] for side in (left, right)]
        without = {entry.output for side in sides for entry in side if not entry.has_content}
        with_content = {entry.output for side in sides for entry in side if entry.has_content}
        yield AssetCount(
            asset=group,
            dagster=len(sides[0]),
            prefect=len(sides[1]),
            identical=sum(
                _are_identical(left[place], right[place])
                for place in with_content
                if place in left and place in right
            ),
            without_content=len(without - with_content),
        )


def _are_identical(left: RecordedOutput, right: RecordedOutput) -> bool:
    are_apart = left.is_kept_apart and right.is_kept_apart
    return are_apart and left.fingerprint.same_as(right.fingerprint)
