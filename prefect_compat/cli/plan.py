"""`prefect-compat plan`: the steps and edges of a job."""

from typing import TYPE_CHECKING

import click

from prefect_compat.cli.exit_codes import errors_on_stderr
from prefect_compat.cli.options import job_options, project_options

if TYPE_CHECKING:
    from prefect_compat.graph.job import JobChoice
    from prefect_compat.graph.project import Project


@click.command()
@project_options
@job_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(project: "Project", choice: "JobChoice", as_json: bool) -> None:
    """Print the steps and edges that the flow is built from."""
    import json

    from prefect_compat.graph.job import read_plan, resolve_job

    with errors_on_stderr():
        job_plan = read_plan(resolve_job(project, choice))
    if as_json:
        click.echo(json.dumps(job_plan.as_dict(), indent=2))
        return
    click.echo(f"{job_plan.name}: {len(job_plan.steps)} steps, digest {job_plan.digest[:12]}")
    for step in job_plan.steps:
        edges = job_plan.upstream_of(step.name)
        upstream = [f"{job_plan.step(edge.upstream).label} ({edge.kind})" for edge in edges]
        click.echo(f"  {step.label}" + (f"  <- {', '.join(upstream)}" if upstream else ""))
