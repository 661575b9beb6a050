"""The verdict in a few words, the same in the terminal and on the page."""

from collections.abc import Iterator, Sequence

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.failure_matrix import Outcome
from prefect_compat.comparison.verdict import Verdict
from prefect_compat.lineage.svg import Status

ORCHESTRATORS = ("dagster", "prefect")


def words(comparison: Comparison) -> str:
    """'Identical', 'Equal as declared (…)', 'The same in another form', 'Different in 3 places'.

    Differences that do not count are named: 'Identical, but for 1 waived difference'.
    """
    verdict = comparison.verdict
    count = len(verdict.findings)
    if count:
        return f"Different in {count} place{'s' if count > 1 else ''}"
    return ", but for ".join([_equality(comparison), *_not_counted(verdict)])


def _equality(comparison: Comparison) -> str:
    verdict = comparison.verdict
    if verdict.declared:
        return f"Equal as declared ({comparison.work.rules.words or verdict.declared[0][1]})"
    if verdict.same_rows:
        return "The same on both sides"
    return "Identical under both" if verdict.sides == ORCHESTRATORS else "Identical"


def _not_counted(verdict: Verdict) -> Iterator[str]:
    counts = {"waived": len(verdict.waived), "not reproducible": len(verdict.noise)}
    parts = [f"{count} {name}" for name, count in counts.items() if count]
    if parts:
        one = sum(counts.values()) == 1
        yield f"{' and '.join(parts)} difference{'' if one else 's'}"


def headline(comparison: Comparison, outcomes: Sequence[Outcome] = ()) -> Status:
    """The verdict as a title with its level; `outcomes` are those of the failure matrix.

    Two runs that failed alike are a warning, unless the failure was asked for.
    """
    if not comparison.have_run:
        return Status("Not compared: a side could not be run", "bad")
    verdict = comparison.verdict
    if not verdict.holds:
        return Status(words(comparison), "bad")
    tried = [outcome for outcome in outcomes if outcome.comparison is not None]
    different = sum(not outcome.holds for outcome in tried)
    if different:
        return Status(f"Different under {different} of {len(tried)} failures", "bad")
    if comparison.broke_off:
        return Status("Not compared to the end: both runs failed in the same way", "bad")
    if verdict.failure:
        return Status(f"Both runs failed in the same way. {words(comparison)}", "good")
    return Status(words(comparison), "good")
