"""The comparison as JUnit XML."""

import xml.etree.ElementTree as ET
from dataclasses import replace

from prefect_compat.comparison.judging.findings import Difference, Finding
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.report.junit import as_junit
from tests.prefect_compat.comparison.records import DAGSTER, PREFECT, SECOND, output
from tests.prefect_compat.comparison.report.compared import compared


def read(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """The counts of the suite, and what became of each case."""
    suite = ET.fromstring(text)
    cases = {case.attrib["name"]: case[0].tag if len(case) else "passed" for case in suite}
    return {name: suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")}, cases


def test_a_case_for_each_output() -> None:
    counts, cases = read(as_junit(compared()))
    assert cases == {"a[2016-03-08]": "passed", "b": "passed"}
    assert counts == {"tests": "2", "failures": "0", "errors": "0", "skipped": "0"}


def test_differences_are_failures_of_their_output_or_cases_of_their_own() -> None:
    steps = (*PREFECT.steps[:-1], replace(PREFECT.steps[-1], attempts=3))
    found = compared(
        prefect=replace(PREFECT, outputs=(output("a", "2016-03-08", "ax"), SECOND), steps=steps)
    )
    text = as_junit(found)
    counts, cases = read(text)
    assert cases == {
        "a[2016-03-08]": "failure",
        "b": "passed",
        "different number of attempts: b": "failure",
    }
    assert counts["failures"] == "2"
    assert "different content: a[2016-03-08]: dagster has table" in text


def test_waived_and_noise_are_skipped() -> None:
    plain = compared()
    finding = Finding(Difference.CONTENT, "a, x", "1", "2")
    verdict = replace(plain.verdict, noise=(finding,), waived=((finding, "known (Ann)"),))
    counts, cases = read(as_junit(replace(plain, verdict=verdict)))
    assert counts["skipped"] == "2"
    assert cases["different content: a, x"] == "skipped"
    assert cases["a, x is reproducible"] == "skipped"


def test_a_side_that_could_not_be_run_is_an_error() -> None:
    found = compared(DAGSTER, Record.of_failure("prefect", "no <server>\nand no luck"))
    counts, cases = read(as_junit(found))
    assert counts["errors"] == "1"
    assert cases["prefect can be run"] == "error"
