"""A comparison over partitions that take a run each, stored by Dagster's default IO manager."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCE = """
    import dagster as dg

    LETTERS = dg.StaticPartitionsDefinition(["a", "b", "c"])


    @dg.asset(partitions_def=LETTERS)
    def letter(context):
        return context.partition_key


    @dg.asset(partitions_def=LETTERS)
    def doubled(letter):
        return {"value": 2 * letter}


    defs = dg.Definitions([letter, doubled], jobs=[dg.define_asset_job("letters")])
"""


@pytest.mark.nightly
@pytest.mark.usefixtures("handed_over")
def test_all_partitions_with_the_default_io_manager(tmp_path: Path) -> None:
    (tmp_path / "project.py").write_text(textwrap.dedent(SOURCE))
    command = [Path(sys.executable).parent / "prefect-compat", "compare", "-f", "project.py"]
    found = subprocess.run(
        [*command, "-j", "letters", "--partition", "*", "--store-env", "DAGSTER_HOME"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert "the same content for 6 of 6 asset partitions" in found.stdout
