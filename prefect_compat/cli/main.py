"""`prefect-compat`: the group of commands, each of which is imported when it is called."""

from importlib import import_module
from typing import Any

import click

from prefect_compat.cli.exit_codes import errors_on_stderr
from prefect_compat.garbage import collect_rarely
from prefect_compat.signals import ending_on_signals, grace_s

# The modules of `prefect_compat.cli` with a command of their name, and its line in the help.
COMMANDS = {
    "compare": "Run a job under both and compare.",
    "doctor": "Show what is installed, set and running, and what is wrong.",
    "eject": "Write a Prefect project, without Dagster, from a job.",
    "explain": "List what every definition becomes under Prefect.",
    "history": "Show the comparisons in a history.",
    "lineage": "Draw the job's assets and their dependencies.",
    "plan": "Print the steps and edges that the flow is built from.",
    "run": "Run a job, or the assets of a project, as one Prefect flow run.",
    "serve": "Deploy the flow without a work pool.",
    "shadow": "Compare production's new partitions, and remember.",
    "skeleton": "Write a Dagster project from a run of a Prefect flow.",
}


class InterruptibleGroup(click.Group):
    """Commands that end on Ctrl-C and on SIGTERM: see `ending_on_signals`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"prefect_compat.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        collect_rarely()
        with errors_on_stderr():
            seconds = grace_s()
        with ending_on_signals(seconds):
            return super().invoke(ctx)


@click.group(cls=InterruptibleGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="prefect-compat", message="%(version)s")
def main() -> None:
    """Run a Dagster job as a native Prefect flow, and compare the two orchestrators."""
