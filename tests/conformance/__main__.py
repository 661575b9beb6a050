"""`make conformance`: Dagster's own tests that call `materialize`, with ours in its place.

Fetches the source distribution of the installed Dagster from the package index that pip uses,
runs the tests once as they are and once with the drop-ins of `prefect_compat`, prints what passes,
and compares with `baseline.json`, which may only grow (`--update` writes it).

`--calls execute_in_process` does the same for the tests that call that method of a job, with the
baseline `execute_in_process.json`. `--integrations` does it for the tests of Dagster's integrations
that call either, each with a baseline of its own. `--sample N` runs N of the tests that pass as
they are.
"""

import argparse
import signal
import sys
from importlib.metadata import version
from pathlib import Path

from tests.conformance.comparison import compare, lost, missed_goal, show, write_baseline
from tests.conformance.integrations import PACKAGES, integrations
from tests.conformance.suite import CALLS, WORK, Suite

BASELINES = {
    "materialize": Path(__file__).parent / "baseline.json",
    "execute_in_process": Path(__file__).parent / "execute_in_process.json",
}
GOALS = {"materialize": 0.95, "execute_in_process": 0.98}


def main() -> None:
    options = _parsed()
    # A shell's `&` has it ignored. Dagster then ignores SIGTERM too, and so do the processes that
    # read its compute logs: each such test waits 30 s for them, and fails.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if options.integrations is None:
        suites = [own_tests(options.calls)]
    else:
        suites = integrations(options.integrations or PACKAGES)
    done = [compare(suite, options.sample) for suite in suites]
    show(done)
    faults = []
    for each in done:
        tests = lost(each, whole=options.sample is None)
        if tests:
            faults.append(f"{len(tests)} tests of the baseline do not pass any more:")
            faults += tests
        elif options.update:
            write_baseline(each)
        if missed := missed_goal(each):
            faults.append(missed)
    if faults:
        sys.exit("\n".join(faults))


def own_tests(calls: str) -> Suite:
    """The suite of Dagster's own tests that call the function."""
    # Dagster's conftest imports one function of a package that is not published.
    stub = WORK / "stub" / "dagster_test" / "dg_utils"
    stub.mkdir(parents=True, exist_ok=True)
    (stub.parent / "__init__.py").touch()
    (stub / "__init__.py").touch()
    (stub / "utils.py").write_text("def scrub_tox_uv_project_environment(): ...\n")
    return Suite(
        package="dagster",
        version=version("dagster"),
        calls=(calls,),
        baseline=BASELINES[calls],
        goal=GOALS[calls],
        path=(WORK / "stub",),
    )


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the baseline")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--calls", choices=list(CALLS), default="materialize")
    which.add_argument(
        "--integrations",
        nargs="*",
        choices=PACKAGES,
        metavar="PACKAGE",
        help=f"the tests of these packages; without a name, of {', '.join(PACKAGES)}",
    )
    parser.add_argument("--sample", type=int, metavar="N", help="run N of the tests")
    options = parser.parse_args()
    if options.update and options.sample is not None:
        parser.error("--update writes what the whole suite shows, not a sample")
    return options


if __name__ == "__main__":
    main()
