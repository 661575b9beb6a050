"""The history of comparisons as text, and as a page with verdicts and costs over time."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from markupsafe import Markup

from prefect_compat.comparison.history import Entry
from prefect_compat.pages import render

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 960.0, 260.0, 64.0, 16.0, 44.0
COLOURS = ("left", "right")


def describe_history(entries: Sequence[Entry]) -> str:
    """A line for each comparison, the newest last."""
    rows = [("compared at", "job", "partition", "verdict", "outputs", "seconds", "commit")]
    rows += [
        (
            entry.at[:16].replace("T", " "),
            entry.job,
            entry.partition or "",
            verdict_words(entry),
            f"{entry.identical} of {entry.compared}",
            " / ".join(f"{entry.seconds[name]:.1f}" for name in entry.sides if entry.seconds),
            entry.commit or "",
        )
        for entry in entries
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def verdict_words(entry: Entry) -> str:
    """The verdict in a few words."""
    if entry.holds:
        return "equal as declared" if entry.equal_as_declared else "identical"
    count = sum(entry.kinds.values())
    return f"different in {count} place{'' if count == 1 else 's'}" if count else "not compared"


def history_page(entries: Sequence[Entry], file: Path) -> str:
    """A whole HTML document that loads nothing and runs nothing."""
    return render(
        "history.html.j2",
        file=file.name,
        entries=[(entry, verdict_words(entry)) for entry in reversed(entries)],
        held=sum(entry.holds for entry in entries),
        chart=Markup(seconds_chart(entries)),
        sides=_sides(entries),
    )


def _sides(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """The names of both sides, as the newest entry has them, with their colours."""
    return list(zip(entries[-1].sides, COLOURS, strict=True)) if entries else []


def seconds_chart(entries: Sequence[Entry]) -> str:
    """The total seconds of both sides over the comparisons, as SVG; empty if none was timed."""
    timed = [entry for entry in entries if entry.seconds]
    if not timed:
        return ""
    most = max(max(entry.seconds.values()) for entry in timed) or 1.0
    across = (WIDTH - LEFT - 24) / max(len(timed) - 1, 1)
    scale = (HEIGHT - TOP - BOTTOM) / most
    points = {
        colour: [
            (LEFT + number * across, HEIGHT - BOTTOM - entry.seconds[name] * scale, entry, name)
            for number, entry in enumerate(timed)
            for name in entry.sides[place : place + 1]
            if name in entry.seconds
        ]
        for place, colour in enumerate(COLOURS)
    }
    body = [*_axis(most, scale)]
    for colour, places in points.items():
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in places)
        body.append(f'<polyline class="{colour}" points="{line}"/>')
        for x, y, entry, name in places:
            hint = f"{entry.at[:16]} {name}: {entry.seconds[name]:.1f} s, {verdict_words(entry)}"
            state = "" if entry.holds else " differs"
            body.append(
                f'<circle class="{colour}{state}" cx="{x:.1f}" cy="{y:.1f}" r="4">'
                f"<title>{escape(hint)}</title></circle>"
            )
    body += [
        f'<text class="tick" x="{LEFT + number * across:.1f}" y="{HEIGHT - BOTTOM + 20:.1f}">'
        f"{entry.at[5:10]}</text>"
        for number, entry in enumerate(timed)
        if number % max(len(timed) // 10, 1) == 0
    ]
    words = f"Total seconds of {len(timed)} comparisons, from 0 to {most:.1f}."
    return (
        f'<svg class="chart" role="img" aria-label="{escape(words, quote=True)}"'
        f' viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}">{"".join(body)}</svg>'
    )


def _axis(most: float, scale: float) -> Iterator[str]:
    for part in range(5):
        value = most * part / 4
        y = HEIGHT - BOTTOM - value * scale
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - 24}"/>'
        yield f'<text class="name" x="{LEFT - 8}" y="{y + 4:.1f}">{value:.1f} s</text>'
