"""The comparison as JSON: the verdict with its counts, whoever reads it."""

import json
from dataclasses import replace
from typing import Any

from prefect_compat.comparison.failure_matrix import Case, Outcome
from prefect_compat.comparison.report.document import as_document
from tests.prefect_compat.comparison.records import DAGSTER, PREFECT, SECOND, output
from tests.prefect_compat.comparison.report.compared import compared

DIFFERENT = compared(prefect=replace(PREFECT, outputs=(output("a", "2016-03-08", "ax"), SECOND)))
COUNTS = {
    "left": 1,
    "right": 1,
    "equal_as_declared": 0,
    "same_rows": 0,
    "without_content": 0,
}
VERDICT = {
    "assets": [
        {"asset": "a", "identical": 0, **COUNTS},
        {"asset": "b", "identical": 1, **COUNTS},
    ],
    "compared": 2,
    "steps": 2,
    "findings": [
        {
            "kind": "different content",
            "place": "a[2016-03-08]",
            "left": "table 2 x 3 aa",
            "right": "table 2 x 3 ax",
        }
    ],
    "outputs": [
        {
            "output": {"asset_key": ["a"], "partition_key": "2016-03-08"},
            "outcomes": ["different"],
        },
        {"output": {"asset_key": ["b"], "partition_key": None}, "outcomes": ["identical"]},
    ],
    "differing": [{"asset_key": ["a"], "partition_key": "2016-03-08"}],
    "failure": None,
    "sides": ["dagster", "prefect"],
    "not_compared": [],
    "noise": [],
    "waived": [],
    "declared": [],
}


def read(*arguments: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(as_document(*arguments)))
    return found


def test_the_verdict_is_there_with_its_counts() -> None:
    found = read(DIFFERENT)
    assert set(found) == {
        *("version", "holds", "identical", "failures"),
        *("work", "left", "right", "verdict", "rows", "costs"),
    }
    assert (found["version"], found["holds"], found["identical"]) == (3, False, 1)
    assert found["verdict"] == VERDICT
    assert found["failures"] == []
    assert found["left"]["side"] == DAGSTER.side


def test_each_case_of_the_failure_matrix_has_its_verdict() -> None:
    cases = (Outcome(Case("an error"), DIFFERENT), Outcome(Case("a retry", reason="none"), None))
    done, not_run = read(compared(), cases)["failures"]
    assert done["case"] == {"name": "an error", "work": None, "reason": ""}
    assert done["comparison"]["verdict"] == VERDICT
    assert done["comparison"]["work"]["job"] == "the_job"
    assert "run_config" not in done["comparison"]["work"]
    assert not_run == {
        "case": {"name": "a retry", "work": None, "reason": "none"},
        "comparison": None,
    }
