"""`prefect-compat`: the group of commands."""

from typing import Any

import click

from prefect_compat.cli.compare import compare
from prefect_compat.cli.doctor import doctor
from prefect_compat.cli.exit_codes import errors_on_stderr
from prefect_compat.cli.explain import explain
from prefect_compat.cli.history import history
from prefect_compat.cli.lineage import lineage
from prefect_compat.cli.plan import plan
from prefect_compat.cli.run import run
from prefect_compat.cli.serve import serve
from prefect_compat.cli.shadow import shadow
from prefect_compat.garbage import collect_rarely
from prefect_compat.signals import ending_on_signals, grace_s


class InterruptibleGroup(click.Group):
    """Commands that end on Ctrl-C and on SIGTERM: see `ending_on_signals`."""

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


for command in (run, serve, plan, explain, lineage, compare, history, shadow, doctor):
    main.add_command(command)
