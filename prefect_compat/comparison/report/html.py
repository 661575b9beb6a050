"""A comparison as one HTML page: to look at, and to send to a colleague."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from markupsafe import Markup

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.costs import Costs, SideCosts
from prefect_compat.comparison.failure_matrix import Outcome
from prefect_compat.comparison.record.record import NO_CONTENT, Record, RecordedOutput
from prefect_compat.comparison.report.charts import Bar, bars, span_s, timeline
from prefect_compat.comparison.sources.work import work_options
from prefect_compat.comparison.verdict import NOT_APART_REMEDY, Difference, Finding
from prefect_compat.lineage.graph import Lineage, NodeId
from prefect_compat.lineage.svg import Status, draw
from prefect_compat.pages import render

MOST_FINDINGS = 500
MOST_STEPS = 200  # in a timeline; of more, the first runs

SAME = Status("identical", "good")
OTHERWISE: Mapping[Difference, Status] = {
    Difference.CONTENT: Status("different", "bad"),
    Difference.MISSING: Status("one side only", "bad"),
    Difference.NOT_COMPARABLE: Status("not comparable", "warn"),
    Difference.NOT_KEPT_APART: Status("not kept apart", "bad"),
}
NOTHING = Status("not made", "none")
WITHOUT_CONTENT = Status("no content to compare", "bare")


@dataclass(frozen=True)
class Cell:
    """One output in the table of assets and partitions."""

    place: str
    status: Status


@dataclass(frozen=True)
class Line:
    """One asset in that table, with a cell for each partition."""

    asset: str
    cells: tuple[Cell, ...]


def comparison_page(
    comparison: Comparison, lineage: Lineage | None, outcomes: Sequence[Outcome] = ()
) -> str:
    """A whole HTML document that loads nothing and runs nothing.

    `lineage` is the job's, or None where the project could not be loaded; `outcomes` are those of
    the failure matrix, where it was run.
    """
    verdict = comparison.verdict
    sides = (comparison.dagster, comparison.prefect)
    partitions = _partitions(sides)
    lines = _lines(comparison, partitions)
    shown = [_first_runs(side) for side in sides]
    span = span_s(shown)
    return render(
        "comparison.html.j2",
        comparison=comparison,
        work=comparison.work,
        options=work_options(comparison.work),
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        headline=headline(comparison, outcomes),
        outcomes=outcomes,
        kinds=_kinds(verdict.findings),
        findings=verdict.findings[:MOST_FINDINGS],
        left_out=max(len(verdict.findings) - MOST_FINDINGS, 0),
        drawing=Markup(draw(lineage, _statuses(lineage, lines))) if lineage else None,
        partitions=partitions,
        lines=lines,
        timelines=[(side.orchestrator, Markup(timeline(side, span))) for side in shown],
        has_all_runs=shown == list(sides),
        remedy=NOT_APART_REMEDY,
        charts=_charts(comparison.costs),
        costs=comparison.costs,
        sides=sides,
    )


def headline(comparison: Comparison, outcomes: Iterable[Outcome] = ()) -> Status:
    """The verdict in a word."""
    if not comparison.have_run:
        return Status("Not compared: a side could not be run", "bad")
    if comparison.verdict.holds and all(outcome.holds for outcome in outcomes):
        return Status("Parity holds", "good")
    return Status("Parity does not hold", "bad")


def _kinds(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    """How many findings there are of each kind."""
    ordered = sorted(finding.kind for finding in findings)
    return [(kind, len(list(found))) for kind, found in groupby(ordered)]


def _partitions(sides: Iterable[Record]) -> list[str]:
    return sorted({entry.output.part or "" for side in sides for entry in side.outputs})


def _lines(comparison: Comparison, partitions: Iterable[str]) -> list[Line]:
    sides = [
        {(entry.output.group, entry.output.part or ""): entry for entry in side.outputs}
        for side in (comparison.dagster, comparison.prefect)
    ]
    groups = dict.fromkeys(group for side in sides for group, _ in side)
    return [
        Line(
            group,
            tuple(
                Cell(
                    f"{group}[{part}]" if part else group,
                    _status(*(side.get((group, part)) for side in sides)),
                )
                for part in partitions
            ),
        )
        for group in groups
    ]


def _status(left: RecordedOutput | None, right: RecordedOutput | None) -> Status:
    if left is None and right is None:
        return NOTHING
    if left is None or right is None:
        return OTHERWISE[Difference.MISSING]
    if not (left.is_kept_apart and right.is_kept_apart):
        return OTHERWISE[Difference.NOT_KEPT_APART]
    if not (left.fingerprint.is_comparable and right.fingerprint.is_comparable):
        return OTHERWISE[Difference.NOT_COMPARABLE]
    if not left.fingerprint.same_as(right.fingerprint):
        return OTHERWISE[Difference.CONTENT]
    return WITHOUT_CONTENT if left.fingerprint == NO_CONTENT else SAME


def _statuses(lineage: Lineage, lines: Iterable[Line]) -> dict[NodeId, Status]:
    """Of each asset in the drawing, the worst of its cells."""
    worst = ["bad", "warn", "good", "bare", "none"]
    found = {
        line.asset: min((cell.status for cell in line.cells), key=lambda s: worst.index(s.level))
        for line in lines
    }
    return {
        node.id: found.get("/".join(node.id.path), NOTHING)
        for node in lineage.nodes
        if node.kind == "asset"
    }


def _first_runs(record: Record) -> Record:
    """The record with the steps of as many runs as a timeline can show."""
    if len(record.steps) <= MOST_STEPS:
        return record
    return replace(record, steps=tuple(step for step in record.steps if step.run == 0))


def _charts(costs: Costs | None) -> list[tuple[str, Markup]]:
    if costs is None:
        return []
    sides = (costs.dagster, costs.prefect)
    runs = [
        Bar(f"{side.orchestrator}, {name}", figure, side.orchestrator)
        for name, figures in (("cold", "cold_s"), ("warm", "warm_s"))
        for side in sides
        if (figure := getattr(side, figures)) is not None
    ]
    return [
        ("The run", Markup(bars(runs, costs.floor_s))),
        ("Before the run", Markup(bars([bar for side in sides for bar in _before(side)], None))),
    ]


def _before(side: SideCosts) -> list[Bar]:
    return [
        Bar(f"{side.orchestrator}, import", side.import_s, side.orchestrator),
        Bar(f"{side.orchestrator}, start-up", side.start_up_s, side.orchestrator),
    ]
