"""`make watch` runs each test of a room once, in forks, and says whether all passed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools.watch import WATCHED, changes

TESTS = """
import os, pathlib, pytest
def note(name):
    with open(pathlib.Path(__file__).with_name("ran.txt"), "a") as file:
        file.write(f"{name} {os.getpid()}\\n")
@pytest.mark.parametrize("number", range(4))
def test_alone(number): note(number)
@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_group(name): note(name)
"""


def run(path: Path, text: str) -> str:
    """The output of one run, in its own process: pytest cannot run within itself."""
    path.write_text(text)
    program = "import sys; from tools.watch import run; print(run(sys.argv[1:], 2))"
    command = [sys.executable, "-c", program, str(path)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_each_test_runs_once_and_a_group_in_one_process(tmp_path: Path) -> None:
    printed = run(tmp_path / "test_room.py", TESTS)
    assert printed.splitlines()[-1] == "True"
    ran = dict(line.split() for line in (tmp_path / "ran.txt").read_text().splitlines())
    assert len((tmp_path / "ran.txt").read_text().splitlines()) == 7
    assert set(ran) == {"0", "1", "2", "3", "a", "b", "c"}
    assert len({ran[name] for name in "abc"}) == 1
    assert len(set(ran.values())) == 2


def test_a_failure_is_shown(tmp_path: Path) -> None:
    printed = run(tmp_path / "test_room.py", TESTS + "def test_wrong(): assert 6 * 7 == 41\n")
    assert "assert (6 * 7) == 41" in printed
    assert printed.splitlines()[-1] == "False"


def test_a_room_without_tests_does_not_pass(tmp_path: Path) -> None:
    assert run(tmp_path / "test_room.py", "").splitlines()[-1] == "False"


@pytest.mark.parametrize("is_removed", [False, True], ids=["edited", "removed"])
def test_an_edited_and_a_removed_file_are_changes(tmp_path: Path, is_removed: bool) -> None:
    path = tmp_path / "room.py"
    path.write_text("x = 1\n")
    before = changes([tmp_path])
    assert before == changes([tmp_path])
    if is_removed:
        path.unlink()
    else:
        os.utime(path, (1, 1))  # two writes at once can have the same time
    assert changes([tmp_path]) != before


def test_every_folder_with_python_files_is_watched() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/*.py")}
    assert set(WATCHED) == folders - {"benchmarks"}
