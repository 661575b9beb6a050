"""`prefect-compat eject`: a Prefect project, without Dagster, from a job."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prefect_compat.cli.exit_codes import REFUSED, errors_on_stderr
from prefect_compat.cli.options import job_options, project_options
from prefect_compat.counted import counted

if TYPE_CHECKING:
    from prefect_compat.eject.eject import Ejection
    from prefect_compat.eject.steps import EjectedStep
    from prefect_compat.graph.job import JobChoice
    from prefect_compat.graph.project import Project


@click.command()
@project_options
@job_options
@click.option("-o", "--output", metavar="FOLDER", help="Folder of the new project.")
@click.option("--plan", "is_plan", is_flag=True, help="Only show what would be carried over.")
@click.option("--vendor", is_flag=True, help="Copy what is needed of every module of the project.")
@click.option("--stub", is_flag=True, help="Write steps that are refused as stubs that raise.")
@click.option("--force", is_flag=True, help="Replace files that were changed since.")
def eject(
    project: "Project",
    choice: "JobChoice",
    output: str | None,
    is_plan: bool,
    vendor: bool,
    stub: bool,
    force: bool,
) -> None:
    """Write a Prefect project, without Dagster, from a job.

    What cannot be carried over is refused by name. Exit code 1 if something is refused.
    """
    if not is_plan and output is None:
        raise click.UsageError("Pass -o FOLDER, or --plan to see what would be written.")
    with errors_on_stderr():
        from prefect_compat.eject.eject import EjectOptions, read_ejectable
        from prefect_compat.eject.eject import eject as eject_job
        from prefect_compat.eject.header import Origin
        from prefect_compat.eject.written import write_files
        from prefect_compat.graph.job_source import JobSource
        from prefect_compat.graph.project_settings import read_project_settings

        source = JobSource(project, choice)
        options = EjectOptions(vendor, stub, read_project_settings().eject.leave_out)
        if is_plan:
            steps = read_ejectable(source, options)
            _print_plan(steps)
            if any(step.refusal for step in steps):
                sys.exit(REFUSED)
            return
        assert output is not None
        origin = Origin.of(str(project), ["prefect-compat", *sys.argv[1:]])
        ejection = eject_job(source, origin, options)
        write_files(Path(output), ejection.files, {}, force=force)
    _print_result(ejection, output)
    if ejection.refused:
        sys.exit(REFUSED)


def _print_plan(steps: "tuple[EjectedStep, ...]") -> None:
    for step in steps:
        if step.refusal is not None:
            click.echo(f"refused  {step.name}: {step.refusal}")
        else:
            click.echo(f"carried  {step.name}: {', '.join(step.rules) or 'as it is'}")
    refused = sum(step.refusal is not None for step in steps)
    click.echo(f"{counted(len(steps), 'step')}, {refused} of them refused.")


def _print_result(ejection: "Ejection", folder: str) -> None:
    click.echo(
        f"{folder}: {counted(len(ejection.files), 'file')} written,"
        f" {counted(len(ejection.steps), 'step')}, {len(ejection.refused)} of them as stubs."
    )
    click.echo(f"See {folder}/NOT_CARRIED.md. To prove it the same:")
    click.echo(f"  prefect-compat compare … --candidate {folder}/{ejection.flow}")
