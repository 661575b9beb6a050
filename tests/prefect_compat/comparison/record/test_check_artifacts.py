"""Check results in the rows of Prefect's table artifacts."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from prefect.client.schemas.objects import Artifact

from prefect_compat.comparison.record.check_artifacts import checks_of, merge_checks
from prefect_compat.comparison.record.record import RecordedCheck
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.ids import CheckId

GOOD = RecordedCheck(CheckId(("raw", "orders"), "is_good"), True, "ERROR")
BAD = replace(GOOD, passed=False)
WARNED = replace(BAD, severity="WARN")
ROW = {"asset": "raw/orders", "check": "is_good", "passed": True}


def artifact(rows: Any) -> Artifact:
    return Artifact(key="check-orders", type="table", data=json.dumps(rows))


def test_a_row_is_a_result() -> None:
    more = {"severity": "WARN", "partition": "2024-01-03", "description": "three", "rows": 3}
    full = replace(GOOD, severity="WARN", partition_key="2024-01-03", description="three")
    assert checks_of(artifact([ROW, {**ROW, **more}])) == (GOOD, full)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([ROW, {**ROW, "passed": "yes"}], "row 2, passed: found 'yes', input should be a valid"),
        ([{**ROW, "severity": "warn"}], "row 1, severity: found 'warn', input should be 'ERROR'"),
        ([{"asset": "a", "passed": True}], "row 1, check: found {'asset': 'a', 'passed': True}"),
        ([["a", "b"]], "row 1, the row: found ['a', 'b']"),
        ({"asset": ["a"]}, "found dict, expected a list of rows"),
        ([{}] * 3, "; and 6 more."),
    ],
)
def test_other_rows_are_refused(rows: Any, words: str) -> None:
    with pytest.raises(ComparisonError, match=re.escape(words)) as error:
        checks_of(artifact(rows))
    assert "The artifact 'check-orders' does not hold check results" in str(error.value)


@pytest.mark.parametrize(
    ("results", "merged"),
    [
        ([GOOD, GOOD], GOOD),
        ([GOOD, BAD], BAD),
        ([BAD, GOOD], BAD),
        ([WARNED, BAD, GOOD], BAD),
        ([GOOD, WARNED], WARNED),
    ],
)
def test_results_of_partitions_are_those_of_one_run(
    results: list[RecordedCheck], merged: RecordedCheck
) -> None:
    runs = [(replace(result, partition_key=str(number)),) for number, result in enumerate(results)]
    assert merge_checks(runs, is_range=True) == (merged,)


def test_a_partition_of_one_run_is_kept() -> None:
    there = replace(GOOD, partition_key="1")
    assert merge_checks([(there,)], is_range=False) == (there,)


def test_descriptions_that_differ_between_partitions_are_left_out() -> None:
    one, two = (replace(GOOD, description=text) for text in ("one", "two"))
    assert merge_checks([(one,), (one,)], is_range=True) == (one,)
    assert merge_checks([(one,), (two,)], is_range=True) == (GOOD,)


def test_what_a_flow_reports_twice_stays_two_results() -> None:
    assert merge_checks([(GOOD, BAD), (GOOD, GOOD)], is_range=True) == (GOOD, BAD)
