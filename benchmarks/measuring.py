"""Contestants that run in turns; their medians and spread as a table and a JSON file."""

import json
import os
import platform
import statistics
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "var" / "bench"
UCI_ARCHIVE = ROOT.parent / "shared" / "data" / "incident_event_log.zip"
PACKAGES = ("dagster", "prefect", "pandas", "numpy", "pyarrow", "dask")


@dataclass(frozen=True)
class Timings:
    """One contestant's wall times in seconds, in the order of its runs."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


class Peak:
    """The peak of the memory of a process and its descendants, shared pages counted once."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.25):
            self._peak = max(self._peak, self._now())

    def _now(self) -> int:
        total = 0
        try:
            for process in [self._root, *self._root.children(recursive=True)]:
                total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            return 0  # a process ended during the measurement
        return total

    def end(self) -> int:
        self._done.set()
        self._thread.join()
        return self._peak


def take_turns(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Timings]:
    """Runs each contestant once a round, and every other round in reverse order.

    So none always comes first. A contestant returns its seconds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        order = list(contestants) if number % 2 == 0 else list(reversed(contestants))
        for name in order:
            seconds[name].append(contestants[name]())
    return {name: Timings(name, tuple(taken)) for name, taken in seconds.items()}


def report(title: str, timings: Mapping[str, Timings], floor: str, note: str = "") -> None:
    """Prints a Markdown table with each median's ratio to that of `floor`.

    Saves the figures as `var/bench/<title>.json`.
    """
    reference = timings[floor].median
    print(f"\n### {title.replace('_', ' ')}{f' ({note})' if note else ''}\n")
    print("| | median | least to most | ratio |\n|---|---|---|---|")
    for name, timing in timings.items():
        print(
            f"| {name} | {timing.median:.2f} s | {min(timing.seconds):.2f} to"
            f" {max(timing.seconds):.2f} s | {timing.median / reference:.2f} |"
        )
    facts = {
        "note": note,
        "floor": floor,
        "seconds": {name: timing.seconds for name, timing in timings.items()},
        "ratios": {name: timing.median / reference for name, timing in timings.items()},
    }
    save(title, facts)


def save(title: str, facts: Mapping[str, Any]) -> None:
    """Saves the facts as `var/bench/<title>.json`, with the machine and the versions."""
    of_run = {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
        "versions": {name: version(name) for name in PACKAGES},
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"title": title, **facts, **of_run}, indent=2)
    (RESULTS / f"{title}.json").write_text(text + "\n", encoding="utf-8")
