"""The files beside the definitions: packaging, and what was not carried over."""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from prefect_compat.eject.header import Origin
from prefect_compat.skeleton.asset_names import AssetName
from prefect_compat.skeleton.facts import RecordedFlow

ALWAYS = (
    "The assets are those of one run. Where the flow branches or loops by its data, another run"
    " could have other tasks.",
    "The flow's parameters are constants at the top of `definitions.py`.",
    "Schedules and deployments of the flow are not read.",
)


def pyproject(flow: RecordedFlow) -> str:
    """`pyproject.toml`: what Dagster needs to load the folder."""
    name = "".join(letter if letter.isalnum() else "-" for letter in flow.name.lower()).strip("-")
    project = json.dumps(f"{name or 'flow'}-assets")
    return (
        "[project]\n"
        f"name = {project}\n"
        'version = "0.1.0"\n'
        'requires-python = ">=3.11"\n'
        "dependencies = [\n"
        f'    "dagster>={version("dagster")}",\n'
        f'    "prefect>={version("prefect")}", # the tasks of the flow are called\n'
        "]\n\n"
        "# The module of the flow is imported too: put its folder into PYTHONPATH.\n"
        "[tool.dagster]\n"
        'module_name = "definitions"\n'
    )


def not_carried(origin: Origin, flow: RecordedFlow, names: Sequence[AssetName]) -> str:
    """`NOT_CARRIED.md`: what was left, why, and what to look at."""
    lines = ["# What was not carried over", "", *origin.lines(), ""]
    refused = refusals(flow, names)
    if refused:
        lines += ["## Assets to write by hand", ""]
        lines += [f"- **{name}**: {reason}" for name, reason in refused.items()]
        lines.append("")
    computed = list(_computed(flow, names))
    if computed:
        lines += [
            "## Values that the flow computed",
            "",
            "The flow made them between its tasks, or took them from a task whose result Prefect"
            " does not follow (a small number, True, None). They are constants, as they were in the"
            " recorded run.",
            "",
            *computed,
            "",
        ]
    left = list(_left(flow, names))
    if left:
        lines += ["## Options of tasks", "", *left, ""]
    lines += ["## In every skeleton", "", *(f"- {line}" for line in ALWAYS)]
    return "\n".join(lines) + "\n"


def refusals(flow: RecordedFlow, names: Sequence[AssetName]) -> Mapping[str, str]:
    """The reason of each asset that cannot be written, by its name."""
    return {
        name.asset: task.refusal
        for name, task in zip(names, flow.tasks, strict=True)
        if task.refusal is not None
    }


def _computed(flow: RecordedFlow, names: Sequence[AssetName]) -> Iterator[str]:
    for number, argument, code in flow.computed:
        if flow.tasks[number].refusal is None:
            yield f"- **{names[number].asset}**: `{argument}` is `{code}`"


def _left(flow: RecordedFlow, names: Sequence[AssetName]) -> Iterator[str]:
    for name, task in zip(names, flow.tasks, strict=True):
        yield from (f"- **{name.asset}**: {option}" for option in task.options.left)
        if task.place is not None and task.place.uses_logger:
            yield f"- **{name.asset}**: log lines of Prefect's run logger are not shown"
