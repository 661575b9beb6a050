"""A file with a line of JSON for each comparison: its verdict, its costs, its versions."""

import datetime as dt
import json
import os
import subprocess
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.costs import SideCosts
from prefect_compat.comparison.sources.work import title
from prefect_compat.errors import ConfigError


@dataclass(frozen=True)
class Entry:
    """One comparison. `kinds` counts the findings of each kind; `seconds` has, for each side, the
    total from a cold start, empty if it was not timed. `commit` is that of the working folder."""

    at: str
    job: str
    partition: str | None
    sides: tuple[str, str]
    holds: bool
    compared: int
    identical: int
    equal_as_declared: int
    kinds: dict[str, int]
    noise: int
    waived: int
    seconds: dict[str, float]
    versions: dict[str, str]
    commit: str | None = None


def entry_of(comparison: Comparison, now: dt.datetime) -> Entry:
    """The entry of a comparison that was made now."""
    verdict, costs = comparison.verdict, comparison.costs
    kinds = Counter(str(finding.kind) for finding in verdict.findings)
    return Entry(
        at=now.astimezone(dt.UTC).isoformat(timespec="seconds"),
        job=title(comparison.work),
        partition=comparison.work.partition,
        sides=verdict.sides,
        holds=verdict.holds and comparison.have_run and not comparison.broke_off,
        compared=verdict.compared,
        identical=verdict.identical,
        equal_as_declared=verdict.equal_as_declared,
        kinds=dict(sorted(kinds.items())),
        noise=len(verdict.noise),
        waived=len(verdict.waived),
        seconds={side.side: total_s(side) for side in (costs.left, costs.right)} if costs else {},
        versions=dict(comparison.left.versions or comparison.right.versions),
        commit=_commit(),
    )


def total_s(costs: SideCosts) -> float:
    """The seconds of a side from a cold start: import, start-up and run."""
    return costs.import_s.median + costs.start_up_s.median + costs.cold_s.median


def append(path: Path, entry: Entry) -> None:
    """Adds the entry as a line: whole or not at all, also if others append at the same time.

    Raises ConfigError if the file cannot be written.
    """
    line = json.dumps(asdict(entry), ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error


def read_history(path: Path) -> tuple[Entry, ...]:
    """The entries in their order. Raises ConfigError, which names the line, if one is damaged."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as a history: {error}") from error
    parser: TypeAdapter[Any] = TypeAdapter(Entry)
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(parser.validate_json(line))
        except ValidationError as error:
            fault = error.errors()[0]
            raise ConfigError(
                f"{path}, line {number} is no entry of a history: {fault['msg']}. Remove the line"
                " or restore the file."
            ) from error
    return tuple(entries)


def _commit() -> str | None:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return None
    return found.stdout.strip()
