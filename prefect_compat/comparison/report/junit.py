"""A comparison as JUnit XML: a test case for each output, and for each other difference."""

import xml.etree.ElementTree as ET

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.judging.findings import Difference, Finding
from prefect_compat.comparison.sources.work import title

CLASS = "prefect_compat.compare"
OF_OUTPUTS = frozenset(
    {
        *(Difference.CONTENT, Difference.MISSING, Difference.NOT_COMPARABLE, Difference.TWICE),
        *(Difference.NOT_KEPT_APART, Difference.DATA_VERSION),
        *(Difference.METADATA, Difference.TAGS, Difference.DESCRIPTION),
    }
)


def as_junit(comparison: Comparison) -> str:
    """The document. A difference is a failure; a side that could not be run is an error, and so are
    two that failed alike."""
    verdict = comparison.verdict
    by_output: dict[str, list[Finding]] = {entry.output.label: [] for entry in verdict.outputs}
    rest: list[Finding] = []
    for finding in verdict.findings:
        place = finding.place.partition(", ")[0]
        (by_output.get(place, rest) if finding.kind in OF_OUTPUTS else rest).append(finding)
    suite = ET.Element("testsuite", name=title(comparison.work))
    for place, findings in by_output.items():
        case = ET.SubElement(suite, "testcase", classname=CLASS, name=place)
        _fail(case, findings)
    for finding in rest:
        case = ET.SubElement(
            suite, "testcase", classname=CLASS, name=f"{finding.kind}: {finding.place}"
        )
        _fail(case, [finding])
    sides = [side for side in (comparison.left, comparison.right) if not side.has_run]
    for side in sides:
        case = ET.SubElement(suite, "testcase", classname=CLASS, name=f"{side.side} can be run")
        ET.SubElement(case, "error", message=_line(side.error)).text = side.error
    if comparison.broke_off:
        case = ET.SubElement(suite, "testcase", classname=CLASS, name="both runs succeed")
        ET.SubElement(case, "error", message=_line(verdict.failure)).text = verdict.failure
    for finding, reason in verdict.waived:
        case = ET.SubElement(
            suite, "testcase", classname=CLASS, name=f"{finding.kind}: {finding.place}"
        )
        ET.SubElement(case, "skipped", message=f"waived: {reason}")
    for finding in verdict.noise:
        case = ET.SubElement(
            suite, "testcase", classname=CLASS, name=f"{finding.place} is reproducible"
        )
        ET.SubElement(case, "skipped", message="it differs from itself in a second run")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _fail(case: ET.Element, findings: list[Finding]) -> None:
    if findings:
        failure = ET.SubElement(case, "failure", message=_line(str(findings[0])))
        failure.text = "\n".join(map(str, findings))


def _line(text: str | None) -> str:
    return (text or "").partition("\n")[0]
