"""`prefect-compat explain`: what each definition becomes, by treatment."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from prefect_compat.cli.exit_codes import REFUSED, errors_on_stderr
from prefect_compat.cli.options import job_options, project_options
from prefect_compat.counted import counted
from prefect_compat.errors import DefinitionError, EjectError

if TYPE_CHECKING:
    from prefect_compat.eject.steps import EjectedStep
    from prefect_compat.flow.task_runners import RunnerChoice
    from prefect_compat.graph.features import Explanation
    from prefect_compat.graph.job import JobChoice
    from prefect_compat.graph.project import Project

# What needs attention comes first.
ORDER = ("unknown", "refused", "not run", "emulated", "supported")


@click.command()
@project_options
@job_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(project: "Project", choice: "JobChoice", as_json: bool) -> None:
    """List what every definition becomes under Prefect. Nothing is run.

    With -j or --select, only the definitions of that job. Exit code 1 if something is refused.
    """
    from prefect_compat.flow.task_runners import declared_runner
    from prefect_compat.graph.features import explain as explanations
    from prefect_compat.graph.features import explain_job
    from prefect_compat.graph.job_source import JobSource

    with errors_on_stderr():
        runner = None
        if choice.is_default:
            entries = explanations(project)
        else:
            source = JobSource(project, choice)
            entries = explain_job(source.job)
            runner = declared_runner(source, {})
        ejectable = _ejectable(project, choice)
    if as_json:
        click.echo(json.dumps(_document(entries, runner, ejectable), indent=2))
    else:
        for line in _lines(entries, runner):
            click.echo(line)
        for line in _ejectable_lines(ejectable):
            click.echo(line)
    if any(entry.feature.treatment == "refused" for entry in entries):
        sys.exit(REFUSED)


def _ejectable(
    project: "Project", choice: "JobChoice"
) -> "tuple[EjectedStep, ...] | EjectError | DefinitionError":
    """The steps, each with what `eject` would do; or why that cannot be told."""
    if find_spec("libcst") is None:
        return EjectError("install 'prefect-compat[eject]' to see")
    from prefect_compat.eject.eject import EjectOptions, read_ejectable
    from prefect_compat.graph.job_source import JobSource
    from prefect_compat.graph.project_settings import read_project_settings

    options = EjectOptions(left_out=read_project_settings().eject.leave_out)
    try:
        return read_ejectable(JobSource(project, choice), options)
    except (DefinitionError, EjectError) as error:
        return error


def _ejectable_lines(
    steps: "tuple[EjectedStep, ...] | EjectError | DefinitionError",
) -> Iterator[str]:
    if isinstance(steps, Exception):
        yield f"eject: {steps}"
        return
    refused = [step for step in steps if step.refusal is not None]
    carried = len(steps) - len(refused)
    yield f"eject: {carried} of {counted(len(steps), 'step')} would be carried over"
    yield from (f"  {step.name}: refused: {step.refusal}" for step in refused)


def _lines(entries: "Sequence[Explanation]", runner: "RunnerChoice | None") -> Iterator[str]:
    """The features of each treatment, with the definitions that use them."""
    definitions: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for entry in entries:
        feature = entry.feature
        definitions[feature.treatment, feature.name, feature.how].append(entry.definition)
    for treatment in ORDER:
        features = {key: names for key, names in definitions.items() if key[0] == treatment}
        if not features:
            continue
        yield f"{treatment}: {counted(len(features), 'feature')}"
        for (_, name, how), names in sorted(features.items()):
            yield f"  {name}: {how}"
            from prefect_compat.graph.job import listed

            yield f"    {counted(len(names), 'definition')}: {listed(names, shown=6)}"
    if not entries:
        yield "The project has no definitions."
    if runner is not None:
        yield f"tasks run {runner.words}"


def _document(
    entries: "Sequence[Explanation]",
    runner: "RunnerChoice | None",
    steps: "tuple[EjectedStep, ...] | EjectError | DefinitionError",
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "totals": {
            treatment: sum(entry.feature.treatment == treatment for entry in entries)
            for treatment in ORDER
        },
        "definitions": [
            {
                "definition": entry.definition,
                "feature": entry.feature.name,
                "treatment": str(entry.feature.treatment),
                "how": entry.feature.how,
            }
            for entry in entries
        ],
    }
    document["eject"] = (
        {"unknown": str(steps)}
        if isinstance(steps, Exception)
        else {step.name: {"rules": list(step.rules), "refusal": step.refusal} for step in steps}
    )
    if runner is not None:
        document["task_runner"] = {"name": runner.name, "reason": runner.reason}
    return document
