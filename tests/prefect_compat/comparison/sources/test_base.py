"""The project at another commit, or by another interpreter, against the project as it is here."""

import os
import subprocess
import sys
from pathlib import Path

import click.testing
import pytest

from prefect_compat.cli.main import main
from tests.conftest import ROOT

SOURCE = """
import os
from pathlib import Path

import dagster as dg
from helper import FACTOR


class Files(dg.ConfigurableIOManager):
    def handle_output(self, context, obj):
        path = Path(os.environ["NUMBERS_STORE"], context.asset_key.path[-1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(repr(obj))

    def load_input(self, context):
        return eval(Path(os.environ["NUMBERS_STORE"], context.asset_key.path[-1]).read_text())


@dg.asset
def numbers() -> list[int]:
    return [1, 2, 3]


@dg.asset
def total(numbers: list[int]) -> int:
    return sum(numbers) * FACTOR


defs = dg.Definitions([numbers, total], resources={"io_manager": Files()})
"""


def git(folder: Path, *arguments: str) -> str:
    options = ("-c", "user.name=us", "-c", "user.email=us@example.org")
    return subprocess.run(
        ["git", *options, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project in a subfolder, two commits, and an uncommitted change of the factor to 3."""
    project = tmp_path / "team" / "project"
    project.mkdir(parents=True)
    (project / "numbers_of_it.py").write_text(SOURCE)
    (project / "pyproject.toml").write_text('[tool.dagster]\nmodule_name = "numbers_of_it"\n')
    git(tmp_path, "init", "-q", "-b", "main")
    for factor in (1, 2):
        (project / "helper.py").write_text(f"FACTOR = {factor}\n")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", f"factor {factor}")
    (project / "helper.py").write_text("FACTOR = 3\n")
    return project


def compare(project: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).parent / "prefect-compat")
    return subprocess.run(
        [
            *(program, "compare", "-q", "--store-env", "NUMBERS_STORE", *options),
        ],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def compare_here(project: Path, *options: str) -> click.testing.Result:
    """Compares in this process, which spares it the imports; a side has its own, as always."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.setattr(sys, "path", list(sys.path))
        for module in ("numbers_of_it", "helper"):
            patch.delitem(sys.modules, module, raising=False)
        command = ["compare", "-q", "--store-env", "NUMBERS_STORE", *options]
        return click.testing.CliRunner().invoke(main, command)


def test_a_change_is_found_against_a_commit(repository: Path) -> None:
    found = compare(repository, "--base", "HEAD~1")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "different content: total: base has document" in found.stdout
    assert "    value: base 6, head 18" in found.stdout
    assert "prefect" not in found.stdout
    assert git(repository, "worktree", "list").count("\n") == 1


@pytest.mark.nightly
def test_a_project_that_has_not_changed_is_identical(repository: Path) -> None:
    (repository / "helper.py").write_text("FACTOR = 2\n")
    found = compare(repository, "--base", "main")
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.splitlines()[-1] == (
        "Identical: the stores have the same content for 2 of 2 assets."
    )


@pytest.mark.nightly
def test_another_interpreter(repository: Path, tmp_path: Path) -> None:
    """One that has no library of its own: ours is lent to it."""
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    links = next(other.glob("lib/python*/site-packages"))
    for entry in Path(packages).iterdir():
        if "prefect_compat" not in entry.name and not entry.name.endswith(".pth"):
            (links / entry.name).symlink_to(entry)
    found = compare(repository, "--base-python", str(other / "bin" / "python"))
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--base", "no"), "there is no such commit. Name a commit, a branch or a tag"),
        (("--base-python", "no/python"), "--base-python no/python cannot be started"),
        (("--base", "HEAD", "--candidate", "a.py:b"), "--candidate excludes --base"),
    ],
)
def test_what_cannot_be_the_base(repository: Path, options: tuple[str, ...], words: str) -> None:
    found = compare_here(repository, *options)
    assert found.exit_code == 2, found.stdout
    assert words in found.stderr
    assert "Traceback" not in found.stderr


def test_an_interpreter_without_dagster(repository: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "b")], check=True)
    found = compare_here(repository, "--base-python", str(tmp_path / "b" / "bin" / "python"))
    assert found.exit_code == 2
    assert "cannot run a side: ModuleNotFoundError" in found.stderr
    assert "It needs Dagster 1.12 or later" in found.stderr


def test_a_commit_that_does_not_import(repository: Path) -> None:
    (repository / "helper.py").write_text("FACTOR = = 1\n")
    git(repository, "commit", "-aqm", "broken")
    (repository / "helper.py").write_text("FACTOR = 1\n")
    found = compare_here(repository, "--base", "HEAD")
    assert found.exit_code == 2
    assert "SyntaxError" in found.stderr
    assert git(repository, "worktree", "list").count("\n") == 1


@pytest.mark.nightly
def test_a_project_that_is_installed_from_here_is_refused(repository: Path) -> None:
    """Its modules would be those of the working copy, on both sides."""
    found = compare(repository, "--base", "HEAD", PYTHONPATH=str(repository))
    # The import folder stands before PYTHONPATH, so this is the other commit all the same.
    assert found.returncode == 1, found.stdout + found.stderr
    inner = repository / "inner"
    inner.mkdir()
    (repository / "helper.py").rename(inner / "helper.py")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "a folder")
    found = compare(repository, "--base", "HEAD", PYTHONPATH=str(inner))
    assert found.returncode == 2
    assert "The module helper was imported from" in found.stderr


def test_a_base_that_stores_in_a_fixed_place_is_refused(repository: Path, tmp_path: Path) -> None:
    """Its run would write into the user's own store."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "total").write_text("5")
    source = (repository / "numbers_of_it.py").read_text()
    fixed = source.replace('os.environ["NUMBERS_STORE"]', repr(str(own)))
    (repository / "numbers_of_it.py").write_text(fixed)
    git(repository, "commit", "-aqm", "a fixed place")
    (repository / "numbers_of_it.py").write_text(source)
    found = compare_here(repository, "--base", "HEAD")
    assert found.exit_code == 2, found.stdout
    assert "can be read although the store is empty" in found.stderr
    assert (own / "total").read_text() == "5"


def test_outside_of_a_repository(tmp_path: Path) -> None:
    (tmp_path / "numbers_of_it.py").write_text("import dagster as dg\ndefs = dg.Definitions()\n")
    assert ROOT not in tmp_path.parents
    found = compare_here(tmp_path, "--base", "main")
    assert found.exit_code == 2
