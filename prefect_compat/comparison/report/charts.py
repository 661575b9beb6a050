"""The charts of the comparison's page, as SVG: two timelines on one scale, and bars of seconds."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from prefect_compat.comparison.costs import Figure
from prefect_compat.comparison.record.record import NOT_STARTED, Record, RecordedStep

WIDTH = 960.0
LABELS = 210.0
ROW = 22.0
BAR = 12.0
AXIS = 26.0
RIGHT = 24.0  # room for half of the last tick's label
SPOKEN = 50  # steps that the description of a timeline lists


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its length with the spread, and its colour, `left` or `right`."""

    label: str
    figure: Figure
    colour: str


def timeline(record: Record, span_s: float, colour: str) -> str:
    """A row for each step and a bar for each time it ran, from the start of the first step.

    `span_s` is the whole width in seconds; `colour` is `left` or `right`. The darker part of a bar
    is the time that the step's own function and IO managers took. Empty if no step started.
    """
    starts: dict[str, float] = {}
    for step in record.steps:
        if step.started_s is not None:
            starts[step.name] = min(step.started_s, starts.get(step.name, math.inf))
    if not starts:
        return ""
    origin = min(starts.values())
    names = sorted(
        dict.fromkeys(step.name for step in record.steps),
        key=lambda name: starts.get(name, math.inf),
    )
    height = AXIS + ROW * len(names)
    scale = (WIDTH - LABELS - RIGHT) / (span_s or 1.0)
    body = [*_axis(span_s, scale, height)]
    labels = shortened(names)
    for row, name in enumerate(names):
        y = AXIS + ROW * row
        body.append(_label(name, labels[row], y))
        runs = [step for step in record.steps if step.name == name]
        body += [_step(step, origin, scale, y, colour) for step in runs]
    started = [step for step in record.steps if step.started_s is not None]
    words = ", ".join(_in_words(step, origin) for step in started[:SPOKEN])
    return _svg(height, f"Timeline of {record.side}: {words}.", body)


def span_s(records: Iterable[Record]) -> float:
    """The longest time that a record covers, from its first step's start to its last one's end."""
    spans = [0.0]
    for record in records:
        starts = [step.started_s for step in record.steps if step.started_s is not None]
        ends = [step.ended_s for step in record.steps if step.ended_s is not None]
        if starts and ends:
            spans.append(max(ends) - min(starts))
    return max(spans)


def bars(rows: Sequence[Bar], floor: Figure | None) -> str:
    """Horizontal bars in seconds with whiskers from least to most; a line marks the floor."""
    most = max([row.figure.most for row in rows] + [floor.median if floor else 0.0]) or 1.0
    height = AXIS + ROW * len(rows)
    # 80 units are left for the seconds behind the longest bar.
    scale = (WIDTH - LABELS - 80) / most
    body = [*_axis(most, scale, height)]
    labels = shortened([row.label for row in rows])
    for number, row in enumerate(rows):
        y = AXIS + ROW * number
        body.append(_label(row.label, labels[number], y))
        body.append(
            f'<rect class="{row.colour}" x="{LABELS}" y="{y + 5:.1f}"'
            f' width="{row.figure.median * scale:.1f}" height="{BAR}" rx="2"/>'
        )
        least, largest = (LABELS + value * scale for value in (row.figure.least, row.figure.most))
        middle = y + 5 + BAR / 2
        body.append(f'<path class="whisker" d="M{least:.1f} {middle}H{largest:.1f}"/>')
        body.append(
            f'<text x="{largest + 6:.1f}" y="{y + 15:.1f}">{row.figure.median:.2f} s</text>'
        )
    if floor is not None:
        x = LABELS + floor.median * scale
        body.append(f'<path class="floor" d="M{x:.1f} {AXIS - 4}V{height}"/>')
    words = "; ".join(f"{row.label}: {row.figure.median:.2f} seconds" for row in rows)
    return _svg(height, f"Bars: {words}.", body)


def _svg(height: float, words: str, body: Iterable[str]) -> str:
    size = f"{WIDTH:.0f} {height + 4:.0f}"
    return (
        f'<svg class="chart" role="img" aria-label="{escape(words, quote=True)}"'
        f' viewBox="0 0 {size}">'
        f"{''.join(body)}</svg>"
    )


def _axis(most_s: float, scale: float, height: float) -> Iterator[str]:
    # The finest of 1, 2, 5, 10, ... with at most nine ticks, so that their labels fit.
    step = next((size for size in _SIZES if most_s / size <= 8), _SIZES[-1])
    for number in range(int(most_s / step) + 1):
        x = LABELS + number * step * scale
        yield f'<path class="grid" d="M{x:.1f} {AXIS - 4}V{height}"/>'
        yield f'<text class="tick" x="{x:.1f}" y="14">{number * step:g} s</text>'


_SIZES = tuple(digit * 10**power for power in range(-3, 5) for digit in (1, 2, 5))


def shortened(names: Sequence[str]) -> list[str]:
    """The names, those of more than 27 letters without their middle; all different."""
    shown = [name if len(name) <= 27 else f"{name[:11]}…{name[-15:]}" for name in names]
    again = Counter[str]()
    labels = []
    for label in shown:
        again[label] += 1
        number = f" {again[label]}"
        labels.append(label if again[label] == 1 else label[: 27 - len(number)] + number)
    return labels


def _label(text: str, shown: str, y: float) -> str:
    return (
        f'<text class="name" x="{LABELS - 10}" y="{y + 15:.1f}"><title>{escape(text)}</title>'
        f"{escape(shown)}</text>"
    )


def _step(step: RecordedStep, origin: float, scale: float, y: float, colour: str) -> str:
    if step.started_s is None or step.ended_s is None:
        return f'<text class="tick left" x="{LABELS + 4}" y="{y + 15:.1f}">{NOT_STARTED}</text>'
    x = LABELS + (step.started_s - origin) * scale
    # At least one unit wide, or the bar of a very short step would vanish.
    width = max((step.ended_s - step.started_s) * scale, 1.0)
    own = min((step.function_s + step.storage_s) * scale, width)
    state = "" if step.state == "succeeded" else " ended-otherwise"
    hint = (
        f"{step.name}, {step.state}: {step.ended_s - step.started_s:.3f} s, of which the function"
        f" took {step.function_s:.3f} s and the IO managers {step.storage_s:.3f} s"
        + (f"; {step.attempts} attempts" if step.attempts > 1 else "")
    )
    return (
        f"<g><title>{escape(hint)}</title>"
        f'<rect class="{colour} rest{state}" x="{x:.1f}" y="{y + 5:.1f}" width="{width:.1f}"'
        f' height="{BAR}" rx="2"/>'
        f'<rect class="{colour}" x="{x:.1f}" y="{y + 5:.1f}" width="{own:.1f}" height="{BAR}"'
        ' rx="2"/></g>'
    )


def _in_words(step: RecordedStep, origin: float) -> str:
    start, end = ((at or origin) - origin for at in (step.started_s, step.ended_s))
    return f"{step.name} from {start:.2f} to {end:.2f} seconds"
