"""Tests that share a server or a cluster run in one worker, so that it is started once."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import os, pathlib, pytest

@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(8))
def test_one(number):
    pathlib.Path(f"{number}.txt").write_text(str(os.getpid()))
"""


def test_a_group_runs_in_one_worker(tmp_path: Path) -> None:
    """pytest 9.2 and xdist 3.8 spread it over all workers; nothing says so but the time."""
    (tmp_path / "test_group.py").write_text(TESTS)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup"),
            *("-p", "no:cacheprovider", "test_group.py"),
        ],
        cwd=tmp_path,
        env={name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    workers = {file.read_text() for file in tmp_path.glob("*.txt")}
    assert len(list(tmp_path.glob("*.txt"))) == 8
    assert len(workers) == 1
