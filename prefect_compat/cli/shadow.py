"""`prefect-compat shadow`: production's new partitions against another side, from cron."""

import datetime as dt
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect_compat.cli.exit_codes import DIFFERENT, errors_on_stderr
from prefect_compat.cli.options import config_options, job_options, project_options
from prefect_compat.cli.output_files import validate_outputs, write_output
from prefect_compat.cli.progress import progress_options
from prefect_compat.cli.row_options import row_options
from prefect_compat.errors import ConfigError
from prefect_compat.progress import Progress

if TYPE_CHECKING:
    from prefect_compat.comparison.shadow import State
    from prefect_compat.comparison.sources.work import Work
    from prefect_compat.graph.job import JobChoice
    from prefect_compat.graph.project import Project


@click.command(short_help="Compare production's new partitions, and remember.")
@project_options
@job_options
@config_options
@progress_options
@row_options
@click.option(
    "--production",
    required=True,
    metavar="PLACE",
    help="Production's store: a folder or an address. It is only read.",
)
@click.option(
    "--layout",
    metavar="PATTERN",
    help="Where production's files are, such as '{asset}/{partition}.parquet'. Without it the"
    " project's IO managers read them.",
)
@click.option(
    "--store-env",
    multiple=True,
    metavar="VARIABLE",
    help="Environment variable that says where the project stores its outputs; as for `compare`.",
)
@click.option(
    "--candidate",
    metavar="FILE:FLOW",
    help="Run this Prefect flow. Without it the flow that is derived from the assets.",
)
@click.option(
    "--scratch",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for the other side's store. It is kept: later partitions may read earlier ones.",
)
@click.option(
    "--state",
    "state_file",
    type=click.Path(path_type=Path),
    required=True,
    help="File that remembers the partitions that were compared.",
)
@click.option(
    "--history", type=click.Path(path_type=Path), help="Append each comparison to a file."
)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=7,
    show_default=True,
    help="Partitions to compare at most in one call.",
)
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=14,
    show_default=True,
    help="Partitions in a row that must agree before a cut-over is supported.",
)
def shadow(
    project: "Project",
    choice: "JobChoice",
    run_config: Mapping[str, Any],
    tags: Mapping[str, str],
    progress: Progress,
    state_file: Path,
    **options: Any,
) -> None:
    """Compare production's partitions that are new since the last call, and remember the verdicts.

    Production's store is read, and only the other side is run, into the scratch folder.

    \b
    Exit code 0: all new partitions agree, or there is none.
    Exit code 1: one differs.
    Exit code 2: something could not be run, or the command was refused.
    """
    from prefect_compat.comparison.shadow import evidence

    with errors_on_stderr():
        validate_outputs(state_file)
        work = _work(project, choice, run_config, tags, options)
        state, agrees = _shadow(work, state_file, options, progress)
        click.echo(evidence(state, options["days"]))
    if not agrees:
        sys.exit(DIFFERENT)


def _work(
    project: "Project",
    choice: "JobChoice",
    run_config: Mapping[str, Any],
    tags: Mapping[str, str],
    options: Mapping[str, Any],
) -> "Work":
    """The work without a partition: each new one is compared by itself."""
    from prefect_compat.comparison.sources.work import Work
    from prefect_compat.graph.project_settings import read_project_settings

    return Work(
        project=project,
        choice=choice,
        partition=None,
        run_config=json.dumps(run_config),
        store_variables=options["store_env"] or read_project_settings().store_env,
        tags=tuple(tags.items()),
        rules=options["rules"],
    )


def _shadow(
    work: "Work", state_file: Path, options: Mapping[str, Any], progress: Progress
) -> "tuple[State, bool]":
    """The state after the new partitions were compared, and whether all of them agree."""
    from prefect_compat.comparison.comparison import compare_sources
    from prefect_compat.comparison.history import append, entry_of
    from prefect_compat.comparison.report.text import describe
    from prefect_compat.comparison.shadow import new_partitions, read_state, state_text
    from prefect_compat.comparison.sources.prefect_server import comparison_server
    from prefect_compat.comparison.sources.shadowed import Shadowed

    state, agrees = read_state(state_file, str(work.choice)), True
    scratch: Path = options["scratch"]
    scratch.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="prefect-compat-") as nowhere,
        comparison_server() as server,
    ):
        shadowed = Shadowed(
            work, options["production"], options["layout"], options["candidate"], Path(nowhere)
        )
        keys = new_partitions(
            shadowed.partitions, state, shadowed.found(scratch, progress), options["most"]
        )
        if not keys:
            progress.line("Production has no partition that was not compared yet.")
        for key in keys:
            empty, sources = shadowed.sources(key, server)
            comparison = compare_sources(sources, empty.work, scratch, progress, empty)
            now = dt.datetime.now(dt.UTC)
            if not comparison.have_run:
                error = comparison.left.error or comparison.right.error
                raise ConfigError(f"{key} could not be compared: {error}")
            state = state.with_comparison(key, now.isoformat(timespec="seconds"), comparison)
            # After each partition: a call that is ended loses none of them.
            write_output(state_file, state_text(state))
            if options["history"]:
                append(options["history"], entry_of(comparison, now))
            click.echo(f"{key}: {'agrees' if comparison.verdict.holds else 'DIFFERS'}")
            if not comparison.verdict.holds:
                agrees = False
                click.echo(describe(comparison))
    return state, agrees
