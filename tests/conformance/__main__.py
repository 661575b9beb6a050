"""`make conformance`: Dagster's own tests that call `materialize`, with ours in its place.

Fetches the source distribution of the installed Dagster from the package index that pip uses,
runs the tests once as they are and once with the drop-ins of `prefect_compat`, prints what passes,
and compares with `baseline.json`, which may only grow (`--update` writes it).

`--calls execute_in_process` does the same for the tests that call that method of a job, with the
baseline `execute_in_process.json`. `--sample N` runs N of the tests that pass as they are.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tarfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
WORK = ROOT / "var" / "conformance"
BASELINES = {
    "materialize": Path(__file__).parent / "baseline.json",
    "execute_in_process": Path(__file__).parent / "execute_in_process.json",
}
GOALS = {"materialize": 0.95, "execute_in_process": 0.98}
SEED = 20240229

# With ours, the interrupt ends the flow run, and with it pytest.
INTERRUPTING = (
    "test_retry_policy",
    "test_single_proc_interrupt",
    "test_masking_op_execution[KeyboardInterrupt-True-KeyboardInterrupt]",
)
# Tests about the inside of Dagster's engine, which Prefect takes the place of.
OUT_OF_SCOPE = {
    "test_graph_backed_asset_subset": "reads the steps from an engine event of Dagster's executor",
    "test_input_subsetting_graph_backed_asset": "reads the steps from an engine event of Dagster's"
    " executor",
    "test_do_not_rerequest_while_existing_run_in_progress": "replaces Dagster's executor by a mock",
    "test_most_recent_materialization_used": "reads Dagster's console log; ours is Prefect's",
    "test_can_subset_result_for_unselected_check": "reads Dagster's console log; ours is Prefect's",
    "test_graph_backed_asset_reused": "reads the steps from an engine event of Dagster's executor",
    "test_failure_propagation": "reads Dagster's console log; ours is Prefect's",
    "test_job_logging": "reads Dagster's console log; ours is Prefect's",
    "test_resource_logging": "reads Dagster's console log; ours is Prefect's",
    "test_compute_log_manager": "reads Dagster's console log; ours is Prefect's",
    "test_failure_midstream": "reads Dagster's console log; ours is Prefect's",
    "test_warning_for_conditional_output": "reads Dagster's console log; ours is Prefect's",
    "test_io_context_logging": "reads Dagster's console log; ours is Prefect's",
    "test_failure_hook_framework_exception": "raises Dagster's own interruption in a step, which"
    " ends the flow run",
    "test_masking_op_execution": "raises an interruption in a step, which ends the flow run",
    **dict.fromkeys(
        INTERRUPTING, "interrupts its own process; not run, as it would end the whole session"
    ),
}
CALL = {
    "materialize": re.compile(r"\b(materialize|materialize_to_memory)\("),
    "execute_in_process": re.compile(r"\.execute_in_process\("),
}


def fetch() -> Path:
    """Dagster's source distribution of the installed version, unpacked."""
    name = f"dagster-{version('dagster')}"
    if not (WORK / name).is_dir():
        WORK.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--no-build-isolation", "--no-binary", "dagster", "--dest", str(WORK)),
                name.replace("-", "=="),
            ],
            check=True,
        )
        with tarfile.open(WORK / f"{name}.tar.gz") as archive:
            archive.extractall(WORK, filter="data")
    # Dagster's conftest imports one function of a package that is not published.
    stub = WORK / "stub" / "dagster_test" / "dg_utils"
    stub.mkdir(parents=True, exist_ok=True)
    (stub.parent / "__init__.py").touch()
    (stub / "__init__.py").touch()
    (stub / "utils.py").write_text("def scrub_tox_uv_project_environment(): ...\n")
    return WORK / name


def run(source: Path, calls: str, side: str, only: set[str] | None) -> dict[str, dict[str, Any]]:
    """Runs the tests with Dagster's own functions or with ours; what became of each."""
    results = WORK / side
    results.mkdir(exist_ok=True)
    for file in results.glob("*.jsonl"):
        file.unlink()
    environment = {
        **os.environ,
        "CONFORMANCE_SIDE": side,
        "CONFORMANCE_CALLS": calls,
        "CONFORMANCE_RESULTS": str(results),
        "PYTHONPATH": f"{WORK / 'stub'}{os.pathsep}{ROOT}",
        "HOME": str(WORK / "home"),
        "PREFECT_HOME": str(WORK / "home" / "prefect"),
    }
    environment.pop("DAGSTER_HOME", None)
    if only is not None:
        (WORK / "only.json").write_text(json.dumps(sorted(only)))
        environment["CONFORMANCE_ONLY"] = str(WORK / "only.json")
    files = (
        sorted({test.split("::")[0] for test in only}) if only else files_that_call(source, calls)
    )
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "--rootdir", "."),
        *("-p", "tests.conformance.plugin", "-p", "no:cacheprovider", "--tb=no"),
        *("-n", "auto", "--dist", "loadfile", "--continue-on-collection-errors", *files),
    ]
    with (WORK / f"{side}.txt").open("wb") as log:
        subprocess.run(command, cwd=source, env=environment, stdout=log, stderr=log, check=False)
    lines = (line for file in results.glob("*.jsonl") for line in file.open(encoding="utf-8"))
    return {entry["test"]: entry for entry in map(json.loads, lines)}


def files_that_call(source: Path, calls: str) -> list[str]:
    """Test files that call the functions. Those of the daemons start processes of their own, in
    which no function can be put in another's place."""
    found = (path for path in (source / "dagster_tests").rglob("test_*.py"))
    return sorted(
        str(path.relative_to(source))
        for path in found
        if "daemon_" not in str(path) and CALL[calls].search(path.read_text(encoding="utf-8"))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--calls", choices=list(CALL), default="materialize")
    parser.add_argument("--sample", type=int, metavar="N", help="run N of the tests")
    options = parser.parse_args()
    source = fetch()
    theirs = run(source, options.calls, "dagster", None)
    expected = {t for t, e in theirs.items() if e["calls"] and e["outcome"] == "passed"}
    if options.sample is not None:
        chosen = sorted(expected)
        random.Random(SEED).shuffle(chosen)
        expected = set(chosen[: options.sample])
    ours = run(
        source,
        options.calls,
        "prefect",
        {test for test in expected if test.split("::")[-1] not in INTERRUPTING},
    )
    passed = {test for test in expected if ours.get(test, {}).get("outcome") == "passed"}
    show(expected, passed, ours)
    known = _baseline(BASELINES[options.calls])
    lost = (known if options.sample is None else known & expected) - passed
    if lost:
        sys.exit(f"{len(lost)} tests of the baseline do not pass any more:\n" + "\n".join(lost))
    if options.update:
        facts = {"dagster": version("dagster"), "calling": len(expected), "passed": sorted(passed)}
        BASELINES[options.calls].write_text(json.dumps(facts, indent=1) + "\n")
    goal = GOALS[options.calls]
    if len(passed) < goal * len(expected):
        sys.exit(f"{len(passed)} of {len(expected)} is below the goal of {goal:.0%}.")


def _baseline(file: Path) -> set[str]:
    """The tests that must pass; none if the baseline is of another version of Dagster."""
    if not file.is_file():
        return set()
    facts = json.loads(file.read_text(encoding="utf-8"))
    return set(facts["passed"]) if facts["dagster"] == version("dagster") else set()


def show(expected: set[str], passed: set[str], ours: dict[str, dict[str, Any]]) -> None:
    """The table by folder, and the reason of each test that does not pass with ours."""
    folder = {test: "/".join(test.split("::")[0].split("/")[1:-1]) for test in expected}
    total, right = Counter(folder.values()), Counter(folder[test] for test in passed)
    print("| Dagster's tests | pass as they are | pass with ours |")
    print("|---|---|---|")
    for name in sorted(total):
        print(f"| {name} | {total[name]} | {right[name]} |")
    print(f"| all | {len(expected)} | {len(passed)} ({len(passed) / len(expected):.1%}) |\n")
    for test in sorted(expected - passed):
        entry = ours.get(test, {"error": "", "reason": "did not run"})
        name = test.split("::")[-1].split("[")[0]
        words = OUT_OF_SCOPE.get(name) or f"{entry['error']}: {entry['reason'][:200]}"
        scope = "out of scope" if name in OUT_OF_SCOPE else "FAILS"
        print(f"{scope}: {test}\n  {words}")


if __name__ == "__main__":
    main()
