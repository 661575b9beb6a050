"""A suite with Dagster's functions and with ours: what passes, the baseline, and the report."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.conformance.scope import INTERRUPTING, OUT_OF_SCOPE
from tests.conformance.suite import Ended, Suite, run

SEED = 20240229


@dataclass(frozen=True)
class Compared:
    """The tests of a suite that pass as they are, and how those ended with ours."""

    suite: Suite
    expected: frozenset[str]
    ours: dict[str, Ended]

    @property
    def passed(self) -> set[str]:
        return {
            test for test in self.expected & self.ours.keys() if self.ours[test].outcome == "passed"
        }


def compare(suite: Suite, sample: int | None) -> Compared:
    """Runs the tests of a suite twice; with a sample, only so many of them the second time."""
    theirs = run(suite, "dagster")
    expected = [t for t, e in theirs.items() if e.calls and e.outcome == "passed"]
    if sample is not None:
        chosen = sorted(expected)
        random.Random(SEED).shuffle(chosen)
        expected = chosen[:sample]
    wanted = {test for test in expected if test.split("::")[-1] not in INTERRUPTING}
    return Compared(suite, frozenset(expected), run(suite, "prefect", wanted))


def lost(compared: Compared, *, whole: bool) -> list[str]:
    """The tests of the baseline that do not pass any more.

    Without the whole suite, the baseline counts for the tests of the sample.
    """
    known = _baseline(compared.suite.baseline)
    return sorted((known if whole else known & compared.expected) - compared.passed)


def missed_goal(compared: Compared) -> str | None:
    """The words about a goal that is missed."""
    passed, expected, goal = len(compared.passed), len(compared.expected), compared.suite.goal
    if passed >= goal * expected:
        return None
    return f"{compared.suite.package}: {passed} of {expected} is below the goal of {goal:.0%}."


def write_baseline(compared: Compared) -> None:
    """Writes the tests that pass with ours."""
    facts = {
        "dagster": version("dagster"),
        "calling": len(compared.expected),
        "passed": sorted(compared.passed),
    }
    text = json.dumps(facts, indent=1) + "\n"
    compared.suite.baseline.write_text(text, encoding="utf-8")


def _baseline(file: Path) -> set[str]:
    """The tests that must pass; none if the baseline is of another version of Dagster."""
    if not file.is_file():
        return set()
    facts = json.loads(file.read_text(encoding="utf-8"))
    return set(facts["passed"]) if facts["dagster"] == version("dagster") else set()


def show(suites: Sequence[Compared]) -> None:
    """The table by folder or by package, and the reason of each test that does not pass."""
    total: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for compared in suites:
        package = compared.suite.package
        rows = {t: package if len(suites) > 1 else _folder(t) for t in compared.expected}
        total.update(rows.values())
        right.update(rows[test] for test in compared.passed)
    print("| tests | pass as they are | pass with ours |")
    print("|---|---|---|")
    for name in sorted(total):
        print(f"| {name} | {total[name]} | {right[name]} |")
    print(f"| all | {total.total()} | {right.total()} ({right.total() / total.total():.1%}) |\n")
    for compared in suites:
        for test in sorted(compared.expected - compared.passed):
            print(_reason(test, compared.ours.get(test)))


def _folder(test: str) -> str:
    """The folder of a test, below that of all tests."""
    return "/".join(test.split("::")[0].split("/")[1:-1])


def _reason(test: str, ended: Ended | None) -> str:
    name = test.split("::")[-1].split("[")[0]
    if name in OUT_OF_SCOPE:
        return f"out of scope: {test}\n  {OUT_OF_SCOPE[name]}"
    words = f"{ended.error}: {ended.reason[:200]}" if ended else "did not run"
    return f"FAILS: {test}\n  {words}"
