"""Production's partitions against another side, as they come; production is only read.

A state file remembers each partition's verdict. After enough days of agreement in a row the report
says what they support, and what they say nothing about.
"""

import json
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.report.conclusion import not_compared
from prefect_compat.errors import ConfigError

FEW = 60  # partitions in which a first call looks for what production has


@dataclass(frozen=True)
class Compared:
    """A partition that was compared: when, with which verdict, and what differs."""

    partition: str
    at: str
    holds: bool
    outputs: int
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """All partitions that were compared, in the order of comparing.

    `left_out` is what the last comparison says nothing about, with the reasons.
    """

    job: str
    compared: tuple[Compared, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def latest(self) -> dict[str, Compared]:
        """The latest verdict of each partition, in the order of the partitions' text."""
        latest = {entry.partition: entry for entry in self.compared}
        return {partition: latest[partition] for partition in sorted(latest)}

    @property
    def in_agreement(self) -> int:
        """The number of partitions at the end that agree, without one in between that does not."""
        count = 0
        for entry in reversed(self.latest.values()):
            if not entry.holds:
                break
            count += 1
        return count

    def with_comparison(self, partition: str, at: str, comparison: Comparison) -> "State":
        """The state after a partition was compared."""
        verdict = comparison.verdict
        entry = Compared(
            partition,
            at,
            verdict.holds and comparison.have_run,
            verdict.compared,
            tuple(map(str, verdict.findings[:20])),
        )
        left_out = not_compared(comparison) or self.left_out
        return replace(self, compared=(*self.compared, entry), left_out=left_out)


def read_state(path: Path, job: str) -> State:
    """The state in the file, an empty one without the file.

    Raises ConfigError if the file is damaged or belongs to another job.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return State(job)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    parser: TypeAdapter[State] = TypeAdapter(State)
    try:
        state = parser.validate_json(content)
    except ValidationError as error:
        raise ConfigError(
            f"{path} is no state of `prefect-compat shadow`: {error.errors()[0]['msg']}. Name"
            " another file, or remove it to begin anew."
        ) from error
    if state.job != job:
        raise ConfigError(
            f"{path} belongs to '{state.job}', not to '{job}'. Name a state file for each job."
        )
    return state


def state_text(state: State) -> str:
    """The state as the file has it."""
    values: dict[str, Any] = asdict(state)
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def new_partitions(
    known: Sequence[str], state: State, found: Callable[[Sequence[str]], Set[str]], most: int
) -> tuple[str, ...]:
    """The oldest partitions that production has and that were not compared yet.

    `known` are all partitions in their order; `found` returns those of a part of them that
    production has. Begins after the newest one that was compared; without any, with the newest
    `most` among the last of all.
    """
    compared = [known.index(key) for key in state.latest if key in known]
    if compared:
        later = known[max(compared) + 1 :]
        there = found(later) if later else frozenset()
        return tuple(key for key in later if key in there)[:most]
    last = known[-max(FEW, 4 * most) :]
    there = found(last)
    return tuple(key for key in last if key in there)[-most:]


def evidence(state: State, days: int) -> str:
    """The evidence of the comparisons so far, and what it does not cover, for people."""
    latest = state.latest
    if not latest:
        return "Nothing was compared yet."
    count = state.in_agreement
    keys = list(latest)
    lines = []
    if count >= days:
        lines.append(
            f"A cut-over is supported by the evidence: the last {count} partitions agree, from"
            f" {keys[-count]} to {keys[-1]}."
        )
    else:
        differing = [key for key, entry in latest.items() if not entry.holds]
        last = f"; the last that differs is {differing[-1]}" if differing else ""
        lines.append(
            f"{count} of {days} partitions in a row agree, up to {keys[-1]}{last}: a cut-over is"
            " not supported yet."
        )
    lines.append("The evidence does not cover:")
    lines += [f"  {what}: {why}" for what, why in state.left_out]
    lines.append("  other partitions, and runs that fail: a store shows only what was stored")
    return "\n".join(lines)
