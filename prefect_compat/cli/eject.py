"""`prefect-compat eject`: a Prefect project, without Dagster, from a job."""

import datetime as dt
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prefect_compat.cli.exit_codes import REFUSED, errors_on_stderr
from prefect_compat.cli.options import job_options, project_options
from prefect_compat.counted import counted
from prefect_compat.errors import EjectError

if TYPE_CHECKING:
    from prefect_compat.eject.eject import Ejection
    from prefect_compat.eject.state import StepProgress
    from prefect_compat.eject.steps import EjectedStep
    from prefect_compat.graph.job import JobChoice
    from prefect_compat.graph.project import Project


# Options of `eject` that `compare` does not take.
OWN_FLAGS = frozenset({"--plan", "--vendor", "--stub", "--force"})
OWN_VALUES = frozenset({"-o", "--output", "--defer", "--resume"})


@click.command()
@project_options
@job_options
@click.option("-o", "--output", metavar="FOLDER", help="Folder of the new project.")
@click.option("--plan", "is_plan", is_flag=True, help="Only show what would be carried over.")
@click.option("--vendor", is_flag=True, help="Copy what is needed of every module of the project.")
@click.option("--stub", is_flag=True, help="Write steps that are refused as stubs that raise.")
@click.option(
    "--defer",
    multiple=True,
    metavar="STEP=REASON",
    help="Write this step as a stub for now. May be repeated; the written project remembers it.",
)
@click.option("--resume", multiple=True, metavar="STEP", help="No longer defer this step.")
@click.option("--force", is_flag=True, help="Replace files that were changed since.")
def eject(
    project: "Project",
    choice: "JobChoice",
    output: str | None,
    is_plan: bool,
    vendor: bool,
    stub: bool,
    defer: tuple[str, ...],
    resume: tuple[str, ...],
    force: bool,
) -> None:
    """Write a Prefect project, without Dagster, from a job.

    What cannot be carried over is refused by name, and nothing is written. Exit code 1 if --plan
    found or --stub wrote something that is refused.
    """
    if not is_plan and output is None:
        raise click.UsageError("Pass -o FOLDER, or --plan to see what would be written.")
    with errors_on_stderr():
        _require_libraries()
        from prefect_compat.eject.eject import EjectOptions, read_ejectable
        from prefect_compat.eject.eject import eject as eject_job
        from prefect_compat.eject.header import Origin
        from prefect_compat.eject.state import Outcome, read_progress, write_project
        from prefect_compat.graph.job_source import JobSource
        from prefect_compat.graph.project_settings import read_project_settings

        folder = Path(output) if output else None
        known = read_progress(folder) if folder else {}
        deferred = {**_deferred_before(known), **_parse_deferred(defer)}
        deferred = {name: reason for name, reason in deferred.items() if name not in resume}
        source = JobSource(project, choice)
        left_out = read_project_settings().eject.leave_out
        options = EjectOptions(vendor, stub, left_out, deferred)
        if is_plan:
            steps = read_ejectable(source, options)
            _print_plan(steps, known)
            if any(step.refusal for step in steps):
                sys.exit(REFUSED)
            return
        assert folder is not None
        origin = Origin.of(str(project), ["prefect-compat", *sys.argv[1:]])
        ejection = eject_job(source, origin, options)
        write_project(
            folder,
            ejection.files,
            Outcome(
                [step.name for step in ejection.steps if step.refusal is None],
                {step.name: step.refusal or "" for step in ejection.refused},
                deferred,
            ),
            dt.date.today(),
            force=force,
        )
    _print_result(ejection, folder)
    if ejection.refused:
        sys.exit(REFUSED)


def _require_libraries() -> None:
    missing = [name for name in ("libcst", "ruff") if find_spec(name) is None]
    if missing:
        raise EjectError(
            f"eject needs {' and '.join(missing)}, not installed here. Install"
            " 'prefect-compat[eject]'."
        )


def _parse_deferred(texts: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in texts:
        step, mark, reason = text.partition("=")
        if not (step.strip() and mark and reason.strip()):
            raise EjectError(f"--defer '{text}' is not understood; expected STEP=REASON.")
        found[step.strip()] = reason.strip()
    return found


def _deferred_before(known: "Mapping[str, StepProgress]") -> dict[str, str]:
    return {name: entry.reason or "" for name, entry in known.items() if entry.state == "deferred"}


def _print_plan(steps: "tuple[EjectedStep, ...]", known: "Mapping[str, StepProgress]") -> None:
    for step in steps:
        state = known[step.name].state if step.name in known else "not begun"
        if step.refusal is not None:
            click.echo(f"refused  {step.name} ({state}): {step.refusal}")
        else:
            rules = ", ".join(step.rules) or "as it is"
            click.echo(f"carried  {step.name} ({state}): {rules}")
    refused = sum(step.refusal is not None for step in steps)
    click.echo(f"{counted(len(steps), 'step')}, {refused} of them refused.")


def _print_result(ejection: "Ejection", folder: Path) -> None:
    click.echo(
        f"{folder}: {counted(len(ejection.files), 'file')} written,"
        f" {counted(len(ejection.steps), 'step')}, {len(ejection.refused)} of them as stubs."
    )
    click.echo(f"See {folder}/NOT_CARRIED.md. To prove it the same, in an environment of its own:")
    flow = f"{folder}/{ejection.flow}"
    command = ["prefect-compat", "compare", *options_of_source(sys.argv[2:]), "--candidate", flow]
    click.echo(f"  {shlex.join(command)} --candidate-python PYTHON")


def options_of_source(arguments: Sequence[str]) -> list[str]:
    """The arguments that say what is ejected, without those that say how."""
    kept: list[str] = []
    is_value = False
    for argument in arguments:
        name = argument.partition("=")[0]
        if is_value:
            is_value = False
        elif argument in OWN_VALUES:
            is_value = True
        elif argument not in OWN_FLAGS and name not in OWN_VALUES:
            kept.append(argument)
    return kept
