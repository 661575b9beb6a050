"""A comparison as Markdown, for a pull request or the summary of a CI job."""

from collections.abc import Iterator

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.report.conclusion import conclusion, not_compared
from prefect_compat.comparison.report.headline import headline
from prefect_compat.comparison.report.row_words import table_words
from prefect_compat.comparison.sources.work import title as title_of

SHOWN = 20


def as_markdown(comparison: Comparison) -> str:
    """The document: the verdict, what differs, what was not compared."""
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    verdict, work = comparison.verdict, comparison.work
    status = headline(comparison)
    mark = {"good": "✅", "warn": "⚠️", "bad": "❌"}[status.level]
    title = f"{title_of(work)} {work.partition or ''}".strip()
    yield f"### {mark} {_escaped(status.word)}: {_escaped(title)}"
    yield ""
    for side in (comparison.left, comparison.right):
        if not side.has_run:
            yield from (
                f"**{side.side} could not be run.**",
                "",
                "```",
                side.error or "",
                "```",
                "",
            )
    sentences = conclusion(comparison)
    if sentences:
        yield from (" ".join(sentences), "")
    if verdict.findings:
        yield from (
            f"| difference | place | {verdict.sides[0]} | {verdict.sides[1]} |",
            "|---|---|---|---|",
        )
        for finding in verdict.findings[:SHOWN]:
            cells = (str(finding.kind), finding.place, finding.left, finding.right)
            yield f"| {' | '.join(map(_escaped, cells))} |"
        more = len(verdict.findings) - SHOWN
        yield from ([f"\nAnd {more} more.", ""] if more > 0 else [""])
    for entry in comparison.rows:
        words = "; ".join(table_words(entry.table, verdict.sides))
        yield f"- **{_escaped(entry.output.label)}**: {_escaped(words)}"
        for cell in entry.table.cells[:3]:
            values = f"`{cell.left}` against `{cell.right}`"
            yield f"  - {_escaped(cell.row)}, {_escaped(cell.column)}: {values}"
    if comparison.rows:
        yield ""
    for finding, reason in verdict.waived:
        yield f"- waived: {finding.kind}: {_escaped(finding.place)}: {_escaped(reason)}"
    for finding in verdict.noise:
        yield f"- not reproducible: {_escaped(finding.place)}"
    left_out = not_compared(comparison)
    if left_out:
        yield from ("", "<details><summary>Not compared</summary>", "")
        yield from (f"- {_escaped(what)}: {_escaped(why)}" for what, why in left_out)
        yield from ("", "</details>")


def _escaped(text: str) -> str:
    line = " ".join(text.split())
    for mark in "\\|<>*_[]`":
        line = line.replace(mark, f"\\{mark}")
    return line
