"""Two records compared: what is equal, what differs, what is missing on which side."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prefect_compat.parity.fingerprint import Fingerprint
from prefect_compat.parity.record import Record
from prefect_compat.plan import OutputId

ABSENT = "nothing"


class Difference(StrEnum):
    """What kind of difference was found."""

    RUN = "run failed"
    CONTENT = "different content"
    MISSING = "missing on one side"
    NOT_COMPARABLE = "not comparable"
    STEP_STATE = "different step state"
    CHECK = "different check result"


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
    """Parity holds where something was compared and nothing differs, fails or is missing."""

    assets: tuple[AssetCount, ...]
    compared: int
    findings: tuple[Finding, ...]

    @property
    def identical(self) -> int:
        return sum(asset.identical for asset in self.assets)

    @property
    def holds(self) -> bool:
        return self.compared > 0 and self.identical == self.compared and not self.findings


def compare(dagster: Record, prefect: Record) -> Verdict:
    """The verdict on two records of the same work."""
    left = {entry.output: entry.fingerprint for entry in dagster.outputs}
    right = {entry.output: entry.fingerprint for entry in prefect.outputs}
    places = sorted({*left, *right}, key=str)
    findings = [
        *_failures(dagster, prefect),
        *_contents(places, left, right),
        *_differing(Difference.STEP_STATE, dict(dagster.steps), dict(prefect.steps)),
        *_differing(Difference.CHECK, _checks(dagster), _checks(prefect)),
    ]
    return Verdict(tuple(_counts(places, left, right)), len(places), tuple(findings))


def _failures(dagster: Record, prefect: Record) -> Iterator[Finding]:
    if dagster.error or prefect.error:
        yield Finding(
            Difference.RUN, "the whole run", dagster.error or "success", prefect.error or "success"
        )


def _contents(
    places: list[OutputId],
    left: Mapping[OutputId, Fingerprint],
    right: Mapping[OutputId, Fingerprint],
) -> Iterator[Finding]:
    for place in places:
        dagster, prefect = left.get(place), right.get(place)
        if dagster is not None and prefect is not None and dagster.same_as(prefect):
            continue
        if dagster is None or prefect is None:
            kind = Difference.MISSING
        elif dagster.is_comparable and prefect.is_comparable:
            kind = Difference.CONTENT
        else:
            kind = Difference.NOT_COMPARABLE
        yield Finding(kind, place.label, _shown(dagster), _shown(prefect))


def _shown(found: Fingerprint | None) -> str:
    if found is None:
        return ABSENT
    size = " x ".join(map(str, found.shape))
    return f"{found.kind} {size} {found.digest[:12] if found.is_comparable else found.digest}"


def _differing(
    kind: Difference, left: Mapping[str, str], right: Mapping[str, str]
) -> Iterator[Finding]:
    for place in sorted({*left, *right}):
        if left.get(place) != right.get(place):
            yield Finding(kind, place, left.get(place, ABSENT), right.get(place, ABSENT))


def _checks(record: Record) -> dict[str, str]:
    return {
        f"{'/'.join(entry.check.asset_key)}:{entry.check.name}": "passed"
        if entry.passed
        else f"failed ({entry.severity})"
        for entry in record.checks
    }


def _counts(
    places: list[OutputId],
    left: Mapping[OutputId, Fingerprint],
    right: Mapping[OutputId, Fingerprint],
) -> Iterator[AssetCount]:
    for asset in dict.fromkeys(place.asset_key for place in places):
        mine = [place for place in places if place.asset_key == asset]
        both = [place for place in mine if place in left and place in right]
        yield AssetCount(
            asset="/".join(asset),
            dagster=sum(place in left for place in mine),
            prefect=sum(place in right for place in mine),
            identical=sum(left[place].same_as(right[place]) for place in both),
        )
