"""A suite: the tests of one source distribution, run with Dagster's functions or with ours."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
WORK = ROOT / "var" / "conformance"
CALLS = {
    "materialize": re.compile(r"\b(materialize|materialize_to_memory)\("),
    "execute_in_process": re.compile(r"\.execute_in_process\("),
}


@dataclass(frozen=True)
class Suite:
    """The tests of a package that call some of the functions, and what runs them.

    `path` comes before the checkout on the PYTHONPATH of `python`. `workers` and `marks` are as
    pytest's -n and -m take them.
    """

    package: str
    version: str
    calls: tuple[str, ...]
    baseline: Path
    goal: float
    python: Path = Path(sys.executable)
    path: tuple[Path, ...] = ()
    workers: str = "auto"
    marks: str = ""


@dataclass(frozen=True)
class Ended:
    """The end of a test: pytest's outcome, the functions that it called, and its error, if any."""

    outcome: str
    calls: tuple[str, ...]
    error: str
    reason: str


def sources(package: str, version: str, folder: Path) -> Path:
    """The source distribution of a package, fetched once, and unpacked anew in the folder."""
    name = f"{package.replace('-', '_')}-{version}"
    archive = WORK / f"{name}.tar.gz"
    if not archive.is_file():
        WORK.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--no-build-isolation", "--no-binary", package, "--dest", str(WORK)),
                f"{package}=={version}",
            ],
            check=True,
        )
    shutil.rmtree(folder / name, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / name


def run(suite: Suite, side: str, only: set[str] | None = None) -> dict[str, Ended]:
    """Runs the tests with Dagster's own functions or with ours; how each ended.

    Each side has sources of its own: some tests write beside them.
    """
    results = WORK / side
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    source = sources(suite.package, suite.version, results)
    if only is None:
        files = files_that_call(source, suite.calls)
    else:
        files = sorted({test.split("::")[0] for test in only})
        (results / "only.json").write_text(json.dumps(sorted(only)))
    with (WORK / f"{side}.txt").open("wb") as log:
        subprocess.run(
            [*_pytest(suite), *files],
            cwd=source,
            env=_variables(suite, side, only is not None),
            stdout=log,
            stderr=log,
            check=False,
        )
    return dict(_read(results))


def files_that_call(source: Path, calls: tuple[str, ...]) -> list[str]:
    """Test files that call the functions. Those of the daemons start processes of their own, in
    which no function can be put in another's place."""
    (tests,) = source.glob("*_tests")
    texts = {
        path: path.read_text(encoding="utf-8")
        for path in tests.rglob("test_*.py")
        if "daemon_" not in str(path.relative_to(source))
    }
    found = (
        path for path, text in texts.items() if any(CALLS[call].search(text) for call in calls)
    )
    return sorted(str(path.relative_to(source)) for path in found)


def _pytest(suite: Suite) -> list[str]:
    return [
        *(str(suite.python), "-m", "pytest", "-q", "-c", "pyproject.toml", "--rootdir", "."),
        *("-p", "tests.conformance.plugin", "-p", "no:cacheprovider", "--tb=short", "-rs"),
        *("-n", suite.workers, "--dist", "loadfile", "--continue-on-collection-errors"),
        *("-m", suite.marks),
    ]


def _variables(suite: Suite, side: str, chosen: bool) -> dict[str, str]:
    """The environment of the tests, with a home of their own and the commands of their Python."""
    results = WORK / side
    variables = {
        **os.environ,
        "CONFORMANCE_SIDE": side,
        "CONFORMANCE_CALLS": ",".join(suite.calls),
        "CONFORMANCE_RESULTS": str(results),
        "PYTHONPATH": os.pathsep.join(map(str, (*suite.path, ROOT))),
        "PATH": f"{suite.python.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(WORK / "home"),
        "PREFECT_HOME": str(WORK / "home" / "prefect"),
        "DO_NOT_TRACK": "1",
    }
    variables.pop("DAGSTER_HOME", None)
    # Without bytecode, dbt takes ten seconds to start.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    if chosen:
        variables["CONFORMANCE_ONLY"] = str(results / "only.json")
    return variables


def _read(results: Path) -> Iterator[tuple[str, Ended]]:
    for file in results.glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            entry: dict[str, Any] = json.loads(line)
            fields = {**entry, "calls": tuple(entry["calls"])}
            yield fields.pop("test"), Ended(**fields)
