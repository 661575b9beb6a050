"""`prefect-compat serve`: deploys the job's flow from this process."""

import os
from typing import TYPE_CHECKING

import click

from prefect_compat.cli.exit_codes import errors_on_stderr
from prefect_compat.cli.options import job_options, project_options
from prefect_compat.errors import ConfigError

if TYPE_CHECKING:
    from prefect_compat.graph.job import JobChoice
    from prefect_compat.graph.project import Project


@click.command(short_help="Deploy the flow without a work pool.")
@project_options
@job_options
@click.option("--name", default="served", show_default=True, help="Name of the deployment.")
@click.option("--cron", help="Schedule, such as '0 6 * * *'. Only for jobs without partitions.")
def serve(project: "Project", choice: "JobChoice", name: str, cron: str | None) -> None:
    """Deploy the job's flow from this process, without a work pool.

    It runs the flow for each request from the UI, the API or `prefect deployment run`, until you
    stop it. Needs a server (PREFECT_API_URL).
    """
    from prefect.deployments.runner import RunnerDeployment
    from prefect.schedules import Cron
    from prefect.settings import get_current_settings

    from prefect_compat.flow.serve import serve_deployment
    from prefect_compat.graph.job import read_plan, resolve_job
    from prefect_compat.graph.job_source import SERVED, SERVING_PID, as_served
    from prefect_compat.server.api import validate_server

    with errors_on_stderr():
        plan = read_plan(resolve_job(project, choice))
        if cron and plan.is_partitioned:
            raise ConfigError(
                f"{plan.name} is partitioned, and a schedule does not say which partition to run."
                " Leave --cron out; a flow of your own can choose the partition and call this one."
            )
        if not get_current_settings().api.url:
            raise ConfigError(
                "PREFECT_API_URL is not set. Start a server (`prefect server start`) and name it,"
                " for instance http://127.0.0.1:4200/api."
            )
        validate_server()
        os.environ[SERVED] = as_served(project, choice)
        os.environ[SERVING_PID] = str(os.getpid())
        deployment = RunnerDeployment.from_entrypoint(
            "prefect_compat.flow.served_flow.flow",
            name=name,
            schedules=[Cron(cron)] if cron else None,
            tags=["derived-from-dagster"],
        )
        click.echo(
            f"Serving {deployment.full_name} until Ctrl-C or SIGTERM. Start a run in the UI, or by"
            f" `prefect deployment run '{deployment.full_name}'`."
        )
        serve_deployment(deployment)
