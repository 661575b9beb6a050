"""What one orchestrator says it ran, and what then lay in its store; plain data, kept as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefect_compat.errors import ComparisonError
from prefect_compat.parity.fingerprint import Fingerprint
from prefect_compat.plan import CheckId, OutputId, Plan

NOT_STARTED = "not started"


def fixed_steps(plan: Plan) -> list[str]:
    """The steps that stand in every run of the plan: all but those of dynamic outputs."""
    return [step.name for step in plan.steps if step.kind != "mapped"]


@dataclass(frozen=True)
class RecordedOutput:
    """An output that the orchestrator recorded, with the content read back from the store."""

    output: OutputId
    fingerprint: Fingerprint


@dataclass(frozen=True)
class RecordedCheck:
    """A check's result as the orchestrator recorded it."""

    check: CheckId
    passed: bool
    severity: str


@dataclass(frozen=True)
class Record:
    """One side's run: each step's final state, its outputs, its checks, its time in seconds.

    `error` is None for a run that succeeded.
    """

    orchestrator: str
    steps: tuple[tuple[str, str], ...]
    outputs: tuple[RecordedOutput, ...]
    checks: tuple[RecordedCheck, ...]
    wall_s: float
    error: str | None = None

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Raises ComparisonError if the file is missing or damaged."""
        try:
            return cls._parse(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ComparisonError(f"{path} is not a record of a run: {error}") from error

    @classmethod
    def _parse(cls, data: dict[str, Any]) -> "Record":
        return cls(
            orchestrator=data["orchestrator"],
            steps=tuple((name, state) for name, state in data["steps"]),
            outputs=tuple(_output(entry) for entry in data["outputs"]),
            checks=tuple(_check(entry) for entry in data["checks"]),
            wall_s=data["wall_s"],
            error=data["error"],
        )


def _output(entry: dict[str, Any]) -> RecordedOutput:
    output, found = entry["output"], entry["fingerprint"]
    return RecordedOutput(
        OutputId(tuple(output["asset_key"]), output["partition_key"]),
        Fingerprint(found["kind"], found["digest"], tuple(found["shape"])),
    )


def _check(entry: dict[str, Any]) -> RecordedCheck:
    check = CheckId(tuple(entry["check"]["asset_key"]), entry["check"]["name"])
    return RecordedCheck(check, entry["passed"], entry["severity"])
