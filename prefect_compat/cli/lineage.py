"""`prefect-compat lineage`: the job's assets and how they depend on each other."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from prefect_compat.cli.exit_codes import errors_on_stderr
from prefect_compat.cli.options import job_options, project_options
from prefect_compat.cli.output_files import validate_outputs, write_output

if TYPE_CHECKING:
    from prefect_compat.graph.job import JobChoice
    from prefect_compat.graph.project import Project


@click.command()
@project_options
@job_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "svg", "mermaid", "json", "openlineage"]),
    default="mermaid",
    show_default=True,
    help="Page, image, Mermaid, JSON, or OpenLineage events, one a line.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write to a file instead of printing.",
)
def lineage(project: "Project", choice: "JobChoice", form: str, output: Path | None) -> None:
    """Draw the job's assets and their dependencies."""
    import json
    from datetime import UTC, datetime

    from prefect_compat.graph.job import resolve_job
    from prefect_compat.lineage.document import as_document
    from prefect_compat.lineage.graph import read_lineage
    from prefect_compat.lineage.mermaid import flowchart
    from prefect_compat.lineage.openlineage import job_events
    from prefect_compat.lineage.page import lineage_page
    from prefect_compat.lineage.svg import draw

    with errors_on_stderr():
        if output:
            validate_outputs(output)
        graph = read_lineage(resolve_job(project, choice))
        text = {
            "html": lambda: lineage_page(graph),
            "svg": lambda: draw(graph),
            "mermaid": lambda: flowchart(graph),
            "json": lambda: json.dumps(as_document(graph), indent=2) + "\n",
            "openlineage": lambda: "".join(
                json.dumps(event) + "\n" for event in job_events(graph, datetime.now(UTC))
            ),
        }[form]()
        if output:
            write_output(output, text)
        else:
            click.echo(text, nl=False)
