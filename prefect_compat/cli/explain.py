"""`prefect-compat explain`: what each definition becomes, by treatment."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from prefect_compat.cli.exit_codes import REFUSED, errors_on_stderr
from prefect_compat.cli.options import job_options, project_options
from prefect_compat.counted import counted

if TYPE_CHECKING:
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
    if as_json:
        click.echo(json.dumps(_document(entries, runner), indent=2))
    else:
        for line in _lines(entries, runner):
            click.echo(line)
    if any(entry.feature.treatment == "refused" for entry in entries):
        sys.exit(REFUSED)


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


def _document(entries: "Sequence[Explanation]", runner: "RunnerChoice | None") -> dict[str, Any]:
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
    if runner is not None:
        document["task_runner"] = {"name": runner.name, "reason": runner.reason}
    return document
