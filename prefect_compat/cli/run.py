"""`prefect-compat run`: a job as one Prefect flow run."""

import click

from prefect_compat.cli.exit_codes import errors_on_stderr
from prefect_compat.cli.options import job_option, project_options
from prefect_compat.graph.project import Project


@click.command()
@project_options
@job_option
@click.option("--partition", help="Partition key, or a range A...B.")
@click.option("-c", "--config", help="Run-config file, as for `dagster job execute -c`.")
@click.option(
    "--task-runner",
    "runner",
    type=click.Choice(["threads", "sequential", "processes", "dask"]),
    default="threads",
    show_default=True,
    help="Where the tasks run.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="Number of threads, processes or Dask workers."
)
@click.option("--address", help="Address of a running Dask scheduler, such as tcp://10.0.0.1:8786.")
def run(
    project: Project,
    job: str,
    partition: str | None,
    config: str | None,
    runner: str,
    workers: int | None,
    address: str | None,
) -> None:
    """Run the job as one Prefect flow run."""
    from prefect.exceptions import ParameterBindError, ParameterTypeError

    from prefect_compat.flow.build import as_flow
    from prefect_compat.flow.parameters import read_run_config
    from prefect_compat.flow.task_runners import named_task_runner
    from prefect_compat.graph.job import resolve_job
    from prefect_compat.graph.partitions import run_keys
    from prefect_compat.server.api import validate_server

    with errors_on_stderr():
        run_config = read_run_config(config) if config else {}
        defs = project.load()
        run_keys(resolve_job(defs, job), partition)
        task_runner = named_task_runner(runner, workers, address)
        flow = as_flow(defs, job=job, run_config=run_config, task_runner=task_runner)
        parameters = {"partition": partition} if partition is not None else {}
        validate_server()
        try:
            result = flow(**parameters)
        except (ParameterTypeError, ParameterBindError) as error:
            raise click.UsageError(str(error)) from error
    checks = {entry.check for entry in result.checks}
    failed = {entry.check for entry in result.checks if not entry.passed}
    click.echo(
        f"{job}: {len(result.materializations)} outputs, {len(checks)} checks,"
        f" {len(failed)} failed."
    )
