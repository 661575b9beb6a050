"""`prefect-compat skeleton`: a Dagster project from a recorded run of a Prefect flow."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect_compat.cli.exit_codes import REFUSED, errors_on_stderr
from prefect_compat.cli.progress import progress_options
from prefect_compat.cli.source_options import json_object
from prefect_compat.counted import counted
from prefect_compat.errors import SkeletonError

if TYPE_CHECKING:
    from prefect_compat.progress import Progress
    from prefect_compat.skeleton.skeleton import Skeleton

MANIFEST = "skeleton.json"


@click.command()
@progress_options
@click.option(
    "--flow", "entrypoint", required=True, metavar="FILE:FLOW", help="The flow: flows.py:daily."
)
@click.option("-o", "--output", required=True, metavar="FOLDER", help="Folder of the new project.")
@click.option(
    "--parameters", metavar="JSON", callback=json_object, help="Parameters of the recorded run."
)
@click.option(
    "--partition",
    metavar="DAY",
    help="Record this day, and write the assets with daily partitions.",
)
@click.option("--parameter", metavar="NAME", help="The parameter of the flow that takes the day.")
@click.option(
    "--store-env",
    multiple=True,
    metavar="VARIABLE",
    help="Environment variable that says where the flow stores its outputs. It points to a"
    " temporary folder while the flow is recorded. May be repeated. Default: `store_env` in"
    " [tool.prefect-compat] of pyproject.toml.",
)
@click.option("--stub", is_flag=True, help="Write what is refused as assets that raise.")
@click.option("--force", is_flag=True, help="Replace files that were changed since.")
def skeleton(
    entrypoint: str,
    output: str,
    parameters: dict[str, Any],
    partition: str | None,
    parameter: str | None,
    store_env: tuple[str, ...],
    stub: bool,
    force: bool,
    progress: "Progress",
) -> None:
    """Write a Dagster project from a run of a Prefect flow.

    The flow really runs, once, on a temporary Prefect server. Each task run becomes an asset that
    calls the task's function. What cannot be written is refused by name, and nothing is written.
    Exit code 1 if --stub wrote something that is refused.
    """
    with errors_on_stderr():
        _require_ruff()
        from prefect_compat.eject.written import write_files
        from prefect_compat.graph.project_settings import read_project_settings
        from prefect_compat.skeleton.flow_module import FlowModule
        from prefect_compat.skeleton.recorder import record_in_process
        from prefect_compat.skeleton.skeleton import SkeletonOptions, write_skeleton

        options = SkeletonOptions(
            entrypoint,
            output,
            json.dumps(parameters, ensure_ascii=False),
            partition,
            parameter,
            store_env or read_project_settings().store_env,
            stub,
        )
        module = FlowModule.of(entrypoint)
        flow = record_in_process(options, progress)
        written = write_skeleton(flow, module, entrypoint, options)
        write_files(Path(output), written.files, {}, force=force, manifest=MANIFEST)
    _print_result(written, output)
    if written.refused:
        sys.exit(REFUSED)


def _require_ruff() -> None:
    if find_spec("ruff") is None:
        raise SkeletonError(
            "skeleton needs ruff, not installed here. Install 'prefect-compat[eject]'."
        )


def _print_result(written: "Skeleton", output: str) -> None:
    click.echo(
        f"{output}: {counted(len(written.files), 'file')} written,"
        f" {counted(len(written.assets), 'asset')}, {len(written.refused)} of them as stubs."
    )
    click.echo(f"See {output.rstrip('/')}/NOT_CARRIED.md. To compare it with the flow:")
    click.echo(f"  {written.comparison}")
