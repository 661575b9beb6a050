"""`make matrix`: the tests of the library on each pair of Dagster and Prefect versions.

Each cell is an environment with the wheel of `prefect-compat`, without `ticket_assets`. The tests
run in a copy of the checkout that holds no source of the library. `--write` keeps the results in
`var/matrix` and puts the table of all that are kept there into `docs/versions.md`.

A cell whose packages cannot be fetched is shown as not run, with pip's reason. The exit code is 1
if a test of a cell fails.
"""

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.environments import ROOT, NotFetchedError, build_wheel, environment, install, installed
from tests.matrix.cells import ALL, CELLS, OLDEST, SMOKE, Cell
from tests.matrix.results import Result, as_json, count, failures, read_results, table, write_table

WORK = ROOT / "var" / "matrix"
RESULTS = WORK / "results.json"
PAGE = ROOT / "docs" / "versions.md"
COPIED = ("tests", "tools", "docs", "examples", "deployment", "pyproject.toml", "workspace.yaml")


def main() -> None:
    arguments = parsed()
    chosen = arguments.cell or ([OLDEST.name] if arguments.smoke else [])
    cells = [cell for cell in CELLS if not chosen or cell.name in chosen]
    wheel = _wheel()
    done = []
    for cell in cells:
        done.append(run(cell, wheel, arguments.workers, SMOKE if arguments.smoke else ALL))
        if arguments.write:
            keep(done)
    print(table(done))
    if arguments.conformance:
        for cell in cells:
            conform(cell, wheel)
    sys.exit(any(result.has_failed for result in done))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument(
        "--cell",
        action="append",
        choices=[cell.name for cell in CELLS],
        help="only this cell; may be given more than once",
    )
    parser.add_argument(
        "--smoke", action="store_true", help="a few tests; without --cell on the oldest versions"
    )
    parser.add_argument("--conformance", action="store_true", help="`make conformance` in each")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.name}")
    parser.add_argument("--workers", default="auto", help="test processes, as pytest's -n takes it")
    return parser.parse_args()


def run(cell: Cell, wheel: Path, workers: str, tests: Sequence[str]) -> Result:
    """Runs the tests in a cell, whose environment is made if needed."""
    day = dt.datetime.now(dt.UTC).date().isoformat()
    kind = "all" if tests == ALL else "smoke"
    try:
        python = environment(cell.requirements)
    except NotFetchedError as error:
        print(f"{cell.name}: not run, the packages cannot be fetched: {error}", file=sys.stderr)
        versions = (cell.dagster, cell.prefect, cell.pandas)
        return Result(cell.name, kind, day, *versions, fault=str(error))
    install(python, wheel)
    packages = installed(python)
    versions = (packages["dagster"], packages["prefect"], packages["pandas"])
    folder = WORK / cell.name.replace("/", "-").replace("*", "x")
    report = folder / "report.xml"
    checkout = _checkout(folder)
    report.unlink(missing_ok=True)
    log_file = folder / "log.txt"
    with log_file.open("wb") as log:
        subprocess.run(
            [
                *(str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", workers),
                *("--dist", "loadgroup", "-m", "not nightly"),
                *(f"--junit-xml={report}", *tests),
            ],
            cwd=checkout,
            env=_variables(),
            stdout=log,
            stderr=log,
            check=False,
        )
    if not report.is_file():
        sys.exit(f"{cell.name}: pytest could not start, see {log_file}")
    result = Result(cell.name, kind, day, *versions, *count(report))
    if result.has_failed:
        print(f"{cell.name}: {', '.join(failures(report))}; see {log_file}", file=sys.stderr)
    return result


def keep(results: Sequence[Result]) -> None:
    """Keeps the results beside those of earlier runs, and puts all of them into the page."""
    known = {**read_results(RESULTS), **{result.cell: result for result in results}}
    ordered = [known[cell.name] for cell in CELLS if cell.name in known]
    RESULTS.write_text(json.dumps(as_json(ordered), indent=1) + "\n", encoding="utf-8")
    write_table(PAGE, table(ordered))


def conform(cell: Cell, wheel: Path) -> None:
    """Runs Dagster's own tests with the drop-ins: the better part of an hour."""
    python = environment(cell.requirements)
    install(python, wheel)
    folder = WORK / cell.name.replace("/", "-").replace("*", "x")
    command = [str(python), "-m", "tests.conformance"]
    print(f"{cell.name}:", flush=True)
    subprocess.run(command, cwd=_checkout(folder), env=_variables(), check=False)


def _wheel() -> Path:
    folder = WORK / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    return build_wheel(ROOT / "prefect_compat", folder)


def _checkout(folder: Path) -> Path:
    """A copy of the tests and of what they read, so that only the wheel has the library."""
    copy = folder / "checkout"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


def _variables() -> dict[str, str]:
    """The environment without what would point at this checkout or its homes."""
    ours = ("PREFECT_", "DAGSTER_", "TICKET_", "PYTHON", "VIRTUAL_ENV")
    return {name: text for name, text in os.environ.items() if not name.startswith(ours)}


if __name__ == "__main__":
    main()
