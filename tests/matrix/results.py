"""The outcome of a cell, and the table of all of them in `docs/versions.md`."""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"


@dataclass(frozen=True)
class Result:
    """The outcome of a cell.

    `dagster`, `prefect` and `pandas` are the installed versions, or those asked for if nothing
    could be installed; then `fault` says why. `skipped` counts the skipped tests by their reason.
    """

    cell: str
    tests: str
    day: str
    dagster: str
    prefect: str
    pandas: str
    passed: int = 0
    failed: int = 0
    skipped: tuple[tuple[str, int], ...] = ()
    fault: str = ""

    @property
    def has_failed(self) -> bool:
        """True if a test failed or none passed. A cell that could not be installed has not."""
        return not self.fault and (self.failed > 0 or self.passed == 0)


def as_json(results: Sequence[Result]) -> dict[str, dict[str, object]]:
    return {result.cell: asdict(result) for result in results}


def read_results(file: Path) -> dict[str, Result]:
    """The results by the names of their cells; none if there is no file."""
    if not file.is_file():
        return {}
    return TypeAdapter(dict[str, Result]).validate_json(file.read_bytes())


def count(report: Path) -> tuple[int, int, tuple[tuple[str, int], ...]]:
    """Passed and failed tests of a JUnit report, and the skipped ones by reason."""
    cases = _cases(report)
    failed = len(failures(report))
    reasons = Counter(
        skip.get("message", "").removeprefix("Skipped: ")
        for case in cases
        for skip in case.findall("skipped")
    )
    return len(cases) - failed - reasons.total(), failed, tuple(sorted(reasons.items()))


def failures(report: Path) -> list[str]:
    """The names of the tests of a JUnit report that failed."""
    return [
        f"{case.get('classname')}.{case.get('name')}"
        for case in _cases(report)
        if case.find("failure") is not None or case.find("error") is not None
    ]


def _cases(report: Path) -> list[ET.Element]:
    return list(ET.parse(report).getroot().iter("testcase"))


def table(results: Sequence[Result]) -> str:
    """A Markdown table with a row for each cell, the faults and reasons below it."""
    lines = [
        "| Dagster | Prefect | pandas | tests | passed | failed | skipped | day |",
        "|---|---|---|---|---|---|---|---|",
    ]
    faults = list(dict.fromkeys(result.fault for result in results if result.fault))
    for result in results:
        versions = f"{result.dagster} | {result.prefect} | {result.pandas}"
        if result.fault:
            outcome = f"not run ({faults.index(result.fault) + 1}) | | | "
        else:
            skipped = sum(number for _, number in result.skipped)
            outcome = f"{result.tests} | {result.passed} | {result.failed} | {skipped}"
        lines.append(f"| {versions} | {outcome} | {result.day} |")
    lines += [f"\n({number}) {fault}" for number, fault in enumerate(faults, start=1)]
    most: dict[str, int] = {}
    for reason, number in (pair for result in results for pair in result.skipped):
        most[reason] = max(most.get(reason, 0), number)
    if most:
        lines.append("\nReasons of skipped tests, with the highest number in a cell:\n")
        lines += [f"- {reason}: {number}" for reason, number in sorted(most.items())]
    return "\n".join(lines) + "\n"


def write_table(page: Path, text: str) -> None:
    """Replaces what stands between the two marks of a page."""
    written = page.read_text(encoding="utf-8")
    before, begin, rest = written.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page}: expected the marks {BEGIN} and {END}, found not both. Add them.")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
