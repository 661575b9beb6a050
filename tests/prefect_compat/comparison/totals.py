"""A small project on disk, two expressions of which can be chosen, compared from a shell."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import click.testing
import pytest

from prefect_compat.cli.main import main

SOURCE = """
    import os
    from pathlib import Path
    import dagster as dg
    import pandas as pd

    DAYS = dg.DailyPartitionsDefinition(start_date="2016-05-01", end_date="2016-06-01")


    class CsvStore(dg.ConfigurableIOManager):
        def path(self, context):
            return Path(os.environ["MY_STORE"], *context.asset_key.path, context.partition_key)

        def handle_output(self, context, obj):
            self.path(context).parent.mkdir(parents=True, exist_ok=True)
            obj.to_csv(self.path(context), index=False)

        def load_input(self, context):
            return pd.read_csv(self.path(context))


    @dg.asset(partitions_def=DAYS)
    def numbers():
        return pd.DataFrame({"n": [1, 2, FIRST]})


    @dg.asset(partitions_def=DAYS)
    def total(numbers):
        SECOND
        return numbers.sum().to_frame("sum")


    FILES = {"io_manager_key": "files"}


    @dg.op(out=dg.DynamicOut(**FILES))
    def parts():
        for name in "abc":
            yield dg.DynamicOutput(name, mapping_key=name)


    @dg.op(out=dg.Out(**FILES))
    def doubled(part):
        return part * 2


    @dg.op(out=dg.Out(**FILES))
    def joined(parts):
        return "".join(parts)


    @dg.graph_asset
    def mapped():
        return joined(parts().map(lambda part: doubled(doubled(part))).collect())


    defs = dg.Definitions(
        [numbers, total, mapped],
        jobs=[
            dg.define_asset_job("totals", selection=[numbers, total]),
            dg.define_asset_job("mapping", selection=[mapped]),
        ],
        resources={
            "io_manager": CsvStore(),
            "files": dg.FilesystemIOManager(base_dir=os.environ.get("MY_STORE", "unused")),
        },
    )
"""


def write_project(folder: Path, first: str = "3", second: str = "pass") -> None:
    """Writes the project with these two expressions to `project.py` in the folder."""
    source = textwrap.dedent(SOURCE).replace("FIRST", first).replace("SECOND", second)
    (folder / "project.py").write_text(source)


def compare(
    folder: Path, *options: str, first: str = "3", second: str = "pass", **environment: str
) -> click.testing.Result:
    """Compares the small project with these two expressions, as the command does."""
    write_project(folder, first, second)
    return compare_here(folder, *options, **environment)


def compare_here(folder: Path, *options: str, **environment: str) -> click.testing.Result:
    """Compares the project that lies in the folder, as the command does.

    The command runs in this process, which spares it three seconds of imports; each side has a
    process of its own, as always.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HOME", str(folder / "home"))
        for name, text in environment.items():
            patch.setenv(name, text)
        patch.setattr(sys, "path", list(sys.path))
        patch.delitem(sys.modules, "project", raising=False)
        command = ["compare", "-f", "project.py", "-j", "totals", *options]
        return click.testing.CliRunner().invoke(main, command)


def compare_from_shell(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Compares the project that lies in the folder, in a process as a shell starts it."""
    command = [Path(sys.executable).parent / "prefect-compat", "compare", "-f", "project.py"]
    return subprocess.run(
        [*command, "-j", "totals", *options],
        cwd=folder,
        env={**os.environ, "HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


ONE_DAY = ("--store-env", "MY_STORE", "--partition", "2016-05-10")
