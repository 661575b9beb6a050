"""Two records compared: what is equal, what differs, what is missing on which side."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prefect_compat.parity.fingerprint import Fingerprint
from prefect_compat.parity.record import (
    Record,
    RecordedCheck,
    RecordedOutput,
    RecordedStep,
    unmapped,
)
from prefect_compat.plan import OutputId

ABSENT = "nothing"
# Prefect asks its server for the time of a retry; Dagster waits in its own process.
WAIT_TOLERANCE_S = 0.5


class Difference(StrEnum):
    """What kind of difference was found."""

    RUN = "run failed"
    STEP = "step on one side only"
    EDGE = "dependency on one side only"
    STEP_STATE = "different step state"
    ATTEMPTS = "different number of attempts"
    RETRY_WAIT = "different wait before a retry"
    CONTENT = "different content"
    MISSING = "missing on one side"
    NOT_COMPARABLE = "not comparable"
    TWICE = "made more than once"
    DATA_VERSION = "different data version"
    METADATA = "different metadata"
    CHECK = "different check result"
    CATALOGUE = "different count in the catalogue"


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
    """For one asset: how many outputs either side made, and how many are identical."""

    asset: str
    dagster: int
    prefect: int
    identical: int


@dataclass(frozen=True)
class Verdict:
    """Parity holds where something was compared and nothing differs, fails or is missing.

    `compared` counts the outputs, `steps` the steps of all runs; `differing` are the outputs of
    which both sides have another content.
    """

    assets: tuple[AssetCount, ...]
    compared: int
    steps: int
    findings: tuple[Finding, ...]
    differing: tuple[OutputId, ...] = ()
    expects_failure: bool = False

    @property
    def identical(self) -> int:
        return sum(asset.identical for asset in self.assets)

    @property
    def holds(self) -> bool:
        something = self.steps if self.expects_failure else self.compared
        return something > 0 and not self.findings


def compare(dagster: Record, prefect: Record, expects_failure: bool = False) -> Verdict:
    """The verdict on two records of the same work.

    With `expects_failure`, a run that fails under both, maybe before its first output, is no
    difference.
    """
    left, right = _by_place(dagster.outputs), _by_place(prefect.outputs)
    places = sorted({*left, *right}, key=str)
    findings = [
        *_failures(dagster, prefect, expects_failure),
        *_graphs(dagster.steps, prefect.steps),
        *_behaviours(dagster.steps, prefect.steps),
        *_repeated(dagster.outputs, prefect.outputs),
        *_outputs(places, left, right),
        *_checks(dagster.checks, prefect.checks),
        *_catalogues(dict(dagster.materialized), dict(prefect.materialized)),
    ]
    counts = tuple(_counts(places, left, right))
    steps = len({(step.run, step.name) for step in (*dagster.steps, *prefect.steps)})
    differing = tuple(
        place
        for place in places
        if place in left and place in right
        if not left[place].fingerprint.same_as(right[place].fingerprint)
    )
    return Verdict(counts, len(places), steps, tuple(findings), differing, expects_failure)


def _by_place(outputs: Iterable[RecordedOutput]) -> dict[OutputId, RecordedOutput]:
    return {entry.output: entry for entry in outputs}


def _failures(dagster: Record, prefect: Record, expects_failure: bool) -> Iterator[Finding]:
    if bool(dagster.error) != bool(prefect.error) or (dagster.error and not expects_failure):
        left, right = (_one_line(record.error) or "success" for record in (dagster, prefect))
        yield Finding(Difference.RUN, "the whole run", left, right)


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
        found.setdefault(unmapped(step.name), set()).update(map(unmapped, step.upstream))
    return found


def _behaviours(
    dagster: Iterable[RecordedStep], prefect: Iterable[RecordedStep]
) -> Iterator[Finding]:
    """What became of the steps that both sides have."""
    left, right = ({(step.run, step.name): step for step in side} for side in (dagster, prefect))
    for place in sorted({*left} & {*right}):
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
    for run, name in sorted({*left} ^ {*right}):
        side = left if (run, name) in left else right
        found = [side[run, name].state if side is entry else ABSENT for entry in (left, right)]
        # A step that no run of the other side has is a finding of the graph.
        if any(name == other for _, other in {*(right if side is left else left)}):
            yield Finding(Difference.STEP_STATE, f"{name} in run {run + 1}", *found)
        elif "[" in name:
            yield Finding(Difference.STEP_STATE, name, *found)


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
    places: list[OutputId],
    left: Mapping[OutputId, RecordedOutput],
    right: Mapping[OutputId, RecordedOutput],
) -> Iterator[Finding]:
    for place in places:
        mine, other = left.get(place), right.get(place)
        if mine is None or other is None:
            sides = [_shown(entry.fingerprint) if entry else ABSENT for entry in (mine, other)]
            yield Finding(Difference.MISSING, place.label, *sides)
            continue
        yield from _contents(place, mine.fingerprint, other.fingerprint)
        if mine.data_version != other.data_version:
            versions = [str(entry.data_version or ABSENT)[:16] for entry in (mine, other)]
            yield Finding(Difference.DATA_VERSION, place.label, *versions)
        yield from _metadata(place.label, mine, other)


def _contents(place: OutputId, left: Fingerprint, right: Fingerprint) -> Iterator[Finding]:
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


def _metadata(
    place: str, left: RecordedOutput | RecordedCheck, right: RecordedOutput | RecordedCheck
) -> Iterator[Finding]:
    mine, other = dict(left.metadata), dict(right.metadata)
    for name in sorted({*mine, *other}):
        if mine.get(name) != other.get(name):
            sides = (entry.get(name, ABSENT) for entry in (mine, other))
            yield Finding(Difference.METADATA, f"{place}, {name}", *sides)


def _checks(
    dagster: Iterable[RecordedCheck], prefect: Iterable[RecordedCheck]
) -> Iterator[Finding]:
    left, right = _evaluations(dagster), _evaluations(prefect)
    for place in sorted({*left, *right}):
        mine, other = left.get(place), right.get(place)
        words = [_result(entry) if entry else ABSENT for entry in (mine, other)]
        if words[0] != words[1]:
            yield Finding(Difference.CHECK, place, *words)
        elif mine and other:
            yield from _metadata(place, mine, other)


def _evaluations(checks: Iterable[RecordedCheck]) -> dict[str, RecordedCheck]:
    """Each by its name, partition and, of several, number."""
    found: dict[str, RecordedCheck] = {}
    counts: Counter[str] = Counter()
    for entry in checks:
        place = f"{OutputId(entry.check.asset_key, entry.partition_key).label}:{entry.check.name}"
        counts[place] += 1
        found[place if counts[place] == 1 else f"{place} ({counts[place]})"] = entry
    return found


def _result(entry: RecordedCheck) -> str:
    return "passed" if entry.passed else f"failed ({entry.severity})"


def _catalogues(left: Mapping[str, int], right: Mapping[str, int]) -> Iterator[Finding]:
    """How many partitions of each asset either orchestrator's own catalogue shows."""
    for asset in sorted({*left, *right}):
        if left.get(asset, 0) != right.get(asset, 0):
            counts = (f"{side.get(asset, 0)} materialized" for side in (left, right))
            yield Finding(Difference.CATALOGUE, asset, *counts)


def _counts(
    places: list[OutputId],
    left: Mapping[OutputId, RecordedOutput],
    right: Mapping[OutputId, RecordedOutput],
) -> Iterator[AssetCount]:
    for asset in dict.fromkeys(place.asset_key for place in places):
        mine = [place for place in places if place.asset_key == asset]
        both = [place for place in mine if place in left and place in right]
        yield AssetCount(
            asset="/".join(asset),
            dagster=sum(place in left for place in mine),
            prefect=sum(place in right for place in mine),
            identical=sum(
                left[place].fingerprint.same_as(right[place].fingerprint) for place in both
            ),
        )
