"""The conclusion from a comparison, in plain sentences, and the list of what it leaves out."""

from collections.abc import Iterator, Sequence

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.costs import SideCosts
from prefect_compat.comparison.failure_matrix import Outcome
from prefect_compat.comparison.history import total_s
from prefect_compat.comparison.record.record import Pairs
from prefect_compat.counted import counted

# A source that does not know so many aspects knows nothing but outputs.
MANY_ASPECTS = 10


def conclusion(comparison: Comparison, outcomes: Sequence[Outcome] = ()) -> tuple[str, ...]:
    """The sentences, the most important first. Empty if a side could not be run."""
    found = _sentences(comparison, outcomes) if comparison.have_run else ()
    return tuple(sentence[:1].upper() + sentence[1:] for sentence in found)


def _sentences(comparison: Comparison, outcomes: Sequence[Outcome]) -> Iterator[str]:
    verdict = comparison.verdict
    left, right = map(_named, verdict.sides)
    if comparison.broke_off:
        yield (
            f"Both failed in the same way: {verdict.failure}. What comes after it did not run, and"
            " is not compared."
        )
    count = verdict.compared
    equal = verdict.identical + verdict.equal_as_declared + verdict.same_rows
    if count and equal == count:
        yield f"{left} and {right} have the same content in {_all(count)}."
    elif count:
        yield f"{left} and {right} have the same content in {equal:,} of {_outputs(count)}."
    parts = {
        "byte for byte by their fingerprints": verdict.identical,
        "as declared": verdict.equal_as_declared,
        "in another form, row by row": verdict.same_rows,
    }
    shown = [f"{number:,} {words}" for words, number in parts.items() if number]
    if len(shown) > 1:
        yield f"Of them, {' and '.join(shown)}."
    if verdict.findings:
        yield f"They differ in {counted(len(verdict.findings), 'place')}."
    elif verdict.steps and not (verdict.not_compared or comparison.broke_off):
        yield f"All {verdict.steps:,} steps ran in the same order of dependence, with the same end."
    if verdict.noise:
        one = len(verdict.noise) == 1
        yield (
            f"{counted(len(verdict.noise), 'difference')} {'is' if one else 'are'} noise: {left}"
            f" does not make {'it' if one else 'them'} twice the same way."
        )
    if verdict.waived:
        verb = "is" if len(verdict.waived) == 1 else "are"
        yield f"{counted(len(verdict.waived), 'difference')} {verb} waived."
    tried = [outcome for outcome in outcomes if outcome.comparison is not None]
    if tried:
        same = sum(outcome.holds for outcome in tried)
        yield f"They behaved the same under {same} of {len(tried)} injected failures."
    costs = comparison.costs
    if costs is not None:
        yield (
            f"In this setting {right} took {_parts(costs.right)}, {left} {_parts(costs.left)},"
            " each from a cold start."
        )
        if comparison.declared_s is not None:
            yield (
                "By `dagster job execute`, with the executor that the job declares, Dagster takes"
                f" {comparison.declared_s:.1f} s from a cold start."
            )
        if costs.rounds == 1:
            yield "These are the times of one round: repeat it (--repeat 3) to rely on them."


def _parts(side: SideCosts) -> str:
    return (
        f"{total_s(side):.1f} s (import {side.import_s.median:.1f}, start-up"
        f" {side.start_up_s.median:.1f}, run {side.cold_s.median:.1f})"
    )


def _named(side: str) -> str:
    return {"dagster": "Dagster", "prefect": "Prefect"}.get(side, f"the {side}").strip()


def _all(count: int) -> str:
    return f"all {count:,} outputs" if count > 1 else "the one output"


def _outputs(count: int) -> str:
    return counted(count, "output")


def by_reason(aspects: Pairs) -> Iterator[tuple[str, str]]:
    """Yields each reason once, after all that is not compared for it."""
    names: dict[str, list[str]] = {}
    for aspect, reason in aspects:
        names.setdefault(reason, []).append(aspect)
    for reason, found in names.items():
        yield "all beside the outputs" if len(found) >= MANY_ASPECTS else ", ".join(found), reason


def not_compared(comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """Everything that was not compared, with the reason."""
    verdict = comparison.verdict
    entries = list(by_reason(verdict.not_compared))
    if verdict.without_content:
        entries.append(
            (
                _outputs(verdict.without_content),
                "stored nothing that could be read back, or keep it in memory alone",
            )
        )
    ignored = ", ".join(comparison.work.ignored_metadata)
    if ignored:
        entries.append((f"metadata {ignored}", "declared to be about the run"))
    entries += [
        (f"rows of {name}: {declared.words}", "declared")
        for name, declared in comparison.work.rules.by_asset.items()
        if not declared.is_exact
    ]
    return tuple(entries)
