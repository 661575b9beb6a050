"""A small project on disk, two expressions of which can be chosen, compared from a shell."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

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


def compare(
    folder: Path, *options: str, first: str = "3", second: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The comparison of a small project of which two expressions can be chosen."""
    source = textwrap.dedent(SOURCE).replace("FIRST", first).replace("SECOND", second or "pass")
    (folder / "project.py").write_text(source)
    command = [Path(sys.executable).parent / "prefect-compat", "compare", "-f", "project.py"]
    return subprocess.run(
        [*command, "-j", "totals", *options],
        cwd=folder,
        env={**os.environ, "HOME": str(folder / "home"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


ONE_DAY = ("--store-env", "MY_STORE", "--partition", "2016-05-10")
