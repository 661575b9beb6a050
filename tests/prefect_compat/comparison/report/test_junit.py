"""The comparison as JUnit XML."""

import xml.etree.ElementTree as ET
from dataclasses import replace

from prefect_compat.comparison.judging.findings import Difference, Finding
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.report.junit import as_junit
from tests.prefect_compat.comparison.records import DAGSTER, FIRST, PREFECT, SECOND, B, output
from tests.prefect_compat.comparison.report.compared import compared


def read(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """The counts of the suite, and what became of each case."""
    suite = ET.fromstring(text)
    cases = {case.attrib["name"]: case[0].tag if len(case) else "passed" for case in suite}
    return {name: suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")}, cases


def messages(text: str) -> list[str]:
    """Returns the messages of the cases that did not pass."""
    return [case[0].attrib["message"] for case in ET.fromstring(text) if len(case)]


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
    case = ET.fromstring(text)[0]
    words = "different content: a[2016-03-08]: dagster has table 2 x 3 aa, prefect has table"
    assert case[0].attrib["message"] == f"{words} 2 x 3 ax"
    assert case[0].text == f"{words} 2 x 3 ax"


def test_waived_and_noise_are_skipped() -> None:
    plain = compared()
    finding = Finding(Difference.CONTENT, "a, x", "1", "2")
    verdict = replace(plain.verdict, noise=(finding,), waived=((finding, "known (Ann)"),))
    counts, cases = read(as_junit(replace(plain, verdict=verdict)))
    assert counts["skipped"] == "2"
    assert cases["different content: a, x"] == "skipped"
    assert cases["a, x is reproducible"] == "skipped"
    assert messages(as_junit(replace(plain, verdict=verdict))) == [
        "waived: known (Ann)",
        "it differs from itself in a second run",
    ]


def test_a_side_that_could_not_be_run_is_an_error() -> None:
    found = compared(DAGSTER, Record.of_failure("prefect", "no <server>\nand no luck"))
    counts, cases = read(as_junit(found))
    assert counts["errors"] == "1"
    assert cases["prefect can be run"] == "error"
    (error,) = ET.fromstring(as_junit(found)).iter("error")
    assert error.attrib["message"] == "no <server>"
    assert error.text == "no <server>\nand no luck"


def test_two_runs_that_failed_alike_are_an_error() -> None:
    step = replace(B, state="failed", errors=(("OSError", "disk full"),))
    sides = [replace(side, steps=(step,), error="no") for side in (DAGSTER, PREFECT)]
    text = as_junit(compared(*sides))
    counts, cases = read(text)
    assert (counts["errors"], cases["both runs succeed"]) == ("1", "error")
    (error,) = ET.fromstring(text).iter("error")
    assert (error.attrib["message"], error.text) == ("b: disk full", "b: disk full")


def test_all_differences_of_an_output_are_one_failure() -> None:
    other = replace(output("b", None, "bx"), metadata=(("rows", "3"),), description="done")
    text = as_junit(compared(prefect=replace(PREFECT, outputs=(FIRST, other))))
    counts, cases = read(text)
    assert (counts["failures"], cases) == ("1", {"a[2016-03-08]": "passed", "b": "failure"})
    (failure,) = ET.fromstring(text).iter("failure")
    assert [line.partition(": ")[0] for line in str(failure.text).splitlines()] == [
        "different content",
        "different metadata",
        "different description",
    ]


def test_a_difference_in_an_output_that_is_not_listed_is_a_case_of_its_own() -> None:
    finding = Finding(Difference.METADATA, "a:is_good, rows", "1", "2")
    plain = compared()
    _, cases = read(as_junit(replace(plain, verdict=replace(plain.verdict, findings=(finding,)))))
    assert cases["different metadata: a:is_good, rows"] == "failure"


def test_every_case_is_of_one_class_in_a_suite_with_the_title_of_the_work() -> None:
    finding = Finding(Difference.CONTENT, "a, x", "1", "2")
    steps = (*PREFECT.steps[:-1], replace(PREFECT.steps[-1], attempts=3))
    plain = compared(Record.of_failure("dagster", "no"), replace(PREFECT, steps=steps))
    step = replace(B, state="failed")
    failed = compared(*(replace(side, steps=(step,), error="no") for side in (DAGSTER, PREFECT)))
    for found in (plain, failed):
        verdict = replace(found.verdict, noise=(finding,), waived=((finding, "known"),))
        text = as_junit(replace(found, verdict=verdict))
        assert text.startswith("<?xml version='1.0'")
        suite = ET.fromstring(text)
        assert (suite.tag, suite.attrib["name"]) == ("testsuite", "the_job")
        assert {case.tag for case in suite} == {"testcase"}
        assert {case.attrib["classname"] for case in suite} == {"prefect_compat.compare"}
