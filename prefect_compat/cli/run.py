"""`prefect-compat run`: a job as one Prefect flow run."""

import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from prefect_compat.cli.exit_codes import errors_on_stderr
from prefect_compat.cli.options import (
    config_options,
    job_options,
    partition_options,
    project_options,
)
from prefect_compat.cli.progress import progress_options
from prefect_compat.counted import counted
from prefect_compat.errors import ConfigError
from prefect_compat.garbage import collect_as_usual
from prefect_compat.progress import Progress

if TYPE_CHECKING:
    from concurrent.futures import Future

    from prefect_compat.graph.job import JobChoice
    from prefect_compat.graph.project import Project


def with_server(command: Callable[..., None]) -> Callable[..., None]:
    """The `server` that this run needs, which starts at once; None if it needs none.

    It starts while this process imports Dagster and loads the project: both take seconds.
    """

    @wraps(command)
    def starting(**options: Any) -> None:
        from prefect_compat.server.api import needs_server, start_in_background

        with errors_on_stderr():
            server = start_in_background() if needs_server() else None
        command(server=server, **options)

    return starting


@click.command()
@with_server
@project_options
@job_options
@partition_options
@config_options
@progress_options
@click.option(
    "--task-runner",
    "runner",
    type=click.Choice(["threads", "sequential", "processes", "dask"]),
    help="Where the tasks run. Default: as the job's executor runs steps.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="Number of threads, processes or Dask workers."
)
@click.option("--address", help="Address of a running Dask scheduler, such as tcp://10.0.0.1:8786.")
@click.option("--report-to-dagster", "reports", is_flag=True, help="Record the run in Dagster too.")
@click.option("--cache", is_flag=True, help="Do not run a step again whose inputs are the same.")
@click.option("--artifacts", is_flag=True, help="Show metadata as Prefect artifacts.")
def run(
    project: "Project",
    choice: "JobChoice",
    partition: str | None,
    run_config: Mapping[str, Any],
    tags: Mapping[str, str],
    runner: str | None,
    workers: int | None,
    address: str | None,
    reports: bool,
    cache: bool,
    artifacts: bool,
    progress: Progress,
    server: "Future[str] | None",
) -> None:
    """Run a job, or the assets of a project, as one Prefect flow run."""
    from contextlib import ExitStack

    import dagster as dg
    from prefect.exceptions import ParameterBindError, ParameterTypeError

    from prefect_compat.flow.build import build_flow
    from prefect_compat.flow.task_runners import named_task_runner
    from prefect_compat.graph.job_source import JobSource
    from prefect_compat.graph.partitions import dynamic_names, run_keys
    from prefect_compat.server.api import validate_server

    with errors_on_stderr():
        if runner is None and (workers or address):
            raise ConfigError("--workers and --address need --task-runner.")
        with ExitStack() as opened:
            source = JobSource(project, choice)
            with progress.stage("loading the project"):
                # Only an instance knows the keys of dynamic partitions.
                is_dynamic = bool(dynamic_names(source.job.partitions_def))
            if reports or (is_dynamic and "DAGSTER_HOME" in os.environ):
                source.instance = opened.enter_context(dg.DagsterInstance.get())
            run_keys(source.job, partition, source.instance)
            flow = build_flow(
                source,
                run_config=run_config,
                tags=tags,
                task_runner=named_task_runner(runner, workers, address) if runner else None,
                caches_results=cache,
                makes_artifacts=artifacts,
            )
            if flow.runner_choice is not None:
                progress.line(f"Tasks run {flow.runner_choice.words}.")
            validate_server()
            if server is not None:
                with progress.stage("starting a Prefect server"):
                    server.result()
            collect_as_usual()
            try:
                result = flow(**({"partition": partition} if partition is not None else {}))
            except (ParameterTypeError, ParameterBindError) as error:
                raise click.UsageError(str(error)) from error
    checks = {entry.check for entry in result.checks}
    failed = {entry.check for entry in result.checks if not entry.passed}
    click.echo(
        f"{source.job.name}: {counted(len(result.steps), 'step')},"
        f" {counted(len(result.materializations), 'materialization')},"
        f" {counted(len(checks), 'check')}, {len(failed)} of them failed."
    )
