"""`definitions.py`: the assets of a flow, as one module."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prefect_compat.eject.literals import literal
from prefect_compat.skeleton.asset_code import (
    AssetWriter,
    constant_name,
    partitions_name,
    used_parameters,
)
from prefect_compat.skeleton.asset_names import AssetName
from prefect_compat.skeleton.facts import RecordedFlow
from prefect_compat.skeleton.flow_module import FlowModule

FILE = "definitions.py"


def definitions_file(
    flow: RecordedFlow,
    names: Sequence[AssetName],
    module: FlowModule,
    partition_key: str | None,
    comparison: str,
) -> str:
    """The module before formatting; `comparison` is the command that compares it with the flow."""
    used = {task.place.module for task in flow.tasks if task.place and task.refusal is None}
    aliases = _aliases(sorted({name or module.name for name in used}), names)
    by_place = {name: aliases[name or module.name] for name in used}
    writer = AssetWriter(flow, names, by_place)
    parts = [
        _docstring(flow, comparison),
        _imports(aliases),
        *_constants(flow, partition_key),
        *(writer.write(number) for number in range(len(flow.tasks))),
        f"defs = dg.Definitions(assets=[{', '.join(name.identifier for name in names)}])",
    ]
    return "\n\n\n".join(parts) + "\n"


def _docstring(flow: RecordedFlow, comparison: str) -> str:
    text = f"The Prefect flow {flow.name} as Dagster assets, one for each task run."
    raw = "r" if "\\" in comparison else ""
    return f'{raw}"""{text}\n\nTo compare both:\n\n{textwrap.indent(comparison, "    ")}\n"""'


def _aliases(modules: Iterable[str], names: Sequence[AssetName]) -> dict[str, str]:
    """The name of each imported module: its last part, unless an asset or another has it."""
    taken = {name.identifier for name in names} | {"dg", "dt", "defs", "context"}
    found: dict[str, str] = {}
    for module in modules:
        alias = module.rpartition(".")[2]
        while alias in taken:
            alias += "_module"
        taken.add(alias)
        found[module] = alias
    return found


def _imports(aliases: Mapping[str, str]) -> str:
    lines = [
        "import datetime as dt",
        "from pathlib import Path",
        "from typing import Any",
        "import dagster as dg",
        "from prefect.logging import disable_run_logger",
    ]
    for module, alias in aliases.items():
        package, _, last = module.rpartition(".")
        renamed = f" as {alias}" if alias != last else ""
        lines.append(
            f"from {package} import {last}{renamed}" if package else f"import {last}{renamed}"
        )
    return "\n".join(lines)


def _constants(flow: RecordedFlow, partition_key: str | None) -> Iterator[str]:
    used = used_parameters(flow)
    lines = [
        f"{constant_name(parameter.name)} = {parameter.code}"
        for parameter in flow.parameters
        if parameter.name in used and parameter.name != flow.partition
    ]
    if lines:
        yield "# The flow's parameters, as they were in the recorded run.\n" + "\n".join(lines)
    if flow.partition is not None:
        yield (
            "# It begins with the recorded day: set your own first day.\n"
            f"{partitions_name(flow)} ="
            f" dg.DailyPartitionsDefinition(start_date={literal(partition_key)})"
        )
