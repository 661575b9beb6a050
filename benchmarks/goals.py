"""One table of what was measured: ours, the peer or the floor, the ratio, the goal, met or not.

python -m benchmarks.goals [--record RELEASE] [--draw docs/images/benchmarks.svg]

Reads what the benchmarks have left in `var/bench`. `--record` adds the ratios to the committed
history, `benchmarks/history.json`; `--draw` draws that history.
"""

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.measuring import RESULTS

HISTORY = Path(__file__).with_name("history.json")


@dataclass(frozen=True)
class Goal:
    """A contestant of a benchmark beside another, and the most that their ratio may be."""

    name: str
    title: str
    ours: str
    peer: str
    at_most: float


@dataclass(frozen=True)
class Outcome:
    """The measurement for a goal; `is_met` is None if there is none."""

    name: str
    ours_s: float | None
    peer: str
    peer_s: float | None
    ratio: float | None
    goal: float

    @property
    def is_met(self) -> bool | None:
        return None if self.ratio is None else self.ratio <= self.goal


PLAIN = "plain Python"
GOALS = (
    Goal("the year, Dagster in SQLite", "the_year", "Dagster, kept connections", PLAIN, 2.5),
    Goal("the year, Dagster in memory", "the_year", "Dagster, batched in memory", PLAIN, 2.0),
    Goal("the year, Prefect", "the_year", "Prefect, one flow run", PLAIN, 1.6),
    Goal(
        "the year without models, Dagster in SQLite",
        "the_year_without_models",
        "Dagster, kept connections",
        PLAIN,
        2.5,
    ),
    Goal(
        "the year without models, Dagster in memory",
        "the_year_without_models",
        "Dagster, batched in memory",
        PLAIN,
        2.0,
    ),
    Goal(
        "the year without models, Prefect",
        "the_year_without_models",
        "Prefect, one flow run",
        PLAIN,
        1.6,
    ),
    Goal("64 tasks, derived", "the_flow", "derived flow", "hand-written flow", 1.03),
    Goal(
        "small projects, materialize",
        "materialize",
        "prefect_compat.materialize",
        "dagster.materialize",
        1.3,
    ),
    Goal(
        "40 times the partitions, Dagster",
        "many_partitions",
        "Dagster, 12,000 partitions",
        "Dagster, 300 partitions",
        40.0,
    ),
    Goal(
        "40 times the partitions, Prefect",
        "many_partitions",
        "Prefect, 12,000 partitions",
        "Prefect, 300 partitions",
        40.0,
    ),
    Goal(
        "rows by key, datacompy with polars",
        "the_rows",
        "ours",
        "datacompy, polars",
        1.0,
    ),
)


def outcomes(results: Mapping[str, Mapping[str, Sequence[float]]]) -> tuple[Outcome, ...]:
    """The outcome of each goal; `results` are the seconds by benchmark and contestant."""
    return tuple(_outcome(goal, results.get(goal.title, {})) for goal in GOALS)


def _outcome(goal: Goal, seconds: Mapping[str, Sequence[float]]) -> Outcome:
    ours, peer = (
        statistics.median(seconds[name]) if seconds.get(name) else None
        for name in (goal.ours, goal.peer)
    )
    ratio = ours / peer if ours is not None and peer else None
    return Outcome(goal.name, ours, goal.peer, peer, ratio, goal.at_most)


def read_results(folder: Path = RESULTS) -> dict[str, dict[str, list[float]]]:
    """The seconds that the benchmarks have saved."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        facts = json.loads(path.read_text())
        if isinstance(facts, dict) and "seconds" in facts:
            found[facts["title"]] = facts["seconds"]
    return found


def table(found: Sequence[Outcome]) -> str:
    """The outcomes as a Markdown table."""
    words = {True: "yes", False: "no", None: "not measured"}
    lines = ["| what | ours | beside | | ratio | goal | met |", "|---|---|---|---|---|---|---|"]
    for entry in found:
        cells = [
            entry.name,
            _seconds(entry.ours_s),
            entry.peer,
            _seconds(entry.peer_s),
            "" if entry.ratio is None else f"{entry.ratio:.2f}",
            f"{entry.goal:g}",
            words[entry.is_met],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def record(release: str, found: Sequence[Outcome], path: Path = HISTORY) -> None:
    """Adds the measured ratios of a release to the history, over those that it had."""
    history: dict[str, dict[str, float]] = json.loads(path.read_text()) if path.exists() else {}
    measured = {entry.name: round(entry.ratio, 3) for entry in found if entry.ratio is not None}
    history[release] = {**history.get(release, {}), **measured}
    path.write_text(json.dumps(history, indent=2) + "\n")


WIDTH, ROW, LEFT = 720, 34, 270


def draw(history: Mapping[str, Mapping[str, float]]) -> str:
    """The ratio to the goal of each release as SVG: one row a goal, the goal in the middle."""
    releases = list(history)
    height = ROW * (len(GOALS) + 2)
    middle = LEFT + (WIDTH - LEFT) / 2
    parts = [
        f'<line x1="{middle}" x2="{middle}" y1="{ROW}" y2="{height - ROW}" stroke="#888"'
        ' stroke-dasharray="4 3"/>',
        f'<text x="{middle}" y="{ROW - 10}" text-anchor="middle">the goal</text>',
    ]
    for number, goal in enumerate(GOALS, start=1):
        y = ROW * (number + 0.5)
        name = escape(goal.name)
        parts.append(f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{name}</text>')
        for place, release in enumerate(releases):
            ratio = history[release].get(goal.name)
            if ratio is None:
                continue
            # Twice the goal or more is at the right edge.
            x = LEFT + min(ratio / goal.at_most, 2) * (WIDTH - LEFT - 60) / 2 + 15
            shade = 0.25 + 0.75 * (place + 1) / len(releases)
            color = "#1a7f37" if ratio <= goal.at_most else "#b35900"
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{color}" fill-opacity="{shade:.2f}">'
                f"<title>{escape(release)}: {ratio:g}, goal {goal.at_most:g}</title></circle>"
            )
            if place == len(releases) - 1:
                parts.append(f'<text x="{x + 10:.1f}" y="{y + 4}">{ratio:g}</text>')
    text = f"{releases[0]} to {releases[-1]}" if len(releases) > 1 else "".join(releases)
    note = f"{escape(text)}, the last in full color"
    parts.append(f'<text x="{LEFT}" y="{height - 12}">{note}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" fill="#555"'
        f' font-family="sans-serif" font-size="13">{"".join(parts)}</svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", metavar="RELEASE")
    parser.add_argument("--draw", type=Path)
    options = parser.parse_args()
    found = outcomes(read_results())
    print(table(found))
    facts: list[dict[str, Any]] = [{**asdict(entry), "is_met": entry.is_met} for entry in found]
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "goals").with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n")
    if options.record:
        record(options.record, found)
    if options.draw:
        options.draw.write_text(draw(json.loads(HISTORY.read_text())))


if __name__ == "__main__":
    main()
