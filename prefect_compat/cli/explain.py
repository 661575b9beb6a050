"""`prefect-compat explain`: the verdict on each definition."""

import sys

import click

from prefect_compat.cli.exit_codes import REFUSED, errors_on_stderr
from prefect_compat.cli.options import project_options
from prefect_compat.graph.project import Project


@click.command()
@project_options
def explain(project: Project) -> None:
    """List what every definition becomes under Prefect. Nothing is run.

    Exit code 1 if something is refused.
    """
    from prefect_compat.graph.feature_table import Treatment
    from prefect_compat.graph.features import explain as explanations

    with errors_on_stderr():
        entries = explanations(project.load())
    width = max((len(entry.definition) for entry in entries), default=0)
    for entry in entries:
        feature = entry.feature
        click.echo(
            f"{entry.definition:<{width}}  {feature.treatment:<9}  {feature.name}: {feature.how}"
        )
    if any(entry.feature.treatment is Treatment.REFUSED for entry in entries):
        sys.exit(REFUSED)
