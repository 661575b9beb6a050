"""Identity of steps, outputs and checks: frozen values, with a text form that can be inverted.

Labels are for people and are never parsed.
"""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class StepId:
    """One step of a run. A mapped step runs once per `mapping_key`; others have none."""

    name: str
    mapping_key: str | None = None

    def __str__(self) -> str:
        """Dagster's own key of the step: `clean`, or `clean[2019_01]` if it is mapped."""
        return label(self.name, self.mapping_key)


@dataclass(frozen=True)
class OutputId:
    """One asset's content for one partition, or all of an unpartitioned asset."""

    asset_key: tuple[str, ...]
    partition_key: str | None = None

    def __str__(self) -> str:
        """The reversible text form: JSON of key path and partition."""
        return json.dumps([list(self.asset_key), self.partition_key], ensure_ascii=False)

    @classmethod
    def parse(cls, text: str) -> "OutputId":
        """Inverts `str`."""
        path, partition = json.loads(text)
        return cls(tuple(path), partition)

    @property
    def group(self) -> str:
        """The asset, for people."""
        return "/".join(self.asset_key)

    @property
    def part(self) -> str | None:
        """The partition, for people."""
        return self.partition_key

    @property
    def label(self) -> str:
        return label(self.group, self.part)


@dataclass(frozen=True)
class StepOutputId:
    """A value that is not an asset: an op's output, or one inside a graph-backed asset.

    `run` counts the runs of one comparison from 0. `mapping_key` names one dynamic output.
    """

    run: int
    step: StepId
    output: str
    mapping_key: str | None = None

    def __str__(self) -> str:
        """The reversible text form: JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @property
    def group(self) -> str:
        """The step, and the output unless it has Dagster's default name, for people."""
        name = str(self.step) if self.output == "result" else f"{self.step}.{self.output}"
        return name if self.run == 0 else f"{name} in run {self.run + 1}"

    @property
    def part(self) -> str | None:
        """The mapping key, for people."""
        return self.mapping_key

    @property
    def label(self) -> str:
        return label(self.group, self.part)


ValueId = OutputId | StepOutputId


def parse_value_id(text: str) -> ValueId:
    """Inverts `str` of an OutputId or a StepOutputId."""
    data = json.loads(text)
    # The text of a StepOutputId is a JSON object, that of an OutputId a JSON list.
    if isinstance(data, dict):
        return StepOutputId(**{**data, "step": StepId(**data["step"])})
    return OutputId.parse(text)


@dataclass(frozen=True, order=True)
class CheckId:
    """A check of an asset."""

    asset_key: tuple[str, ...]
    name: str


def label(name: str, part: str | None) -> str:
    """`name`, or `name[part]`."""
    return name if part is None else f"{name}[{part}]"
