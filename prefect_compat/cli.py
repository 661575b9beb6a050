"""`prefect-compat`: a Dagster job run and judged under Prefect."""

import os
import sys
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from prefect_compat.errors import ConfigError, PrefectCompatError
from prefect_compat.project import Project
from prefect_compat.signals import ending_on_signals

PARITY_DIFFERS = REFUSED = 1
COULD_NOT_RUN = 2


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
        with _errors_said():
            if workspace is not None and (module or file):
                raise click.UsageError("Name the project by one of -m, -f and -w.")
            project = (
                Project(module, file)
                if workspace is None
                else Project.of_workspace(Path(workspace), location)
            )
        command(project=project, **options)

    for option in (
        click.option("-l", "--location", help="the workspace's code location, if it has several"),
        click.option("-w", "--workspace", help="workspace file with the code location"),
        click.option("-f", "--python-file", "file", help="file with the Definitions"),
        click.option("-m", "--module-name", "module", help="module with the Definitions"),
    ):
        with_project = option(with_project)
    return with_project


job_option = click.option("-j", "--job", required=True, help="name of the job")


class InterruptibleGroup(click.Group):
    """Commands that end on Ctrl-C and on SIGTERM: see `ending_on_signals`."""

    def invoke(self, ctx: click.Context) -> Any:
        with ending_on_signals():
            return super().invoke(ctx)


@click.group(cls=InterruptibleGroup)
def main() -> None:
    """A Dagster job as a native Prefect flow, and the comparison of the two."""


@main.command()
@project_options
@job_option
@click.option("--partition", help="a partition key, or a range A...B")
@click.option("-c", "--config", help="run-config file, as `dagster job execute -c` takes it")
@click.option(
    "--task-runner",
    "runner",
    type=click.Choice(["threads", "sequential", "processes", "dask"]),
    default="threads",
    show_default=True,
)
@click.option("--workers", type=click.IntRange(min=1), help="threads or processes")
@click.option("--address", help="a running Dask scheduler, such as tcp://10.0.0.1:8786")
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

    from prefect_compat.flow import as_flow
    from prefect_compat.parameters import read_run_config
    from prefect_compat.partitions import run_keys
    from prefect_compat.plan import resolve_job
    from prefect_compat.runners import named_task_runner
    from prefect_compat.server import validate_server

    with _errors_said():
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
    checks = {found.check for found in result.checks}
    failed = {found.check for found in result.checks if not found.passed}
    click.echo(
        f"{job}: {len(result.materializations)} outputs, {len(checks)} checks,"
        f" {len(failed)} failed."
    )


@main.command()
@project_options
@job_option
@click.option("--name", default="served", show_default=True, help="name of the deployment")
@click.option("--cron", help="schedule, such as '0 6 * * *'; for jobs without partitions")
def serve(project: Project, job: str, name: str, cron: str | None) -> None:
    """Deploy the job's flow from this process, without a work pool: it runs what the UI, the API or
    `prefect deployment run` ask for, until it is stopped. Needs a server (PREFECT_API_URL)."""
    from prefect.deployments.runner import RunnerDeployment
    from prefect.schedules import Cron
    from prefect.settings import get_current_settings

    from prefect_compat.plan import read_plan, resolve_job
    from prefect_compat.project import SERVED, SERVING_PID, as_served
    from prefect_compat.server import validate_server
    from prefect_compat.serving import serve_deployment

    with _errors_said():
        found = read_plan(resolve_job(project.load(), job))
        if cron and found.is_partitioned:
            raise ConfigError(
                f"{job} is partitioned, and a schedule does not say which partition to run."
                " Leave --cron out; a flow of your own can choose the partition and call this one."
            )
        if not get_current_settings().api.url:
            raise ConfigError(
                "PREFECT_API_URL is not set. Start a server (`prefect server start`) and name it,"
                " for instance http://127.0.0.1:4200/api."
            )
        validate_server()
        os.environ[SERVED] = as_served(project, job)
        os.environ[SERVING_PID] = str(os.getpid())
        deployment = RunnerDeployment.from_entrypoint(
            "prefect_compat.served.flow",
            name=name,
            schedules=[Cron(cron)] if cron else None,
            tags=["derived-from-dagster"],
        )
        click.echo(
            f"Serving {deployment.full_name} until Ctrl-C or SIGTERM. Start a run in the UI, or by"
            f" `prefect deployment run '{deployment.full_name}'`."
        )
        serve_deployment(deployment)


@main.command()
@project_options
@job_option
@click.option("--json", "as_json", is_flag=True, help="as JSON")
def plan(project: Project, job: str, as_json: bool) -> None:
    """Print the plan: the steps and edges that the flow is built from."""
    import json

    from prefect_compat.plan import read_plan, resolve_job

    with _errors_said():
        found = read_plan(resolve_job(project.load(), job))
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    click.echo(f"{found.name}: {len(found.steps)} steps, digest {found.digest[:12]}")
    for step in found.steps:
        upstream = [f"{edge.upstream} ({edge.kind})" for edge in found.upstream_of(step.name)]
        click.echo(f"  {step.name}" + (f"  <- {', '.join(upstream)}" if upstream else ""))


@main.command()
@project_options
def explain(project: Project) -> None:
    """Say of every definition what becomes of it under Prefect, without running anything.

    Exit code 1 where something is refused.
    """
    from prefect_compat.features import Verdict
    from prefect_compat.features import explain as explanations

    with _errors_said():
        found = explanations(project.load())
    width = max((len(entry.definition) for entry in found), default=0)
    for entry in found:
        feature = entry.feature
        click.echo(
            f"{entry.definition:<{width}}  {feature.verdict:<9}  {feature.name}: {feature.how}"
        )
    if any(entry.feature.verdict is Verdict.REFUSED for entry in found):
        sys.exit(REFUSED)


@main.command()
@project_options
@job_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "svg", "mermaid", "json", "openlineage"]),
    default="mermaid",
    show_default=True,
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="file to write; without it the lineage is printed",
)
def lineage(project: Project, job: str, form: str, output: Path | None) -> None:
    """Draw what the job makes out of what: as a page, an image, Mermaid, JSON, or OpenLineage
    events, one a line."""
    import json
    from datetime import UTC, datetime

    from prefect_compat.lineage.document import as_document
    from prefect_compat.lineage.graph import read_lineage
    from prefect_compat.lineage.mermaid import flowchart
    from prefect_compat.lineage.openlineage import job_events
    from prefect_compat.lineage.page import lineage_page
    from prefect_compat.lineage.svg import draw
    from prefect_compat.plan import resolve_job

    with _errors_said():
        if output:
            validate_outputs(output)
        found = read_lineage(resolve_job(project.load(), job))
        text = {
            "html": lambda: lineage_page(found),
            "svg": lambda: draw(found),
            "mermaid": lambda: flowchart(found),
            "json": lambda: json.dumps(as_document(found), indent=2) + "\n",
            "openlineage": lambda: "".join(
                json.dumps(event) + "\n" for event in job_events(found, datetime.now(UTC))
            ),
        }[form]()
        if output:
            write_output(output, text)
        else:
            click.echo(text, nl=False)


@main.command()
@project_options
@job_option
@click.option("--partition", help="a partition key, or a range A...B")
@click.option("-c", "--config", help="run-config file for both sides")
@click.option(
    "--store-env",
    multiple=True,
    help="environment variable that says where the project stores its outputs; each side gets its"
    " own. Default: `store_env` in [tool.prefect-compat] of pyproject.toml.",
)
@click.option(
    "--fail",
    "fault",
    metavar="STEP[:N]",
    help="let the step's first N attempts (all of them without N) fail on both sides",
)
@click.option(
    "--ignore-metadata",
    "ignored",
    multiple=True,
    metavar="NAME",
    help="metadata that tell of the run and not of the data, such as a duration; also"
    " `ignore_metadata` in [tool.prefect-compat]",
)
@click.option(
    "--repeat",
    "rounds",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="rounds to time; from 2 on, each runs the job twice: cold and warm",
)
@click.option(
    "--failure-matrix",
    "matrix",
    is_flag=True,
    help="also run the standard set of failures: an error in the middle, a retry that succeeds,"
    " retries exhausted, a blocking check that fails, an empty partition, a kill and a second run",
)
@click.option(
    "--empty-partition",
    metavar="KEY",
    help="a partition without data, for the failure matrix; also `empty_partition` in"
    " [tool.prefect-compat]",
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="file for the whole comparison"
)
@click.option(
    "--html", "page", type=click.Path(path_type=Path), help="file for it as a page to look at"
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="folder for both sides' stores, logs and records: a new or empty one, or one that an"
    " earlier comparison made, which is replaced",
)
def compare(
    project: Project,
    job: str,
    partition: str | None,
    config: str | None,
    store_env: tuple[str, ...],
    fault: str | None,
    ignored: tuple[str, ...],
    rounds: int,
    matrix: bool,
    empty_partition: str | None,
    json_file: Path | None,
    page: Path | None,
    keep: Path | None,
) -> None:
    """Run the job under both orchestrators and compare what they recorded and stored.

    Exit code 0 only when parity holds: the same graph, the same outputs, the same behaviour; 1
    when something differs; 2 when a side could not be run.
    """
    import json
    from dataclasses import asdict

    from prefect_compat.lineage.graph import read_lineage
    from prefect_compat.parity.comparison import as_document, compare_sides, describe
    from prefect_compat.parity.empty_store import EmptyStore
    from prefect_compat.parity.folder import comparison_folder, validate_folder
    from prefect_compat.parity.injection import Fault
    from prefect_compat.parity.matrix import Outcome, describe_matrix, run_matrix
    from prefect_compat.parity.page import comparison_page
    from prefect_compat.parity.work import Work, validate_store_variables
    from prefect_compat.project_settings import read_project_settings

    files = tuple(file for file in (json_file, page) if file)
    with _errors_said(), tempfile.TemporaryDirectory(prefix="prefect-compat-") as nowhere:
        settings = read_project_settings()
        work = Work(
            project=project,
            job=job,
            partition=partition,
            run_config=str(Path(config).absolute()) if config else None,
            store_variables=store_env or settings.store_env,
            ignored_metadata=ignored or settings.ignore_metadata,
            fault=Fault.parse(fault) if fault else None,
            rounds=rounds,
            empty_partition=(empty_partition or settings.empty_partition) if matrix else None,
        )
        # Everything that can be refused is refused here: before a run, and before --keep's folder
        # is touched.
        validate_store_variables(work.store_variables)
        validate_outputs(*files)
        if keep:
            validate_folder(keep, files)
        empty = EmptyStore(work, Path(nowhere))
        with comparison_folder(keep, files) as folder:
            comparison = compare_sides(work, folder, empty, _said_aside)
            outcomes: tuple[Outcome, ...] = ()
            if matrix and comparison.have_run:
                outcomes = run_matrix(work, folder, empty, _said_aside)
        if comparison.have_run:
            click.echo(describe(comparison))
            if outcomes:
                click.echo(describe_matrix(outcomes))
        else:
            for side in (comparison.dagster, comparison.prefect):
                if not side.has_run:
                    _said_aside(f"Error: {side.error}")
        # After the verdict is out, which a full disk cannot take back.
        if json_file:
            failures = [asdict(outcome) for outcome in outcomes]
            write_output(json_file, json.dumps({**as_document(comparison), "failures": failures}))
        if page:
            write_output(page, comparison_page(comparison, read_lineage(empty.job), outcomes))
    if not comparison.have_run:
        sys.exit(COULD_NOT_RUN)
    if not (comparison.verdict.holds and all(outcome.holds for outcome in outcomes)):
        sys.exit(PARITY_DIFFERS)


def _said_aside(line: str) -> None:
    click.echo(line, err=True)


def validate_outputs(*paths: Path) -> None:
    """Raises ConfigError for a file that could not be written, so that no run is lost by it."""
    for path in paths:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder; expected the name of a file to write.")
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not above.is_dir():
            raise ConfigError(f"{path} cannot be written: {above} is a file. Name another place.")
        if not os.access(path if path.exists() else above, os.W_OK):
            raise ConfigError(f"{path} cannot be written: no permission. Name another place.")
    if len({path.absolute() for path in paths}) < len(paths):
        raise ConfigError(f"{paths[0]} is named twice. Name a file for each output.")


def write_output(path: Path, text: str) -> None:
    """Writes the file, whole or not at all. Raises ConfigError if it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)


class _errors_said:
    """Turns this package's errors into one line on stderr and exit code 2."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, PrefectCompatError):
            click.echo(f"Error: {error}", err=True)
            sys.exit(COULD_NOT_RUN)
