"""A comparison as one HTML page, to read or to send to a colleague."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from markupsafe import Markup

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.costs import Costs, SideCosts
from prefect_compat.comparison.failure_matrix import Outcome
from prefect_compat.comparison.judging.findings import Difference, Finding
from prefect_compat.comparison.judging.outputs import (
    NOT_APART_REMEDY,
    AssetVerdict,
    OutputOutcome,
)
from prefect_compat.comparison.record.record import Aspect, Record
from prefect_compat.comparison.report.charts import Bar, bars, span_s, timeline
from prefect_compat.comparison.report.conclusion import conclusion, not_compared
from prefect_compat.comparison.report.headline import headline
from prefect_compat.comparison.report.profiles import profile_rows
from prefect_compat.comparison.report.row_words import suggestions, table_words
from prefect_compat.comparison.sources.work import title, work_options
from prefect_compat.comparison.verdict import Verdict
from prefect_compat.lineage.graph import Lineage, NodeId
from prefect_compat.lineage.svg import Level, Status, draw
from prefect_compat.pages import render

MOST_FINDINGS = 500
MOST_STEPS = 200  # in a timeline; beyond them, only the first run is shown

LEVELS: Mapping[OutputOutcome, Level] = {
    OutputOutcome.ONLY_LEFT: "bad",
    OutputOutcome.ONLY_RIGHT: "bad",
    OutputOutcome.NOT_KEPT_APART: "bad",
    OutputOutcome.DIFFERENT: "bad",
    OutputOutcome.MADE_TWICE: "bad",
    OutputOutcome.NOT_COMPARABLE: "warn",
    OutputOutcome.NOT_REPRODUCIBLE: "warn",
    OutputOutcome.EQUAL: "good",
    OutputOutcome.SAME_ROWS: "good",
    OutputOutcome.IDENTICAL: "good",
    OutputOutcome.NO_CONTENT: "bare",
}
COLOURS = ("left", "right")
NOT_MADE = Status("not made", "none")


@dataclass(frozen=True)
class Cell:
    """One output in the table of assets and partitions; None where the asset has no such one."""

    place: str
    status: Status | None


@dataclass(frozen=True)
class Line:
    """One asset in the table, with a cell for each partition."""

    asset: str
    cells: tuple[Cell, ...]


def comparison_page(
    comparison: Comparison, lineage: Lineage | None, outcomes: Sequence[Outcome] = ()
) -> str:
    """A whole HTML document that loads nothing and runs nothing.

    `lineage` is the job's, or None if the project could not be loaded. `outcomes` are those of
    the failure matrix; empty if it was not run.
    """
    verdict = comparison.verdict
    sides = (comparison.left, comparison.right)
    partitions = sorted({entry.output.part or "" for entry in verdict.outputs})
    lines = [_line(asset, partitions, verdict.sides) for asset in verdict.assets]
    shown = [_first_runs(side) for side in sides]
    span = span_s(shown)
    return render(
        "comparison.html.j2",
        comparison=comparison,
        work=comparison.work,
        options=(*work_options(comparison.work), *_engines(sides)),
        title=title(comparison.work),
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        headline=headline(comparison, outcomes),
        outcomes=outcomes,
        kinds=_kinds(verdict.findings),
        remedy=_remedy(verdict.findings),
        findings=verdict.findings[:MOST_FINDINGS],
        left_out=max(len(verdict.findings) - MOST_FINDINGS, 0),
        drawing=Markup(draw(lineage, _statuses(lineage, verdict))) if lineage else None,
        partitions=partitions,
        lines=lines,
        legend=_legend(lines),
        timelines=[
            (side.side, colour, Markup(timeline(side, span, colour)))
            for side, colour in zip(shown, COLOURS, strict=True)
        ],
        has_all_runs=shown == list(sides),
        charts=_charts(comparison.costs),
        costs=comparison.costs,
        sides=sides,
        names=verdict.sides,
        sentences=conclusion(comparison, outcomes),
        not_compared=not_compared(comparison),
        suggestions=list(suggestions(comparison)),
        row_words=[
            (
                entry,
                list(table_words(entry.table, verdict.sides)),
                list(profile_rows(entry.table, verdict.sides)),
            )
            for entry in comparison.rows
        ],
    )


def _engines(sides: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Yields how each side was run, which the times depend on."""
    engines = {
        "dagster": "in one process, one step at a time; events in SQLite, in a home of its own",
        "prefect": "one task at a time; a temporary server with SQLite",
        "candidate": "as the flow declares; a temporary server with SQLite",
        "base": "Dagster in one process, one step at a time",
        "head": "Dagster in one process, one step at a time",
    }
    for side in sides:
        if side.knows(Aspect.COSTS) and side.side in engines:
            yield f"{side.side} was run", engines[side.side]


def _kinds(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    """The kinds of finding in alphabetical order, with their counts."""
    return sorted(Counter(str(finding.kind) for finding in findings).items())


def _remedy(findings: Iterable[Finding]) -> str | None:
    """The advice for outputs that are not kept apart; None if all are."""
    kinds = {finding.kind for finding in findings}
    return NOT_APART_REMEDY if Difference.NOT_KEPT_APART in kinds else None


def _line(asset: AssetVerdict, partitions: Iterable[str], sides: tuple[str, str]) -> Line:
    made = {entry.output.part or "": entry for entry in asset.outputs}

    def status(part: str) -> Status | None:
        if part in made:
            return _status(made[part].outcome, sides)
        # An asset without partitions has none of them, and one with partitions no whole.
        return None if "" in made or not part else NOT_MADE

    return Line(
        asset.asset,
        tuple(
            Cell(f"{asset.asset}[{part}]" if part else asset.asset, status(part))
            for part in partitions
        ),
    )


def _status(outcome: OutputOutcome, sides: tuple[str, str]) -> Status:
    return Status(outcome.words(sides), LEVELS[outcome])


def _legend(lines: Iterable[Line]) -> list[Status]:
    """The statuses in the table, the best first."""
    order = ["good", "bare", "none", "warn", "bad"]
    statuses = {cell.status for line in lines for cell in line.cells if cell.status is not None}
    return sorted(statuses, key=lambda status: (order.index(status.level), status.word))


def _statuses(lineage: Lineage, verdict: Verdict) -> dict[NodeId, Status]:
    """The worst status of each asset's outputs, for the drawing."""
    worst = {asset.asset_key: _status(asset.worst, verdict.sides) for asset in verdict.assets}
    return {
        node.id: worst.get(node.id.path, NOT_MADE) for node in lineage.nodes if node.kind == "asset"
    }


def _first_runs(record: Record) -> Record:
    """The record, cut to its first run if a timeline cannot show all of its steps."""
    if len(record.steps) <= MOST_STEPS:
        return record
    return replace(record, steps=tuple(step for step in record.steps if step.run == 0))


def _charts(costs: Costs | None) -> list[tuple[str, Markup]]:
    if costs is None:
        return []
    sides = list(zip((costs.left, costs.right), COLOURS, strict=True))
    runs = [
        Bar(f"{side.side}, {name}", figure, colour)
        for name, figures in (("cold", "cold_s"), ("warm", "warm_s"))
        for side, colour in sides
        if (figure := getattr(side, figures)) is not None
    ]
    before = [bar for side, colour in sides for bar in _before(side, colour)]
    return [
        ("The run", Markup(bars(runs, costs.floor_s))),
        ("Before the run", Markup(bars(before, None))),
    ]


def _before(side: SideCosts, colour: str) -> list[Bar]:
    return [
        Bar(f"{side.side}, import", side.import_s, colour),
        Bar(f"{side.side}, start-up", side.start_up_s, colour),
    ]
