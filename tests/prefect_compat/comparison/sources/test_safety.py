"""A comparison never writes to another store unseen, and never passes what it did not look at."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.prefect_compat.comparison.totals import ONE_DAY, compare, compare_here, write_project

shared_server = pytest.mark.usefixtures("handed_over")

BIN = Path(sys.executable).parent / "prefect-compat"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize(
    ("options", "pyproject", "words"),
    [
        (("--keep", "."), "", "--keep .: is not empty and was not made by a comparison"),
        (("--keep", "stuff"), "", "--keep stuff: is not empty"),
        (("--fail", "nosuch"), "", "'nosuch' is to fail, and is no step of the job"),
        (("--json", "stuff"), "", "stuff is a folder; expected the name of a file"),
        (("--html", "project.py/page.html"), "", "project.py is a file. Name another place"),
        (("--html", "one", "--json", "one"), "", "one is named twice"),
        (("-c", "binary"), "", "binary cannot be read as run config"),
        (("-c", "wrong.yaml"), "", "Dagster refuses this run config for totals"),
        (("--store-env", "MY_STOER"), "", "are stored. Did you mean MY_STORE?"),
        (("--store-env", "MY STORE"), "", "--store-env 'MY STORE' is no name"),
        ((), 'store_env = "MY_STORE"', "`store_env` is 'MY_STORE'; expected a list"),
        ((), "tool = 3\n#", "pyproject.toml: `tool` is 3"),
    ],
)
def test_what_is_refused_costs_no_run_and_touches_nothing(
    tmp_path: Path, options: tuple[str, ...], pyproject: str, words: str
) -> None:
    (tmp_path / "stuff").mkdir()
    (tmp_path / "stuff" / "thesis.txt").write_text("years of work")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "wrong.yaml").write_text("ops: {other: {config: {size: 3}}}")
    section = "" if pyproject.startswith("tool") else "[tool.prefect-compat]\n"
    (tmp_path / "pyproject.toml").write_text(section + pyproject)
    write_project(tmp_path)
    before = contents(tmp_path)
    store = () if "--store-env" in options else ONE_DAY[:2]
    found = compare_here(tmp_path, *store, *ONE_DAY[2:], "--keep", "kept", *options)
    assert found.exit_code == 2, found.output
    (line,) = (line for line in found.stderr.splitlines() if words in line)
    assert line.startswith("Error: ")
    assert "running" not in found.stderr
    assert "Traceback" not in found.stderr
    assert contents(tmp_path) == before
    assert not (tmp_path / "kept").exists()


def test_a_misspelt_variable_leaves_the_real_store_as_it_is(tmp_path: Path) -> None:
    real = tmp_path / "real" / "numbers"
    real.mkdir(parents=True)
    (real / "2016-05-10").write_text("n\n1\n")
    options = ("--store-env", "OTHER", *ONE_DAY[2:])
    found = compare(tmp_path, *options, MY_STORE=str(tmp_path / "real"), OTHER="x")
    assert found.exit_code == 2, found.stdout + found.stderr
    assert "numbers[2016-05-10] can be read although the store is empty" in found.stderr
    assert "running" not in found.stderr
    assert contents(tmp_path / "real") == {"numbers/2016-05-10": b"n\n1\n"}


FIXED = """
    import os
    import pickle
    from pathlib import Path

    import dagster as dg

    FIXED = Path(__file__).parent / "fixed"


    class Files(dg.ConfigurableIOManager):
        place: str

        def handle_output(self, context, obj):
            Path(self.place).mkdir(parents=True, exist_ok=True)
            Path(self.place, context.asset_key.path[-1]).write_bytes(pickle.dumps(obj))

        def load_input(self, context):
            return pickle.loads(Path(self.place, context.asset_key.path[-1]).read_bytes())


    @dg.asset(io_manager_key="apart")
    def first():
        return 1


    @dg.asset(io_manager_key="fixed")
    def second(first):
        return first + 1


    defs = dg.Definitions(
        [first, second],
        jobs=[dg.define_asset_job("numbers")],
        resources={
            "apart": Files(place=dg.EnvVar("MY_STORE")),
            "fixed": Files(place=str(FIXED)),
        },
    )
"""


def shell(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "project.py").write_text(textwrap.dedent(source))
    return subprocess.run(
        [BIN, "compare", "-f", "project.py", "--store-env", "MY_STORE", *options],
        cwd=folder,
        env={**os.environ, "MY_STORE": str(folder / "real")},
        capture_output=True,
        text=True,
        check=False,
    )


@shared_server
def test_an_io_manager_with_a_fixed_path_is_not_parity(tmp_path: Path) -> None:
    (tmp_path / "project.py").write_text(textwrap.dedent(FIXED))
    options = (*ONE_DAY[:2], "-j", "numbers")
    found = compare_here(tmp_path, *options, MY_STORE=str(tmp_path / "real"))
    assert found.exit_code == 1, found.output
    findings = [line.strip() for line in found.stdout.splitlines() if line.startswith("  ")]
    assert findings[0] == (
        "not kept apart: second: dagster has another place, prefect has another place"
    )
    assert findings[1].startswith("An output that is not kept apart lies outside its side's store")
    assert "Different in 1 place: " in found.stdout
    assert not (tmp_path / "real").exists()

    again = compare_here(tmp_path, *options, MY_STORE=str(tmp_path / "real"))
    assert again.exit_code == 2
    assert "second can be read although the store is empty" in again.stderr


OPS = """
    import os

    import dagster as dg


    @dg.op
    def one():
        return 1


    @dg.op(out={"twice": dg.Out(), "now": dg.Out()})
    def numbers(one):
        return 2 * one, os.getpid()


    @dg.job(resource_defs={"io_manager": dg.FilesystemIOManager(base_dir=os.environ["MY_STORE"])})
    def ops():
        numbers(one())


    defs = dg.Definitions(jobs=[ops])
"""


@pytest.mark.nightly
@shared_server
def test_a_job_of_ops_alone_is_compared_by_what_its_ops_stored(tmp_path: Path) -> None:
    found = shell(tmp_path, OPS, "-j", "ops")
    assert found.returncode == 1, found.stdout + found.stderr
    lines = found.stdout.splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["numbers.now", "1", "1", "0"],
        ["numbers.twice", "1", "1", "1"],
        ["one", "1", "1", "1"],
    ]
    assert lines[4].startswith("  different content: numbers.now: dagster has document")
    assert lines[-1] == "Different in 1 place: the stores have the same content for 2 of 3 outputs."
