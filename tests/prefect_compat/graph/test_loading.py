"""A project is loaded as Dagster loads it, from whatever it is made of."""

import os
import subprocess
import sys
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from prefect_compat.errors import DefinitionError
from prefect_compat.graph.job import ALL_ASSETS, JobChoice, job_names, resolve_job
from prefect_compat.graph.project import KEPT_VARIABLES, Project

ASSETS = """
    import dagster as dg

    @dg.asset
    def first(): return 1

    @dg.asset
    def second(first): return first + 1
"""
DEFINITIONS = {
    "a Definitions object": "defs = dg.Definitions([first, second])",
    "a lazy function": """
    @dg.definitions
    def defs(): return dg.Definitions([first, second])
""",
    "a repository": """
    @dg.repository
    def repository(): return [first, second]
""",
    "bare assets": "",
}


@pytest.fixture(autouse=True)
def _path_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if name.split(".")[0].endswith("_of_it")]:
        del sys.modules[name]


def write(path: Path, *sources: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(textwrap.dedent(source) for source in sources), encoding="utf-8")


def steps(project: Project, choice: JobChoice | None = None) -> set[str]:
    return {node.name for node in resolve_job(project, choice or JobChoice()).nodes}


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_all_assets_of_a_module(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "code_of_it.py", ASSETS, DEFINITIONS[kind])
    assert steps(Project("code_of_it")) == {"first", "second"}
    assert steps(Project(file="code_of_it.py")) == {"first", "second"}
    assert resolve_job(Project("code_of_it")).name == ALL_ASSETS


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_the_objects_themselves(kind: str) -> None:
    module = types.ModuleType("made_here")
    exec(textwrap.dedent(ASSETS) + textwrap.dedent(DEFINITIONS[kind]), vars(module))
    assert {node.name for node in resolve_job(module).nodes} == {"first", "second"}
    loadable = vars(module).get("defs") or vars(module).get("repository")
    assets = [vars(module)["first"], vars(module)["second"]]
    assert {node.name for node in resolve_job(loadable or assets).nodes} == {"first", "second"}


def test_what_dagster_does_not_load_is_refused() -> None:
    with pytest.raises(DefinitionError, match="int is nothing that Dagster loads"):
        resolve_job(3)  # type: ignore[arg-type]  # the point


def test_a_package_whose_modules_import_relatively(tmp_path: Path) -> None:
    write(tmp_path / "shop_of_it" / "__init__.py", "from .definitions import defs\n")
    write(tmp_path / "shop_of_it" / "assets.py", ASSETS)
    write(
        tmp_path / "shop_of_it" / "definitions.py",
        "import dagster as dg\nfrom . import assets\n",
        "defs = dg.Definitions(dg.load_assets_from_modules([assets]))\n",
    )
    assert steps(Project("shop_of_it.definitions")) == {"first", "second"}
    assert steps(Project(package="shop_of_it")) == {"first", "second"}
    assert steps(Project(file="shop_of_it/definitions.py")) == {"first", "second"}


@pytest.mark.parametrize(
    "section",
    [
        '[tool.dagster]\nmodule_name = "inner_of_it.definitions"\n',
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "inner_of_it"\n',
    ],
)
def test_the_project_of_a_folder(tmp_path: Path, section: str) -> None:
    """With `src` on the import path, as `dg` lays projects out."""
    write(tmp_path / "pyproject.toml", section)
    write(tmp_path / "src" / "inner_of_it" / "__init__.py")
    write(
        tmp_path / "src" / "inner_of_it" / "definitions.py", ASSETS, DEFINITIONS["a lazy function"]
    )
    assert steps(Project.of_folder(tmp_path)) == {"first", "second"}


def test_the_workspace_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "one_of_it.py", ASSETS)
    write(tmp_path / "workspace.yaml", "load_from: [{python_file: one_of_it.py}]\n")
    assert steps(Project.of_folder(tmp_path)) == {"first", "second"}


def test_a_folder_without_a_project(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[project]\nname = 'x'\n")
    with pytest.raises(DefinitionError, match=r"names no Dagster project. Name it by -m MODULE"):
        Project.of_folder(tmp_path)


def test_a_location_with_another_python_is_refused(tmp_path: Path) -> None:
    write(
        tmp_path / "workspace.yaml",
        "load_from: [{python_file: {relative_path: a.py, executable_path: /opt/py/bin/python}}]\n",
    )
    with pytest.raises(DefinitionError, match="has its own Python, /opt/py/bin/python"):
        Project.of_folder(tmp_path)


def test_the_variables_of_env_are_there_but_for_those_of_a_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / ".env", "OF_IT_WORD=from file\nOF_IT_STORE=from file\n")
    write(tmp_path / "env_of_it.py", ASSETS)
    monkeypatch.setenv("OF_IT_WORD", "from outside")  # Dagster replaces it too
    monkeypatch.setenv("OF_IT_STORE", "of the side")
    monkeypatch.setenv(KEPT_VARIABLES, "OF_IT_STORE,DAGSTER_HOME")
    Project("env_of_it").load()
    assert (os.environ["OF_IT_WORD"], os.environ["OF_IT_STORE"]) == ("from file", "of the side")


def test_several_repositories_are_told_apart_by_their_attribute(tmp_path: Path) -> None:
    second = "@dg.repository\ndef other(): return [first]\n"
    write(tmp_path / "repos_of_it.py", ASSETS, DEFINITIONS["a repository"], second)
    with pytest.raises(DefinitionError, match=r"has several repositories: other, repository. Name"):
        Project("repos_of_it").load()
    assert steps(Project("repos_of_it", attribute="other")) == {"first"}


@pytest.mark.parametrize(
    ("selection", "expected"),
    [("first", {"first"}), ("first+", {"first", "second"}), ("first,second", {"first", "second"})],
)
def test_a_selection(tmp_path: Path, selection: str, expected: set[str]) -> None:
    write(tmp_path / "select_of_it.py", ASSETS)
    assert steps(Project("select_of_it"), JobChoice(selection=selection)) == expected


def test_assets_with_different_partitions_are_named() -> None:
    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
    def letters() -> None: ...

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["1"]))
    def digits() -> None: ...

    with pytest.raises(DefinitionError, match=r"(?s)--select\): .*'1': digits; .*'a': letters"):
        resolve_job(dg.Definitions([letters, digits]))


def test_the_only_job_of_a_project_without_assets() -> None:
    @dg.op
    def work() -> None: ...

    @dg.job
    def only() -> None:
        work()

    @dg.job
    def other() -> None:
        work()

    assert resolve_job(dg.Definitions(jobs=[only])).name == "only"
    assert job_names(dg.Definitions(jobs=[other, only]).get_repository_def()) == ("only", "other")
    with pytest.raises(DefinitionError, match="name one of its jobs by -j: only, other"):
        resolve_job(dg.Definitions(jobs=[only, other]))


def test_a_module_that_fails_shows_its_own_traceback_last(tmp_path: Path) -> None:
    write(tmp_path / "broken_of_it.py", "def fail():\n    raise KeyError('gone')\nfail()\n")
    found = subprocess.run(
        [Path(sys.executable).parent / "prefect-compat", "plan", "-m", "broken_of_it"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    lines = found.stderr.splitlines()
    assert lines[0] == "Error: broken_of_it cannot be imported:"
    assert lines[-1] == "KeyError: 'gone'"
    assert sum("File" in line for line in lines) == 2  # nothing of Dagster or of ours
