"""Tests of one room, run again after each change: python -m tools.watch tests/prefect_compat/graph

The slow imports happen once, in this process. Each run is a fork of it, so it has them already.
"""

import importlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

WATCHED = ("prefect_compat", "ticket_assets", "examples", "deployment", "tools", "tests")
# Not Prefect, nor a package that imports it: it reads PREFECT_HOME at import, and conftest.py sets
# that for the tests. Loaded here, it would use the user's own home and database.
SLOW = ("dagster", "pandas", "pyarrow", "sqlalchemy", "fastapi", "httpx", "hypothesis", "rich")
POLL_S = 0.2
NO_TEST = 5  # pytest's exit code; a share of a small room may be empty


class Share:
    """A pytest plugin that keeps one of `count` equal shares of the tests."""

    def __init__(self, number: int, count: int) -> None:
        self.number = number
        self.count = count

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # Tests of one xdist group share something, so they stay together.
        places: dict[str, int] = {}
        items[:] = [
            item
            for item in items
            if places.setdefault(_group(item), len(places)) % self.count == self.number
        ]


def _group(item: pytest.Item) -> str:
    marker = item.get_closest_marker("xdist_group")
    return item.nodeid if marker is None else str(marker.args or marker.kwargs)


def changes(folders: Sequence[Path]) -> dict[Path, int]:
    """The time of the last change of each Python file, in nanoseconds."""
    times: dict[Path, int] = {}
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        try:
            times[path] = path.stat().st_mtime_ns
        except FileNotFoundError:  # an editor replaces a file by removing it first
            continue
    return times


def run(tests: Sequence[str], count: int) -> bool:
    """True if the tests pass in `count` forks of this process, which print as pytest does."""
    with ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(count)]
        forks = [_fork(tests, Share(number, count), outputs[number]) for number in range(count)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) for fork in forks]
        for output, code in zip(outputs, codes, strict=True):
            output.seek(0)
            lines = output.read().decode(errors="replace").splitlines()
            print("\n".join(lines[-1:] if code in (0, NO_TEST) else lines))
    return all(code in (0, NO_TEST) for code in codes) and any(code == 0 for code in codes)


def _fork(tests: Sequence[str], share: Share, output: IO[bytes]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    options = ["-q", "-n", "0", "-p", "no:cacheprovider"]
    # Ends as a program does, so that temporary servers and folders are cleaned up at exit.
    sys.exit(int(pytest.main([*options, *tests], plugins=[share])))


def main() -> None:
    """Runs the tests named on the command line after each change, until Ctrl-C."""
    tests = sys.argv[1:] or sys.exit("Name the tests: python -m tools.watch tests/...")
    for name in SLOW:
        importlib.import_module(name)
    assert "prefect" not in sys.modules, "Prefect must not be loaded before conftest.py"
    folders = [Path(folder) for folder in WATCHED]
    try:
        while True:
            before, start = changes(folders), time.monotonic()
            passed = run(tests, os.cpu_count() or 1)
            print(f"{'passed' if passed else 'FAILED'} in {time.monotonic() - start:.1f} s\n")
            while changes(folders) == before:
                time.sleep(POLL_S)
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
