"""What is ejected from projects of many kinds is the same in an environment without Dagster."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from prefect_compat.server.temporary import HANDED_OVER
from tests.conftest import ROOT
from tests.environments import NotFetchedError, environment, library_requirements
from tests.layouts.__main__ import Layout, layouts, prepared
from tests.prefect_compat.eject.bakery_runs import source_files, written
from tests.prefect_compat.eject.without_dagster import python_without_dagster

pytestmark = pytest.mark.usefixtures("handed_over")

# Each with words of the refusal. The packages of dbt_duckdb are fetched by `make layouts` alone.
REFUSED = {"pipes_subprocess": "temperature: weather.py:11: it looks for files beside `__file__`"}
OTHER_PACKAGES = {"dbt_duckdb", "duckdb_io"}
PARAMETERS = {"op_jobs": '{"parcels_number": 4}'}
DUCKDB = ("dagster-duckdb-pandas", "pandas==2.*")
MAIN = "from prefect_compat.cli.main import main; main()"
BAKERY = ("-m", "bakery.definitions", "-j", "daily", "--partition")


def call(
    folder: Path, *arguments: str, variables: Mapping[str, str] = os.environ, python: str = ""
) -> subprocess.CompletedProcess[str]:
    """Calls the command line of this checkout in a folder."""
    path = os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])
    return subprocess.run(
        [python or sys.executable, "-c", MAIN, *arguments],
        cwd=folder,
        env={
            **variables,
            "PYTHONPATH": path,
            "COLUMNS": "200",
            HANDED_OVER: os.environ.get(HANDED_OVER, ""),
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def other_python() -> str:
    return python_without_dagster()


def eject(
    folder: Path,
    options: Sequence[str],
    variables: Mapping[str, str] = os.environ,
    python: str = "",
) -> str:
    """Ejects a job into `out`, and returns the entrypoint of its flow."""
    ended = call(
        folder, "eject", *options, "-o", "out", "--vendor", variables=variables, python=python
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = re.search(r"--candidate (\S+)", ended.stdout)
    assert found is not None, ended.stdout
    return found[1]


def assert_identical(ended: subprocess.CompletedProcess[str]) -> None:
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Identical" in ended.stdout


@pytest.mark.nightly
@pytest.mark.parametrize(
    "layout",
    [entry for entry in layouts() if entry.name not in {*REFUSED, *OTHER_PACKAGES}],
    ids=lambda layout: layout.name,
)
def test_a_layout(tmp_path: Path, layout: Layout, other_python: str) -> None:
    project, variables = prepared(layout, Path(sys.executable), tmp_path)
    flow = eject(project, layout.arguments("eject")[1:], variables)
    parameters = PARAMETERS.get(layout.name)
    assert_identical(
        call(
            *(project, *layout.arguments("compare"), "-q", "--candidate", flow),
            *("--candidate-python", other_python),
            *(("--candidate-parameters", parameters) if parameters else ()),
            variables=variables,
        )
    )


@pytest.mark.nightly
def test_tables_in_duckdb(tmp_path: Path) -> None:
    """Dagster's IO manager needs pandas 2, so both sides have environments of their own."""
    needed = library_requirements("pandas", "arrow")
    of_flow = [line for line in needed if line.startswith(("prefect", "fastapi"))]
    try:
        python = environment([*needed, *DUCKDB, "libcst", "ruff"])
        candidate = environment([*of_flow, "duckdb", "pandas==2.*", "sqlalchemy<2.1"])
    except NotFetchedError as error:
        pytest.skip(f"the packages of the layout cannot be fetched: {error}")
    (layout,) = (entry for entry in layouts() if entry.name == "duckdb_io")
    project, variables = prepared(layout, python, tmp_path)
    flow = eject(project, layout.arguments("eject")[1:], variables, str(python))
    options = ("-q", "--candidate", flow, "--candidate-python", str(candidate))
    assert_identical(
        call(
            project, *layout.arguments("compare"), *options, variables=variables, python=str(python)
        )
    )


@pytest.mark.nightly
@pytest.mark.parametrize("name", REFUSED)
def test_a_layout_that_is_refused(tmp_path: Path, name: str) -> None:
    (layout,) = (entry for entry in layouts() if entry.name == name)
    project, variables = prepared(layout, Path(sys.executable), tmp_path)
    arguments = (*layout.arguments("eject"), "-o", "out")
    ended = call(project, *arguments, variables=variables)
    assert ended.returncode != 0
    assert REFUSED[name] in ended.stderr
    assert not (project / "out").exists()


EXAMPLES = {
    "iris": ("examples.iris_assets.definitions", "flowers", "IRIS_STORE", ()),
    "by hand": (
        *("examples.by_hand.definitions", "daily_sales", "SALES_STORE"),
        ("--partition", "2024-01-03"),
    ),
    "taxi": ("examples.taxi_assets.definitions", "taxi", "TAXI_STORE", ()),
    "tickets": (
        *("ticket_assets.definitions", "ticket_model_evaluation", "TICKET_STORE"),
        ("--partition", "2016-03-08"),
    ),
}


@pytest.mark.nightly
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example(tmp_path: Path, name: str, other_python: str) -> None:
    module, job, store, partition = EXAMPLES[name]
    for folder in ("examples", "ticket_assets"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    flow = eject(tmp_path, ("-m", module, "-j", job))
    assert_identical(
        call(
            *(tmp_path, "compare", "-q", "-m", module, "-j", job, *partition),
            *("--store-env", store, "--candidate", flow, "--candidate-python", other_python),
        )
    )


@pytest.fixture(scope="module")
def bakery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project `bakery`, with what is ejected from it in `out`."""
    folder = written(tmp_path_factory.mktemp("bakery"), source_files())
    assert eject(folder, BAKERY[:-1]) == "out/flows/daily.py:daily"
    return folder


def compare_bakery(
    bakery: Path, python: str, partition: str, *options: str
) -> subprocess.CompletedProcess[str]:
    return call(
        *(bakery, "compare", "-q", *BAKERY, partition, "--store-env", "BAKERY_STORE"),
        *("--candidate", "out/flows/daily.py:daily", "--candidate-python", python, *options),
    )


@pytest.mark.nightly
@pytest.mark.xdist_group("the bakery elsewhere")
@pytest.mark.parametrize(
    "fault",
    ["orders:1", "orders:2", "orders", "trend:1", "report.write_report:1", "report.write_report"],
)
def test_steps_that_are_made_to_fail(bakery: Path, other_python: str, fault: str) -> None:
    """The same attempts, waits and states."""
    ended = compare_bakery(bakery, other_python, "2024-01-01", "--fail", fault)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.nightly
@pytest.mark.xdist_group("the bakery elsewhere")
def test_the_standard_set_of_failures(bakery: Path, other_python: str) -> None:
    ended = compare_bakery(bakery, other_python, "2024-01-01...2024-01-02", "--failure-matrix")
    assert_identical(ended)


@pytest.mark.nightly
@pytest.mark.xdist_group("the bakery elsewhere")
@pytest.mark.parametrize("day", ["2024-01-03", "2024-01-04"], ids=["blocked", "closed"])
def test_a_day_that_fails(bakery: Path, other_python: str, day: str) -> None:
    """Alike on both sides: exit code 2, since nothing was meant to fail."""
    ended = compare_bakery(bakery, other_python, day)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "different" not in ended.stdout


@pytest.mark.nightly
@pytest.mark.xdist_group("the bakery elsewhere")
def test_a_second_ejection_in_another_process_gives_the_same_bytes(bakery: Path) -> None:
    """Sets of text are in another order there."""
    before = {path: path.read_bytes() for path in sorted((bakery / "out").rglob("*.*"))}
    variables = {**os.environ, "PYTHONHASHSEED": "7"}
    eject(bakery, BAKERY[:-1], variables)
    assert {path: path.read_bytes() for path in sorted((bakery / "out").rglob("*.*"))} == before
