"""What the written tasks and the written flow share: names, modules, imports."""

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from prefect_compat.eject.partitions import PartitionNames
from prefect_compat.eject.steps import EjectedStep, Passed
from prefect_compat.graph.plan import Plan

# Names that the file uses itself.
RESERVED = frozenset(
    {"flow", "task", "load", "save", "opened", "quote", "reporting", "tasks", "Any", "asyncio"}
    | {"partitions", "resources", "checks", "context", "partition", "partition_key"}
    | {"partition_keys", "value", "config", "key", "keys", "name", "element"}
)


def identifiers(plan: Plan, flow_name: str) -> dict[str, str]:
    """A Python name for each step, all of them different."""
    found: dict[str, str] = {}
    for step in plan.steps:
        name = re.sub(r"\W", "_", step.name)
        if keyword.iskeyword(name) or name in RESERVED or name == flow_name or name[:1].isdigit():
            name = f"{name}_task" if not name[:1].isdigit() else f"step_{name}"
        while name in found.values():
            name += "_"
        found[step.name] = name
    return found


@dataclass
class FlowScope:
    """A job whose flow is written into one file; `imports` are the statements that it needs.

    `modules` has the written module of each of the project's.
    """

    job: dg.JobDefinition
    plan: Plan
    steps: Sequence[EjectedStep]
    modules: Mapping[str, str]
    partitions: PartitionNames
    identifiers: Mapping[str, str]
    imports: set[str] = field(default_factory=set)

    @property
    def flow_name(self) -> str:
        name = re.sub(r"\W", "_", self.plan.name)
        return f"{name}_flow" if keyword.iskeyword(name) else name

    @property
    def covers_ranges(self) -> bool:
        """True if one run of the flow can cover several partitions."""
        return self.plan.is_partitioned and self.plan.partitions_per_run is None

    def passed_name(self, entry: Passed) -> str:
        """The parameter: the input's name, or (of several outputs) the upstream step's."""
        return self.identifiers[entry.upstream] if entry.output else entry.name

    def config_type(self, step: EjectedStep) -> str:
        config = step.arguments.config_class
        assert config is not None
        return f"{self.module(config.__module__)}.{config.__qualname__}"

    def module(self, source: str) -> str:
        """The name under which the flow's file knows a written module, which it imports."""
        written = self.modules[source]
        package, _, last = written.rpartition(".")
        lasts = [name.rpartition(".")[2] for name in self.modules.values()]
        is_shared = lasts.count(last) > 1
        if is_shared or last in self.identifiers.values() or last in {*RESERVED, self.flow_name}:
            distinct = written.partition(".")[2].replace(".", "_") if is_shared else last
            self.imports.add(f"from {package} import {last} as {distinct}_module")
            return f"{distinct}_module"
        self.imports.add(f"from {package} import {last}")
        return last


def by_input(step: EjectedStep) -> list[list[Passed]]:
    """Groups what is passed to a step by its inputs; of several, the function gets a list."""
    found: dict[str, list[Passed]] = {}
    for entry in step.passed:
        found.setdefault(entry.name, []).append(entry)
    return list(found.values())


def one_line(text: str) -> str:
    """The first line of a text, as it can stand in a docstring."""
    first, *_ = text.strip().splitlines()
    return first.replace("\\", "\\\\").replace('"', "'").strip()
