"""Options that several commands share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from prefect_compat.cli.exit_codes import errors_on_stderr
from prefect_compat.graph.project import Project


def project_options(command: Callable[..., None]) -> Callable[..., None]:
    """`-m`, `-f`, or `-w` and `-l`, as Dagster's own commands take them: the `project`."""

    @wraps(command)
    def with_project(
        module: str | None,
        file: str | None,
        workspace: str | None,
        location: str | None,
        **options: Any,
    ) -> None:
        with errors_on_stderr():
            if workspace is not None and (module or file):
                raise click.UsageError("Name the project by one of -m, -f and -w.")
            project = (
                Project(module, file)
                if workspace is None
                else Project.of_workspace(Path(workspace), location)
            )
        command(project=project, **options)

    for option in (
        click.option("-l", "--location", help="Code location in the workspace, if it has several."),
        click.option("-w", "--workspace", help="Workspace file with the code location."),
        click.option("-f", "--python-file", "file", help="File with the Definitions."),
        click.option("-m", "--module-name", "module", help="Module with the Definitions."),
    ):
        with_project = option(with_project)
    return with_project


job_option = click.option("-j", "--job", required=True, help="Name of the job.")
