"""Options that several commands share, named as Dagster's own commands name them."""

import glob
import json
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect_compat.cli.exit_codes import errors_on_stderr
from prefect_compat.errors import ConfigError

if TYPE_CHECKING:
    from prefect_compat.graph.project import Project

Command = Callable[..., None]


def project_options(command: Command) -> Command:
    """The `project`: by `-m`, `-f`, `--package-name` or `-w`, else that of the working folder."""

    @wraps(command)
    def with_project(project: "Project | None", **options: Any) -> None:
        from prefect_compat.graph.project import Project

        with errors_on_stderr():
            chosen = project or Project.of_folder(Path("."))
        command(project=chosen, **options)

    return named_project_options(with_project)


def named_project_options(command: Command) -> Command:
    """The `project` that the options name; None if they name none."""

    @wraps(command)
    def with_project(
        module: str | None,
        file: str | None,
        package: str | None,
        folder: str | None,
        attribute: str | None,
        workspace: tuple[str, ...],
        location: str | None,
        **options: Any,
    ) -> None:
        from prefect_compat.graph.project import Project

        named = [name for name in (module, file, package, workspace) if name]
        if len(named) > 1:
            raise click.UsageError("Name the project by one of -m, -f, --package-name and -w.")
        if attribute and not (module or file or package):
            raise click.UsageError("-a names definitions in a module: pass -m, -f or -p too.")
        with errors_on_stderr():
            if module or file or package:
                project: Project | None = Project(module, file, folder, attribute, package)
            elif workspace:
                project = Project.of_workspace(*map(Path, workspace), location=location)
            elif folder or location:
                project = Project.of_folder(Path(folder or "."), location)
            else:
                project = None
        command(project=project, **options)

    return _with_options(
        with_project,
        click.option("-m", "--module-name", "module", help="Module with the definitions."),
        click.option("-f", "--python-file", "file", help="File with the definitions."),
        click.option("-p", "--package-name", "package", help="Package with the definitions."),
        click.option("-a", "--attribute", help="Name of the definitions, if there are several."),
        click.option("-d", "--working-directory", "folder", help="Folder to import from."),
        click.option("-w", "--workspace", multiple=True, help="Workspace file; may be repeated."),
        click.option("-l", "--location", help="Code location, if there are several."),
    )


def job_options(command: Command) -> Command:
    """The `choice` of what to run: `-j JOB`, `--select ASSETS`, or all assets."""

    @wraps(command)
    def with_choice(job: str | None, select: str | None, **options: Any) -> None:
        from prefect_compat.graph.job import JobChoice

        if job and select:
            raise click.UsageError("Pass -j or --select, not both.")
        command(choice=JobChoice(job, select), **options)

    return _with_options(
        with_choice,
        click.option("-j", "--job", help="Job to run. Without -j and --select: all assets."),
        click.option(
            "--select",
            metavar="ASSETS",
            help="Assets to run, in Dagster's selection syntax, such as 'group:sales+'.",
        ),
    )


def partition_options(command: Command) -> Command:
    """The `partition`, as text that `run_keys` takes."""

    @wraps(command)
    def with_partition(
        partition: str | None, partition_range: str | None, all_partitions: bool, **options: Any
    ) -> None:
        from prefect_compat.graph.partitions import ALL, RANGE

        given = [text for text in (partition, partition_range) if text]
        if len(given) + all_partitions > 1:
            raise click.UsageError(
                "Pass one of --partition, --partition-range and --all-partitions."
            )
        if partition_range and RANGE not in partition_range:
            raise click.UsageError(f"--partition-range is FIRST{RANGE}LAST, both included.")
        command(partition=ALL if all_partitions else next(iter(given), None), **options)

    return _with_options(
        with_partition,
        click.option("--partition", metavar="KEY", help="Partition key, or a range FIRST...LAST."),
        click.option("--partition-range", metavar="FIRST...LAST", help="Range of partitions."),
        click.option("--all-partitions", is_flag=True, help="Every partition."),
    )


def config_options(command: Command) -> Command:
    """The `run_config` of `-c` and `--config-json`, merged as Dagster merges it, and its `tags`."""

    @wraps(command)
    def with_config(
        config: tuple[str, ...], config_json: str | None, tags: str | None, **options: Any
    ) -> None:
        from prefect_compat.flow.parameters import merged_run_config

        with errors_on_stderr():
            if config and config_json:
                raise click.UsageError("Pass -c or --config-json, not both.")
            files = [file for pattern in config for file in sorted(glob.glob(pattern)) or [pattern]]
            run_config = (
                _json_mapping("--config-json", config_json)
                if config_json
                else merged_run_config(files)
            )
            run_tags = _json_mapping("--tags", tags) if tags else {}
        command(
            run_config=run_config,
            tags={name: str(value) for name, value in run_tags.items()},
            **options,
        )

    return _with_options(
        with_config,
        click.option(
            "-c",
            "--config",
            multiple=True,
            metavar="FILE",
            help="Run-config file, as for `dagster job execute -c`. Repeat it to merge several.",
        ),
        click.option("--config-json", metavar="JSON", help="Run config as JSON."),
        click.option("--tags", metavar="JSON", help='Run tags, such as \'{"team": "data"}\'.'),
    )


def _json_mapping(option: str, text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{option} is no JSON: {error}. Put it into single quotes.") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{option} is {type(value).__name__}; expected a JSON object.")
    return value


def _with_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
