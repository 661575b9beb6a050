"""Noise, second runs, waivers and every report, through the command line."""

import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import click.testing
import pytest

from prefect_compat.cli.main import main

pytestmark = pytest.mark.usefixtures("handed_over")

SOURCE = '''
import os
from pathlib import Path
import uuid

import dagster as dg
import pandas as pd
from prefect.context import FlowRunContext

DAYS = dg.DailyPartitionsDefinition(start_date="2016-05-01", end_date="2016-06-01")


class CsvStore(dg.ConfigurableIOManager):
    def path(self, context):
        return Path(os.environ["MY_STORE"], *context.asset_key.path, context.partition_key)

    def handle_output(self, context, obj):
        path = self.path(context)
        path.parent.mkdir(parents=True, exist_ok=True)
        WRITE

    def load_input(self, context):
        return pd.read_csv(self.path(context))


@dg.asset(partitions_def=DAYS)
def rows() -> pd.DataFrame:
    """Rows with an id that is another one in each run."""
    fault = FAULT if FlowRunContext.get() is not None else 0
    return pd.DataFrame({"n": [1, 2, 3 + fault], "id": IDS})


job = dg.define_asset_job("job", executor_def=dg.in_process_executor)
defs = dg.Definitions([rows], jobs=[job], resources={"io_manager": CsvStore()})
'''
RANDOM = "[str(uuid.uuid4()) for _ in range(3)]"
REPLACE = "obj.to_csv(path, index=False)"
APPEND = 'obj.to_csv(path, index=False, mode="a", header=not path.exists())'
LOSE = (
    "[other.unlink() for other in path.parent.iterdir() if path.exists()];"
    " obj.to_csv(path, index=False)"
)


def compare(
    folder: Path,
    *options: str,
    write: str = REPLACE,
    ids: str = "['a', 'b', 'c']",
    fault: int = 0,
) -> click.testing.Result:
    text = SOURCE.replace("WRITE", write).replace("IDS", ids).replace("FAULT", str(fault))
    (folder / "project.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        patch.delitem(sys.modules, "project", raising=False)
        command = ["compare", "-q", "-f", "project.py", "--store-env", "MY_STORE"]
        return click.testing.CliRunner().invoke(
            main, [*command, "--partition", "2016-05-10", *options]
        )


@pytest.mark.nightly
def test_noise_is_put_apart_and_a_fault_beside_it_is_found(tmp_path: Path) -> None:
    found = compare(tmp_path, ids=RANDOM)
    assert found.exit_code == 1
    assert "id of rows[2016-05-10] differs in every row: --noise tells" in found.output
    found = compare(tmp_path, "--noise", ids=RANDOM)
    assert found.exit_code == 0, found.output
    assert "not reproducible: rows[2016-05-10], id" in found.output
    found = compare(tmp_path, "--noise", ids=RANDOM, fault=1)
    assert found.exit_code == 1
    assert "different content: rows[2016-05-10], n:" in found.output
    assert "not reproducible: rows[2016-05-10], id" in found.output


@pytest.mark.parametrize(
    ("write", "words"),
    [
        pytest.param(REPLACE, None, marks=pytest.mark.nightly),
        pytest.param(
            APPEND,
            "rows[2016-05-10], index, n, id under dagster: the first run has table 3 x 2",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            LOSE,
            "rows[2016-05-09] under dagster: the first run has table 3 x 2",
            marks=pytest.mark.nightly,
        ),
    ],
    ids=["a store that replaces", "one that appends", "one that loses its neighbours"],
)
def test_a_second_run(tmp_path: Path, write: str, words: str | None) -> None:
    found = compare(tmp_path, "--rerun", write=write)
    assert found.exit_code == (0 if words is None else 1), found.output
    if words is not None:
        assert f"changed by a second run: {words}" in found.output
        assert words.replace("dagster", "prefect") in found.output


@pytest.mark.nightly
def test_the_declared_executor_is_timed(tmp_path: Path) -> None:
    found = compare(tmp_path, "-j", "job", "--declared-executor", "--html", "page.html")
    assert found.exit_code == 0, found.output
    assert re.search(r"dagster job execute, executor as declared: \d+\.\d s", found.output)
    assert (
        "with the executor that the job declares, Dagster takes"
        in (tmp_path / "page.html").read_text()
    )
    found = compare(tmp_path, "--declared-executor")
    assert found.exit_code == 2
    assert "which needs the name of a job: -j JOB" in found.output


def test_every_report_of_a_waived_difference(tmp_path: Path) -> None:
    (tmp_path / "waivers.toml").write_text(
        '[[waiver]]\nfinding = "different content: rows[*], n"\nreason = "known"\n'
        'by = "Ann"\nuntil = 2999-01-01\n'
    )
    files = ("--junit", "j.xml", "--summary", "s.md", "--history", "h.jsonl", "--html", "p.html")
    found = compare(tmp_path, *files, "--json", "c.json", "--waivers", "waivers.toml", fault=1)
    assert found.exit_code == 0, found.output
    assert "waived: different content: rows[2016-05-10], n: dagster has" in found.output
    suite = ET.fromstring((tmp_path / "j.xml").read_text())
    assert (suite.attrib["failures"], suite.attrib["skipped"]) == ("0", "1")
    assert "waived: different content" in (tmp_path / "s.md").read_text()
    assert json.loads((tmp_path / "h.jsonl").read_text())["waived"] == 1
    assert "Waived" in (tmp_path / "p.html").read_text()
    assert len(json.loads((tmp_path / "c.json").read_text())["verdict"]["waived"]) == 1
