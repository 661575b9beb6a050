"""Plants small faults in the comparison and lineage code and reports those that no test notices.

    python -m tools.mutants [verdict] [costs] [diff] [gates] [report] [lineage]

mutmut makes the mutants. It forks each one from a process that has imported Dagster and pandas
already, so a mutant costs a fraction of a second; cosmic-ray starts a new process for each, at
several seconds. mutmut leaves properties and constants alone.

A mutant that survives is listed with a reason in `tests/surviving_mutants.txt`. Exit code 1 if a
survivor is not listed, a listed one is killed, or fewer than 85 of 100 are killed.
"""

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORK = ROOT / "var" / "mutants"
LIST = ROOT / "tests" / "surviving_mutants.txt"
LEAST = 0.85
AROUND = 40  # letters shown on both sides of a change
COPIED = ("prefect_compat", "ticket_assets", "tests", "pyproject.toml")
# These start a process, a server or a browser, or draw a large graph.
SLOW = (
    *("browser", "another_process", "command_line"),
    *("every_format", "nothing_is_loaded", "of_the_design", "lineage0"),
)
KILLED = {1, 3, -11}
TIMED_OUT = {-24, 24, 36, 152, 255}
MARK = "ǁ"  # mutmut's own separator of a class and its method


@dataclass(frozen=True)
class Group:
    """Files that are mutated, and the unit tests that may kill the mutants."""

    mutated: tuple[str, ...]
    tests: tuple[str, ...]


GROUPS: Mapping[str, Group] = {
    "verdict": Group(
        ("comparison/verdict.py", "comparison/judging/*"),
        ("comparison/test_verdict.py", "comparison/judging"),
    ),
    "costs": Group(("comparison/costs.py",), ("comparison/test_costs.py",)),
    "diff": Group(("comparison/diff/*",), ("comparison/diff",)),
    "gates": Group(
        ("comparison/noise.py", "comparison/waivers.py"),
        ("comparison/test_noise.py", "comparison/test_waivers.py"),
    ),
    "report": Group(("comparison/report/*",), ("comparison/report", "comparison/test_history.py")),
    "lineage": Group(("lineage/*", "pages.py"), ("lineage",)),
}


@dataclass(frozen=True)
class Mutant:
    """One mutant: its function, the changed lines, and mutmut's exit code (`mutmut.stats`)."""

    function: str
    change: str
    exit_code: int

    def __str__(self) -> str:
        return f"{self.function}: {self.change}"

    @property
    def has_survived(self) -> bool:
        return self.exit_code not in KILLED | TIMED_OUT


def run_group(name: str, group: Group) -> list[Mutant]:
    """All mutants of a group, after its tests ran against each in one process at a time."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for entry in COPIED:
        source = ROOT / entry
        if source.is_dir():
            shutil.copytree(source, folder / entry, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / entry)
    (folder / "setup.cfg").write_text(_settings(group), encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1"]
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        code = subprocess.run(
            command, cwd=folder, env=environment, stdout=log, stderr=log, check=False
        ).returncode
    mutants = [
        mutant
        for path in sorted((folder / "mutants").rglob("*.meta"))
        for mutant in _read_mutants(folder / "mutants", path)
    ]
    if code != 0 or not mutants:
        raise SystemExit(f"mutmut ended with exit code {code}; see {folder / 'log.txt'}")
    return mutants


def _settings(group: Group) -> str:
    def listed(entries: Iterable[str]) -> str:
        return "".join(f"\n    {entry}" for entry in entries)

    mutated = (f"prefect_compat/{path}" for path in group.mutated)
    tests = (f"tests/prefect_compat/{path}" for path in group.tests)
    options = (
        *("-p", "no:cacheprovider", "--hypothesis-profile", "mutants"),
        *("-k", " and ".join(f"not {word}" for word in SLOW)),
    )
    return (
        "[mutmut]\nsource_paths = prefect_compat\nalso_copy = ticket_assets\n"
        "use_git_change_detection = false\nuse_setproctitle = false\n"
        f"only_mutate ={listed(mutated)}\n"
        f"pytest_add_cli_args ={listed(options)}\n"
        f"pytest_add_cli_args_test_selection ={listed(tests)}\n"
    )


def _read_mutants(root: Path, meta: Path) -> Iterator[Mutant]:
    codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    if not codes:
        return
    source = meta.with_suffix("")
    tree = ast.parse(source.read_text(encoding="utf-8"))
    functions = {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    module = ".".join(source.relative_to(root).with_suffix("").parts)
    for key, code in codes.items():
        name = key.removeprefix(f"{module}.")
        original, _, _ = name.rpartition("__mutmut_")
        change = _change(functions[f"{original}__mutmut_orig"], functions[name])
        shown = original.removeprefix("x").removeprefix("_").replace(MARK, ".").lstrip(".")
        yield Mutant(f"{module}.{shown}", change, 0 if code is None else code)


def _change(original: ast.AST, mutant: ast.AST) -> str:
    """The changed code with a little around it, the same whatever the file's line breaks are."""
    before, after = (
        " ".join(f"\n{ast.unparse(node)}".partition("\ndef ")[2].partition("\n")[2].split())
        for node in (original, mutant)
    )
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    first = max(start - AROUND, 0)
    sides = (text[first : len(text) - end + AROUND].strip() for text in (before, after))
    return " -> ".join(sides)


def _common(left: str, right: str) -> int:
    """The number of equal letters at the start of both."""
    equal = takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))
    return sum(1 for _ in equal)


def read_reasons(text: str) -> dict[str, str]:
    """The reason of each listed mutant: a line without indent heads the mutants below it."""
    reasons: dict[str, str] = {}
    reason = ""
    for line in text.splitlines():
        if line.startswith("    "):
            reasons[line.strip()] = reason
        elif line and not line.startswith("#"):
            reason = line
    return reasons


def report(name: str, mutants: list[Mutant], reasons: Mapping[str, str], seconds: float) -> bool:
    """Prints a group's result; True if it is as listed."""
    survivors = {str(mutant) for mutant in mutants if mutant.has_survived}
    timed_out = {str(mutant) for mutant in mutants if mutant.exit_code in TIMED_OUT}
    killed = sum(not mutant.has_survived for mutant in mutants)
    equivalent = sum(reasons.get(entry, "").startswith("Equivalent") for entry in survivors)
    print(
        f"{name}: {killed} of {len(mutants)} killed ({killed / len(mutants):.1%}),"
        f" {len(timed_out)} by a timeout; {equivalent} listed as equivalent; {seconds:.0f} s"
    )
    new = sorted(survivors - set(reasons))
    stale = sorted({str(mutant) for mutant in mutants} & set(reasons) - survivors - timed_out)
    for title, entries in (("not listed", new), ("listed, but killed", stale)):
        if entries:
            print(f"  {title}:", *entries, sep="\n    ")
    return not new and not stale and killed >= LEAST * len(mutants)


def main() -> None:
    """Runs the groups that are named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], metavar="GROUP")
    names = parser.parse_args().groups or list(GROUPS)
    reasons = read_reasons(LIST.read_text(encoding="utf-8"))
    is_as_listed = True
    for name in names:
        start = time.monotonic()
        mutants = run_group(name, GROUPS[name])
        is_as_listed &= report(name, mutants, reasons, time.monotonic() - start)
    sys.exit(not is_as_listed)


if __name__ == "__main__":
    main()
