"""Tells differences between two sides from what one side does not make the same way twice."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace

from prefect_compat.comparison.judging.findings import Difference, Finding
from prefect_compat.comparison.judging.outputs import OutputOutcome, differing_parts
from prefect_compat.comparison.record.record import Record, RecordedOutput
from prefect_compat.comparison.verdict import Verdict, judge
from prefect_compat.graph.ids import ValueId

CONTENT = (Difference.CONTENT, Difference.NOT_COMPARABLE)


@dataclass(frozen=True)
class Noise:
    """The differences between runs of one side.

    `parts` are columns or entries of each output; None stands for the whole of it, of which the
    fingerprint knows no parts or whose size differs too. `places` are those of other findings.
    """

    parts: dict[ValueId, frozenset[str] | None]
    places: frozenset[tuple[Difference, str]]


def measure(first: Record, again: Iterable[Record]) -> Noise:
    """Compares a record with those of further runs of the same side."""
    parts: dict[ValueId, frozenset[str] | None] = {}
    places: set[tuple[Difference, str]] = set()
    known = _by_output(first)
    for record in again:
        found = judge(first, record)
        places |= {(f.kind, f.place) for f in found.findings if f.kind not in CONTENT}
        for output, entry in _by_output(record).items():
            if output not in known or known[output].fingerprint == entry.fingerprint:
                continue
            differing = _parts(known[output], entry)
            before = parts.get(output, frozenset())
            parts[output] = None if differing is None or before is None else before | differing
    return Noise(parts, frozenset(places))


def without_noise(verdict: Verdict, left: Record, right: Record, noise: Noise) -> Verdict:
    """The verdict with the differences in what is not reproducible put apart.

    A difference in another column of the same output stays a finding, of that column alone.
    """
    mine, other = _by_output(left), _by_output(right)
    noisy = {
        output
        for output in {*mine} & {*other} & {*noise.parts}
        if _is_noise(mine[output], other[output], noise.parts[output])
    }
    labels = {output.label for output in noisy}
    split = tuple(_split(mine, other, noise.parts, noisy))
    partly = {output.label: (parts, rest) for output, parts, rest in split}
    # A data version is often that of the content.
    findings: list[Finding] = []
    put_apart: list[Finding] = []
    for finding in verdict.findings:
        is_content = finding.kind in (*CONTENT, Difference.DATA_VERSION)
        is_noise = (finding.kind, finding.place) in noise.places or (
            is_content and finding.place.partition(", ")[0] in labels
        )
        label = finding.place.partition(", ")[0]
        if finding.kind is Difference.CONTENT and label in partly and not is_noise:
            parts, rest = partly[label]
            put_apart.append(replace(finding, place=f"{label}, {', '.join(parts)}"))
            finding = replace(finding, place=f"{label}, {', '.join(rest)}")
        (put_apart if is_noise else findings).append(finding)
    return replace(
        verdict,
        assets=tuple(
            replace(
                asset,
                outputs=tuple(
                    replace(entry, outcomes=(OutputOutcome.NOT_REPRODUCIBLE,))
                    if entry.output in noisy
                    else entry
                    for entry in asset.outputs
                ),
            )
            for asset in verdict.assets
        ),
        findings=tuple(findings),
        noise=tuple(put_apart),
        noisy_parts=tuple((output, parts) for output, parts, _ in split),
    )


def _split(
    mine: Mapping[ValueId, RecordedOutput],
    other: Mapping[ValueId, RecordedOutput],
    noisy_parts: Mapping[ValueId, frozenset[str] | None],
    noisy: Set[ValueId],
) -> Iterator[tuple[ValueId, tuple[str, ...], tuple[str, ...]]]:
    """Yields the outputs that are noise in part: the parts that are, and those that are not."""
    for output in sorted(mine.keys() & other.keys() & noisy_parts.keys() - noisy, key=str):
        of_noise = noisy_parts[output] or frozenset()
        differing = differing_parts(mine[output].fingerprint, other[output].fingerprint)
        parts = tuple(name for name in differing if name in of_noise)
        rest = tuple(name for name in differing if name not in of_noise)
        if parts and rest:
            yield output, parts, rest


def _by_output(record: Record) -> dict[ValueId, RecordedOutput]:
    return {entry.output: entry for entry in record.outputs}


def _parts(one: RecordedOutput, two: RecordedOutput) -> frozenset[str] | None:
    """The parts that differ; None if the whole does."""
    if one.fingerprint.shape != two.fingerprint.shape:
        return None
    return frozenset(differing_parts(one.fingerprint, two.fingerprint)) or None


def _is_noise(left: RecordedOutput, right: RecordedOutput, noisy: frozenset[str] | None) -> bool:
    """True if nothing differs but what is not reproducible."""
    if left.fingerprint == right.fingerprint:
        return False
    if noisy is None:
        return True
    differing = _parts(left, right)
    return differing is not None and differing <= noisy
