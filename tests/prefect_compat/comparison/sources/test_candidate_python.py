"""A flow in a project of its own, run by an interpreter that has no Dagster."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_compat.comparison.sources.candidate_place import (
    candidate_place,
    import_folders,
    project_folder,
)
from prefect_compat.comparison.sources.foreign_flow import CandidateTask, record_candidate
from prefect_compat.errors import ComparisonError
from tests.conftest import ROOT
from tests.environments import NotFetchedError, environment, installed, library_requirements

pytest.importorskip("duckdb")

# Python reads this file at the start of each process that has its folder on the path.
NO_DAGSTER = "import sys\nsys.modules.update(dict.fromkeys(('dagster', 'dagster_shared')))\n"
CLOSURE = """
import sys
import prefect_compat.start
import prefect_compat.comparison.sources.foreign_flow
import prefect_compat.comparison.sources.candidate_values
print(*sorted(name for name in sys.modules if name.startswith("dagster")))
"""

DEFINITIONS = """
import dagster as dg
import pandas as pd


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
def orders() -> pd.DataFrame:
    return pd.DataFrame({"id": [1, 2, 3], "price": [1.5, 2.5, 3.5], "name": ["a", "b", None]})


@dg.asset
def total(orders: pd.DataFrame) -> float:
    return float(orders["price"].sum())


defs = dg.Definitions([orders, total])
"""
FLOW = """
from prefect import flow, task

from jobs.names import NAMES  # in src/
from storage import frame  # also the name of a module of the working directory


@task(retries=1)
def orders():
    from pricing import PRICES  # imported late

    return frame(PRICES, NAMES)


@task
def total(orders):
    return float(orders["price"].sum())


@flow
def everything():
    total(orders())
"""
FILES = {
    "definitions.py": DEFINITIONS,
    "storage.py": "raise ImportError('the module of the working directory')",
    "out/pyproject.toml": "",
    "out/storage.py": "import pandas as pd\n\n\n"
    "def frame(prices, names):\n"
    "    return pd.DataFrame({'id': [1, 2, 3], 'price': prices, 'name': names})\n",
    "out/pricing.py": "PRICES = [1.5, 2.5, 3.5]\n",
    "out/src/jobs/names.py": 'NAMES = ["a", "b", None]\n',
    "out/flows/everything.py": FLOW,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Dagster project, and in `out` a project with the flow."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.fixture
def without_dagster(tmp_path: Path) -> str:
    """This interpreter, in which Dagster cannot be imported."""
    at_start = tmp_path / "at_start"
    at_start.mkdir()
    (at_start / "sitecustomize.py").write_text(NO_DAGSTER)
    return program(
        tmp_path / "python", f'PYTHONPATH={at_start}:"$PYTHONPATH" exec {sys.executable}'
    )


def program(path: Path, command: str) -> str:
    path.write_text(f'#!/bin/sh\n{command} "$@"\n')
    path.chmod(0o755)
    return str(path)


def compare(project: Path, python: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(str(Path(sys.executable).parent / "prefect-compat"), "compare", "-q"),
            *("-f", "definitions.py", "--candidate", "out/flows/everything.py:everything"),
            *("--candidate-python", python, *options),
        ],
        cwd=project,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


def test_what_runs_a_candidate_imports_no_dagster(without_dagster: str) -> None:
    done = subprocess.run(
        [without_dagster, "-c", CLOSURE],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # The two names that stand for packages that are not there.
    assert done.stdout.split() == ["dagster", "dagster_shared"]


@pytest.mark.usefixtures("handed_over")
def test_a_flow_without_dagster(project: Path, without_dagster: str) -> None:
    """A planted difference is found, and its row is shown."""
    (project / "out/pricing.py").write_text("PRICES = [1.5, 2.5, 4.5]\n")
    found = compare(project, without_dagster, "--json", "found.json")
    assert found.returncode == 1, found.stdout + found.stderr
    document = json.loads((project / "found.json").read_text())
    kinds = {(finding["kind"], finding["place"]) for finding in document["verdict"]["findings"]}
    assert kinds == {("different content", "orders, price"), ("different content", "total")}
    (orders, _) = document["rows"]
    (cell,) = orders["table"]["cells"]
    assert (cell["column"], cell["left"], cell["right"]) == ("price", "3.5", "4.5")
    assert "dagster" in dict(document["left"]["versions"])
    assert "dagster" not in dict(document["right"]["versions"])
    assert document["right"]["cost"]["cpu_s"] > 0


def test_an_import_that_fails_is_refused(project: Path) -> None:
    """Prefect would leave it out, and run the rest of the flow."""
    file = project / "out/flows/everything.py"
    file.write_text("import a_module_that_is_missing\n" + FLOW)
    task = CandidateTask(
        *(f"{file}:everything", ((),), None, "{}", (), {}, True, "", str(project), "candidate"),
        project=str(project / "out"),
    )
    with pytest.raises(ComparisonError, match="No module named 'a_module_that_is_missing'"):
        record_candidate(task)


@pytest.fixture(scope="session")
def other_python() -> str:
    """An environment with Prefect and pandas, and neither Dagster nor psutil nor Arrow."""
    wanted = library_requirements("pandas")
    needed = [line for line in wanted if line.startswith(("prefect", "fastapi", "pandas"))]
    try:
        python = environment(needed)
    except NotFetchedError as error:
        pytest.skip(f"Prefect and pandas cannot be fetched: {error}")
    packages = installed(python)
    assert not {"dagster", "dagster-shared", "prefect-compat", "psutil", "pyarrow"} & {*packages}
    return str(python)


@pytest.mark.nightly
@pytest.mark.usefixtures("handed_over")
def test_an_environment_without_dagster(project: Path, other_python: str) -> None:
    found = compare(project, other_python, "--failure-matrix", "--json", "found.json")
    assert found.returncode == 0, found.stdout + found.stderr
    (project / "out/pricing.py").write_text("PRICES = [1.5, 2.5, 4.5]\n")
    found = compare(project, other_python, "--noise", "--fail", "orders:1")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "different content: orders, price" in found.stdout
    assert "dagster 3.5, candidate 4.5" in found.stdout


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (None, "cannot be started: No such file or directory. Name an interpreter"),
        (f"exec {sys.executable} -S", "with no Prefect. It needs Python 3.11 or later and Prefect"),
        ("echo '[[3, 9], \"2.19.1\", true]' #", "it is Python 3.9 with Prefect 2.19.1. It needs"),
        ("echo gone >&2; exit 1 #", "cannot run a flow: gone. It needs Python 3.11 or later"),
    ],
    ids=["no program", "no Prefect", "too old", "broken"],
)
def test_an_interpreter_that_cannot_run_a_flow(
    tmp_path: Path, command: str | None, words: str
) -> None:
    python = program(tmp_path / "python", command) if command else str(tmp_path / "none")
    with pytest.raises(ComparisonError) as error, candidate_place("flows.py:daily", python):
        pass
    assert words in str(error.value)
    assert str(error.value).startswith(f"--candidate-python {python} ")


def test_psutil_is_lent_where_it_is_missing(tmp_path: Path) -> None:
    python = program(
        tmp_path / "python",
        'case "$2" in *json*) echo \'[[3, 11], "3.8.8", false]\';; *)'
        f' exec {sys.executable} -S "$@";; esac #',
    )
    with candidate_place("flows.py:daily", python) as place:
        found = subprocess.run(
            [python, "-c", "import psutil; print(psutil.__file__)"],
            env={**os.environ, **place.variables},
            capture_output=True,
            text=True,
        )
    assert "library/psutil/__init__.py" in found.stdout, found.stderr


def test_the_import_folders_are_those_of_the_flows_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    out = project / "out"
    assert project_folder("out/flows/everything.py:everything") == out
    assert import_folders("out/flows/everything.py:everything") == (str(out), str(out / "src"))
    assert project_folder("definitions.py:flow") is None
    assert project_folder("flows.everything:everything") is None
    (project / "pyproject.toml").touch()
    assert project_folder("definitions.py:flow") == project
    (out / "pyproject.toml").unlink()
    assert project_folder("out/flows/everything.py:everything") == project
    monkeypatch.chdir(out)
    assert project_folder("flows/everything.py:everything") is None
    assert project_folder(f"{project}/definitions.py:flow") == project


def test_the_flows_own_interpreter_is_given_nothing_else_from_here(
    project: Path, without_dagster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    flow = "out/flows/everything.py:everything"
    with candidate_place(flow, None) as place:
        assert place.variables["PYTHONPATH"].split(os.pathsep) == [
            *import_folders(flow),
            str(project),
            "/elsewhere",
        ]
    with candidate_place(flow, without_dagster) as place:
        library, *folders = place.variables["PYTHONPATH"].split(os.pathsep)
        assert os.listdir(library) == ["prefect_compat"]
        assert tuple(folders) == import_folders(flow)
    with candidate_place("definitions.py:flow", without_dagster) as place:
        assert place.variables["PYTHONPATH"].split(os.pathsep)[1:] == [str(project)]
