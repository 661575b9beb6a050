"""`prefect-compat compare`: runs the job under both orchestrators and compares them."""

import datetime as dt
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect_compat.cli.exit_codes import (
    COULD_NOT_RUN,
    DIFFERENT,
    errors_on_stderr,
    log_to_stderr,
)
from prefect_compat.cli.options import (
    config_options,
    job_options,
    named_project_options,
    partition_options,
)
from prefect_compat.cli.output_files import append_output, validate_outputs, write_output
from prefect_compat.cli.progress import progress_options
from prefect_compat.cli.row_options import row_options
from prefect_compat.cli.source_options import source_options
from prefect_compat.progress import Progress

if TYPE_CHECKING:
    import dagster as dg

    from prefect_compat.comparison.comparison import Comparison, Gates
    from prefect_compat.comparison.diff.declared import Rules
    from prefect_compat.comparison.failure_matrix import Outcome
    from prefect_compat.comparison.sources.choice import SourceChoice
    from prefect_compat.comparison.sources.work import Work
    from prefect_compat.graph.job import JobChoice
    from prefect_compat.graph.project import Project


@dataclass(frozen=True)
class CompareOptions:
    """The command's options, as click passes them."""

    project: "Project | None"
    choice: "JobChoice"
    partition: str | None
    run_config: Mapping[str, Any]
    tags: Mapping[str, str]
    store_env: tuple[str, ...]
    fault: str | None
    ignored: tuple[str, ...]
    rounds: int
    matrix: bool
    empty_partition: str | None
    json_file: Path | None
    page: Path | None
    keep: Path | None
    rules: "Rules"
    candidate: str | None
    candidate_parameter: str | None
    candidate_parameters: Mapping[str, Any]
    candidate_python: str | None
    candidate_layout: str | None
    candidate_store: str | None
    matches: tuple[str, ...]
    timeout_s: float | None
    base: str | None
    base_python: str | None
    left: str | None
    right: str | None
    left_layout: str | None
    right_layout: str | None
    declared_executor: bool
    noise: bool
    rerun: bool
    waivers: Path | None
    history: Path | None
    junit: Path | None
    summary: Path | None

    def sources(self) -> "SourceChoice":
        """The two sources; without an option for them, Dagster's run and the derived flow's."""
        from prefect_compat.comparison.sources.candidate import CandidateOptions
        from prefect_compat.comparison.sources.choice import SourceChoice, StorePlace
        from prefect_compat.comparison.sources.matching import parse_matches
        from prefect_compat.errors import ComparisonError
        from prefect_compat.graph.project_settings import read_project_settings

        candidate = None
        if self.candidate_python and not self.candidate:
            raise ComparisonError(
                "--candidate-python is the interpreter of a flow, and no flow is named. Name it:"
                " --candidate flows.py:daily."
            )
        if self.candidate:
            candidate = CandidateOptions(
                entrypoint=self.candidate,
                parameter=self.candidate_parameter,
                parameters=self.candidate_parameters,
                layout=self.candidate_layout,
                store=self.candidate_store,
                matches={**read_project_settings().match, **parse_matches(self.matches)},
                timeout_s=self.timeout_s,
                python=self.candidate_python,
            )
        return SourceChoice(
            candidate=candidate,
            base=self.base,
            base_python=self.base_python,
            left=StorePlace(self.left, self.left_layout) if self.left else None,
            right=StorePlace(self.right, self.right_layout) if self.right else None,
        )

    def gates(self, keys: tuple[str, ...]) -> "Gates":
        """The gates that were asked for; `keys` are the partitions of a second run."""
        from prefect_compat.comparison.comparison import Gates
        from prefect_compat.comparison.waivers import read_waivers

        return Gates(
            noise=self.noise,
            rerun_keys=keys if self.rerun else None,
            waivers=read_waivers(self.waivers) if self.waivers else (),
        )

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for file in (self.json_file, self.page, self.junit) if file)

    def work(self, project: "Project") -> "Work":
        """The work of both sides; what was not given comes from [tool.prefect-compat]."""
        from prefect_compat.comparison.faults import Fault
        from prefect_compat.comparison.sources.work import Work
        from prefect_compat.graph.project_settings import read_project_settings

        settings = read_project_settings()
        return Work(
            project=project,
            choice=self.choice,
            partition=self.partition,
            run_config=json.dumps(self.run_config),
            tags=tuple(self.tags.items()),
            config_name="from the command line" if self.run_config else None,
            store_variables=self.store_env or settings.store_env,
            ignored_metadata=self.ignored or settings.ignore_metadata,
            fault=Fault.parse(self.fault) if self.fault else None,
            rounds=self.rounds,
            empty_partition=(self.empty_partition or settings.empty_partition)
            if self.matrix
            else None,
            rules=self.rules,
        )


@click.command(short_help="Run a job under both and compare.")
@named_project_options
@job_options
@partition_options
@config_options
@progress_options
@source_options
@row_options
@click.option(
    "--store-env",
    multiple=True,
    metavar="VARIABLE",
    help="Environment variable that says where the project stores its outputs. `compare` sets it to"
    " a different folder for each side, so your own store is not touched. Repeat the option for"
    " several variables. Default: `store_env` in [tool.prefect-compat] of pyproject.toml.",
)
@click.option(
    "--fail",
    "fault",
    metavar="STEP[:N]",
    help="Make the step's first N attempts fail on both sides; all attempts without N.",
)
@click.option(
    "--ignore-metadata",
    "ignored",
    multiple=True,
    metavar="NAME",
    help="Metadata about the run rather than the data, such as a duration: not compared. Repeat the"
    " option for several names. Default: `ignore_metadata` in [tool.prefect-compat].",
)
@click.option(
    "--repeat",
    "rounds",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Number of rounds to time. With 2 or more, each round runs the job twice: cold and warm.",
    show_default=True,
)
@click.option(
    "--declared-executor",
    is_flag=True,
    help="Also time `dagster job execute`, with the executor that the job declares.",
)
@click.option(
    "--failure-matrix",
    "matrix",
    is_flag=True,
    help="Also run the standard set of failures: an error in the middle, a retry that succeeds,"
    " retries exhausted, a blocking check that fails, an empty partition, a kill and a second run.",
)
@click.option(
    "--empty-partition",
    metavar="KEY",
    help="Partition without data, for the failure matrix. Default: `empty_partition` in"
    " [tool.prefect-compat].",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    help="Write the comparison to a file, as JSON.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    help="Write the comparison to a file, as one HTML page.",
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path),
    help="Write the comparison to a file, as JUnit XML: a test case for each output.",
)
@click.option(
    "--summary",
    type=click.Path(path_type=Path),
    envvar="GITHUB_STEP_SUMMARY",
    help="Append the comparison to a file, as Markdown. Default: the summary of the GitHub job.",
)
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    help="Append verdict, costs and versions to a file, a line of JSON each: see `prefect-compat"
    " history`.",
)
@click.option(
    "--noise",
    is_flag=True,
    help="If something differs, run the left side twice more: what differs from itself is not"
    " reproducible, and is shown apart.",
)
@click.option(
    "--rerun",
    is_flag=True,
    help="Run each side twice into one store, with a neighbouring partition: what the second run"
    " changes is a difference.",
)
@click.option(
    "--waivers",
    type=click.Path(path_type=Path),
    help="TOML file with differences that are accepted, each with a reason, a name and a last day.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="Keep both sides' stores, logs and records in a folder: a new or empty one, or one that an"
    " earlier comparison made. That one is replaced.",
)
def compare(progress: Progress, **options: Any) -> None:
    """Run the job under both orchestrators and compare what they recorded and stored.

    \b
    Exit code 0: identical under both, in graph, outputs and behaviour.
    Exit code 1: something differs.
    Exit code 2: a side could not be run, both failed alike without --fail, or the command was
    refused.
    """
    with errors_on_stderr():
        given = CompareOptions(**options)
        comparison, outcomes = _compare(given, progress)
    if not comparison.have_run or comparison.broke_off:
        sys.exit(COULD_NOT_RUN)
    if not (comparison.verdict.holds and all(outcome.holds for outcome in outcomes)):
        sys.exit(DIFFERENT)
    if given.candidate and not given.fault:
        with errors_on_stderr():
            _remember_equality(given.candidate)


def _remember_equality(entrypoint: str) -> None:
    """Notes in a project that `eject` has written that its steps are equal."""
    from prefect_compat.comparison.sources.candidate_place import project_folder
    from prefect_compat.eject.state import mark_compared_equal

    if folder := project_folder(entrypoint):
        mark_compared_equal(folder, dt.date.today())


def _compare(
    options: CompareOptions, progress: Progress
) -> "tuple[Comparison, tuple[Outcome, ...]]":
    from prefect_compat.comparison.sources.folder import validate_folder

    choice, keep, files = options.sources(), options.keep, options.files
    options.gates(())  # a waiver that cannot be read is refused before anything is run
    # Everything that can be refused is refused here: before a run, and before --keep's folder is
    # touched.
    validate_outputs(*files)
    if keep:
        validate_folder(keep, files)
    if choice.are_files and options.project is None:
        return _compare_files(options, choice, progress)
    return _compare_project(options, choice, progress)


def _compare_files(
    options: CompareOptions, choice: "SourceChoice", progress: Progress
) -> "tuple[Comparison, tuple[Outcome, ...]]":
    from prefect_compat.comparison.comparison import compare_sources
    from prefect_compat.comparison.sources.choice import file_stores
    from prefect_compat.comparison.sources.folder import comparison_folder
    from prefect_compat.graph.project import Project

    work = replace(options.work(project=Project()), places=choice.places)
    with comparison_folder(options.keep, options.files) as folder:
        sources = file_stores(choice, options.partition)
        comparison = compare_sources(sources, work, folder, progress, gates=options.gates(()))
        _print(comparison, ())
        _write(options, comparison, (), None)
    return comparison, ()


def _compare_project(
    options: CompareOptions, choice: "SourceChoice", progress: Progress
) -> "tuple[Comparison, tuple[Outcome, ...]]":
    from prefect_compat.comparison.comparison import compare_sources
    from prefect_compat.comparison.failure_matrix import run_matrix
    from prefect_compat.comparison.rerun import rerun_keys
    from prefect_compat.comparison.sources.as_declared import declared_run_s
    from prefect_compat.comparison.sources.choice import opened_sources, run_source
    from prefect_compat.comparison.sources.empty_store import EmptyStore
    from prefect_compat.comparison.sources.folder import comparison_folder
    from prefect_compat.comparison.sources.prefect_server import comparison_server
    from prefect_compat.comparison.sources.work import validate_store_variables
    from prefect_compat.errors import ComparisonError

    if options.matrix and (choice.left or choice.right):
        raise ComparisonError("--failure-matrix runs both sides, and a store is not run.")
    from prefect_compat.graph.project import Project

    work = options.work(options.project or Project.of_folder(Path(".")))
    work = replace(work, places=choice.places)
    validate_store_variables(work.store_variables)
    with tempfile.TemporaryDirectory(prefix="prefect-compat-") as nowhere:
        with progress.stage("loading the project"):
            empty = EmptyStore(work, Path(nowhere))
        if empty.work.stores and empty.work.stores.words:
            progress.line(f"Stores kept apart by {empty.work.stores.words}.")
        if (choice.is_default or choice.base) and empty.not_made:
            progress.line(
                f"{', '.join(empty.not_made)}: loaded and not made by {work.choice}. Each side's"
                " store is empty at first; if loading fails, choose what makes them too (--select)."
            )
        with (
            comparison_folder(options.keep, options.files) as folder,
            comparison_server() as server,
            opened_sources(choice, empty, server) as sources,
        ):
            work = empty.work
            gates = options.gates(rerun_keys(empty.job, empty.keys))
            comparison = compare_sources(sources, work, folder, progress, empty, gates)
            if options.declared_executor and comparison.have_run:
                seconds = declared_run_s(work, empty.job, empty.keys, folder, progress)
                comparison = replace(comparison, declared_s=seconds)
            outcomes: tuple[Outcome, ...] = ()
            if options.matrix and comparison.have_run:
                sides = run_source(sources[0]), run_source(sources[1])
                has_checks = choice.candidate is None
                outcomes = run_matrix(sides, folder, empty, progress, has_checks=has_checks)
            _print(comparison, outcomes)
        # After the verdict is printed: a full disk cannot take it back.
        _write(options, comparison, outcomes, empty.job)
    return comparison, outcomes


def _print(comparison: "Comparison", outcomes: "tuple[Outcome, ...]") -> None:
    from prefect_compat.comparison.report.text import describe, describe_matrix

    for side in (comparison.left, comparison.right):
        if not side.has_run:
            log_to_stderr(f"Error: {side.error}")
    if comparison.have_run:
        click.echo(describe(comparison))
    if outcomes:
        click.echo(describe_matrix(outcomes))


def _write(
    options: CompareOptions,
    comparison: "Comparison",
    outcomes: "tuple[Outcome, ...]",
    job: "dg.JobDefinition | None",
) -> None:
    from prefect_compat.comparison.history import append, entry_of
    from prefect_compat.comparison.report.document import as_document
    from prefect_compat.comparison.report.html import comparison_page
    from prefect_compat.comparison.report.junit import as_junit
    from prefect_compat.comparison.report.markdown import as_markdown
    from prefect_compat.lineage.graph import read_lineage

    if options.history:
        append(options.history, entry_of(comparison, dt.datetime.now(dt.UTC)))
    if options.junit:
        write_output(options.junit, as_junit(comparison))
    if options.summary:
        append_output(options.summary, as_markdown(comparison))
    if options.json_file:
        write_output(options.json_file, json.dumps(as_document(comparison, outcomes)))
    if options.page:
        lineage = read_lineage(job) if job is not None else None
        write_output(options.page, comparison_page(comparison, lineage, outcomes))
