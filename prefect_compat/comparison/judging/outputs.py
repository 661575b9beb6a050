"""Compares outputs. The one place that decides if an output is equal."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from prefect_compat.comparison.fingerprint.fingerprint import Fingerprint, fingerprint
from prefect_compat.comparison.judging.described import judge_described
from prefect_compat.comparison.judging.findings import ABSENT, Difference, Finding
from prefect_compat.comparison.record.record import Aspect, RecordedOutput
from prefect_compat.graph.ids import OutputId, ValueId

APART = "its own store"
NOT_APART = "another place"
NOT_APART_REMEDY = (
    "An output that is not kept apart lies outside its side's store: both sides wrote to one"
    " place. Name the variable that sets its storage location (--store-env), or let the IO manager"
    ' read its place from one: dg.EnvVar("MY_STORE").'
)


class OutputOutcome(StrEnum):
    """The possible outcomes of one output, the worst first."""

    ONLY_LEFT = "only on the left"
    ONLY_RIGHT = "only on the right"
    NOT_KEPT_APART = "not kept apart"
    DIFFERENT = "different"
    MADE_TWICE = "made more than once"
    NOT_REPRODUCIBLE = "not reproducible"
    NOT_COMPARABLE = "not comparable"
    EQUAL = "equal as declared"
    SAME_ROWS = "the same in another form"
    IDENTICAL = "identical"
    NO_CONTENT = "no content to compare"

    def words(self, sides: tuple[str, str]) -> str:
        """The outcome for people, with the name of the side that alone has the output."""
        alone = {OutputOutcome.ONLY_LEFT: sides[0], OutputOutcome.ONLY_RIGHT: sides[1]}
        return f"only in {alone[self]}" if self in alone else str(self)


EVERYTHING = frozenset(Aspect)
NONE = fingerprint(None)
MISSING = frozenset({OutputOutcome.ONLY_LEFT, OutputOutcome.ONLY_RIGHT})
ACCEPTED = frozenset({OutputOutcome.EQUAL, OutputOutcome.SAME_ROWS})
NOTHING_ACCEPTED: Mapping[ValueId, OutputOutcome] = MappingProxyType({})
DIFFERING = frozenset({OutputOutcome.DIFFERENT, OutputOutcome.NOT_COMPARABLE})


@dataclass(frozen=True)
class OutputVerdict:
    """All outcomes of one output, the worst first: content may differ and not be kept apart."""

    output: ValueId
    outcomes: tuple[OutputOutcome, ...]

    @property
    def outcome(self) -> OutputOutcome:
        """The worst outcome: the one that reports show."""
        return self.outcomes[0]

    @property
    def has_content(self) -> bool:
        """True if at least one side stored a value."""
        return OutputOutcome.NO_CONTENT not in self.outcomes

    @property
    def differs(self) -> bool:
        """True if both sides have the output and its contents do not match."""
        return not DIFFERING.isdisjoint(self.outcomes)


@dataclass(frozen=True)
class AssetVerdict:
    """One asset, or one output of an op, with the verdict on each of its partitions.

    `asset` is for people. `asset_key` is None for the output of an op.
    """

    asset: str
    asset_key: tuple[str, ...] | None
    outputs: tuple[OutputVerdict, ...]

    @property
    def left(self) -> int:
        """The number of outputs that the left side has."""
        return len(self.outputs) - self._count(OutputOutcome.ONLY_RIGHT)

    @property
    def right(self) -> int:
        """The number of outputs that the right side has."""
        return len(self.outputs) - self._count(OutputOutcome.ONLY_LEFT)

    @property
    def identical(self) -> int:
        """The number of outputs with identical content and nothing against them."""
        return self._count(OutputOutcome.IDENTICAL)

    @property
    def equal_as_declared(self) -> int:
        """The number of outputs that are equal only by what was declared."""
        return self._count(OutputOutcome.EQUAL)

    @property
    def same_rows(self) -> int:
        """The number of outputs with the same content in another form, such as another file."""
        return self._count(OutputOutcome.SAME_ROWS)

    @property
    def without_content(self) -> int:
        """The number of outputs for which neither side stored a value."""
        return sum(not entry.has_content for entry in self.outputs)

    @property
    def worst(self) -> OutputOutcome:
        """The worst outcome of all partitions."""
        order = list(OutputOutcome)
        return min((entry.outcome for entry in self.outputs), key=order.index)

    def _count(self, outcome: OutputOutcome) -> int:
        return sum(entry.outcome is outcome for entry in self.outputs)


def judge_outputs(
    first: Iterable[RecordedOutput],
    second: Iterable[RecordedOutput],
    known: Container[Aspect] = EVERYTHING,
    accepted: Mapping[ValueId, OutputOutcome] = NOTHING_ACCEPTED,
) -> tuple[tuple[AssetVerdict, ...], tuple[Finding, ...]]:
    """The verdict on every output by asset, in the order of recording, and all their findings.

    Findings and the outputs of one asset are sorted by the outputs' text form. `known` are the
    aspects that both sides know. `accepted` are outputs whose contents differ by their hashes and
    are EQUAL or SAME_ROWS.
    """
    left, right = sides = (_Side(tuple(first)), _Side(tuple(second)))
    places = sorted({*sides[0].by_output, *sides[1].by_output}, key=str)
    verdicts: dict[ValueId, OutputVerdict] = {}
    findings: list[Finding] = []
    for place in places:
        verdicts[place] = OutputVerdict(
            place, _outcomes(place, left, right, known, accepted.get(place))
        )
        findings += _findings(verdicts[place], left, right, known)
    recorded = dict.fromkeys(place for side in sides for place in side.by_output)
    owners = dict.fromkeys(_owner(place) for place in recorded)
    by_owner: Mapping[tuple[str, ...], list[OutputVerdict]] = {owner: [] for owner in owners}
    for place, verdict in verdicts.items():
        by_owner[_owner(place)].append(verdict)
    return tuple(map(_asset, by_owner.values())), tuple(findings)


class _Side:
    """One side's outputs: the last entry of each, and how many there are."""

    def __init__(self, outputs: tuple[RecordedOutput, ...]) -> None:
        self.by_output = {entry.output: entry for entry in outputs}
        self.times = Counter(entry.output for entry in outputs)


def _owner(output: ValueId) -> tuple[str, ...]:
    """The identity of an output's asset, or of the op's output in its run.

    Labels would not do: an asset and an op may have the same one.
    """
    if isinstance(output, OutputId):
        return ("asset", *output.asset_key)
    return ("op", str(output.run), str(output.step), output.output)


def _asset(outputs: list[OutputVerdict]) -> AssetVerdict:
    first = outputs[0].output
    key = first.asset_key if isinstance(first, OutputId) else None
    return AssetVerdict(first.group, key, tuple(outputs))


def _outcomes(
    place: ValueId,
    first: _Side,
    second: _Side,
    known: Container[Aspect],
    accepted: OutputOutcome | None,
) -> tuple[OutputOutcome, ...]:
    left, right = first.by_output.get(place), second.by_output.get(place)
    present = [entry for entry in (left, right) if entry is not None]
    has_content = _has_content(present, known)
    outcomes = set() if has_content else {OutputOutcome.NO_CONTENT}
    if left is None or right is None:
        outcomes.add(OutputOutcome.ONLY_RIGHT if left is None else OutputOutcome.ONLY_LEFT)
    else:
        if not (left.is_kept_apart and right.is_kept_apart):
            outcomes.add(OutputOutcome.NOT_KEPT_APART)
        if Aspect.TIMES in known and first.times[place] != second.times[place]:
            outcomes.add(OutputOutcome.MADE_TWICE)
        if has_content:
            same = _content(left.fingerprint, right.fingerprint)
            is_identical = same is OutputOutcome.IDENTICAL
            outcomes.add(same if accepted is None or is_identical else accepted)
    order = list(OutputOutcome)
    return tuple(sorted(outcomes, key=order.index))


def _has_content(present: list[RecordedOutput], known: Container[Aspect]) -> bool:
    """False also if one side has None, the other no value, and a side cannot tell them apart."""
    values = [entry.fingerprint for entry in present if entry.has_content]
    if len(values) == len(present) or Aspect.NONE in known:
        return bool(values)
    return any(not value.same_as(NONE) for value in values)


def _content(left: Fingerprint, right: Fingerprint) -> OutputOutcome:
    if not (left.is_comparable and right.is_comparable):
        return OutputOutcome.NOT_COMPARABLE
    return OutputOutcome.IDENTICAL if left.same_as(right) else OutputOutcome.DIFFERENT


def _findings(
    verdict: OutputVerdict, first: _Side, second: _Side, known: Container[Aspect]
) -> Iterator[Finding]:
    place, label = verdict.output, verdict.output.label
    left, right = first.by_output.get(place), second.by_output.get(place)
    if left is None or right is None:
        sides = [_shown(entry.fingerprint) if entry else ABSENT for entry in (left, right)]
        yield Finding(Difference.MISSING, label, *sides)
        return
    if OutputOutcome.MADE_TWICE in verdict.outcomes:
        counts = (f"{side.times[place]} times" for side in (first, second))
        yield Finding(Difference.TWICE, label, *counts)
    if verdict.differs:
        yield _content_finding(verdict, left.fingerprint, right.fingerprint)
    if OutputOutcome.NOT_KEPT_APART in verdict.outcomes:
        stores = [APART if entry.is_kept_apart else NOT_APART for entry in (left, right)]
        yield Finding(Difference.NOT_KEPT_APART, label, *stores)
    # The data version of an output often is that of its content.
    is_equal = not ACCEPTED.isdisjoint(verdict.outcomes)
    if Aspect.DATA_VERSIONS in known and left.data_version != right.data_version and not is_equal:
        versions = [str(entry.data_version or ABSENT)[:16] for entry in (left, right)]
        yield Finding(Difference.DATA_VERSION, label, *versions)
    if Aspect.DESCRIPTIONS in known:
        yield from judge_described(label, left, right)


def _content_finding(verdict: OutputVerdict, left: Fingerprint, right: Fingerprint) -> Finding:
    is_known = OutputOutcome.DIFFERENT in verdict.outcomes
    kind = Difference.CONTENT if is_known else Difference.NOT_COMPARABLE
    parts = differing_parts(left, right)
    place = verdict.output.label + (f", {', '.join(parts)}" if parts else "")
    return Finding(kind, place, _shown(left), _shown(right))


def differing_parts(left: Fingerprint, right: Fingerprint) -> list[str]:
    """The columns or entries that differ, in the order of the left side."""
    mine, other = dict(left.parts), dict(right.parts)
    return [name for name in {**mine, **other} if mine.get(name) != other.get(name)]


def _shown(content: Fingerprint) -> str:
    size = " x ".join(map(str, content.shape))
    digest = content.digest[:12] if content.is_comparable else content.digest
    return " ".join(filter(None, [content.kind, size, digest]))
