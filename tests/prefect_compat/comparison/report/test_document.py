"""The comparison as JSON: the verdict with its counts, whoever reads it."""

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from prefect_compat.comparison.diff.declared import Declared, Rules, Tolerance
from prefect_compat.comparison.diff.differences import RowDifference, TableDifference
from prefect_compat.comparison.failure_matrix import Case, Outcome
from prefect_compat.comparison.report.document import as_document, json_schema
from prefect_compat.graph.ids import OutputId
from prefect_compat.graph.job import JobChoice
from tests.prefect_compat.comparison.records import DAGSTER, PREFECT, SECOND, output
from tests.prefect_compat.comparison.report.compared import WORK, compared, costs

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
    """The document, which fits its schema."""
    found: dict[str, Any] = json.loads(json.dumps(as_document(*arguments)))
    jsonschema.validate(found, json_schema(), cls=jsonschema.Draft202012Validator)
    return found


def test_the_verdict_is_there_with_its_counts() -> None:
    found = read(DIFFERENT)
    assert set(found) == {
        *("version", "holds", "identical", "failures"),
        *("work", "left", "right", "verdict", "rows", "costs", "declared_s"),
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


def test_what_does_not_count_is_in_the_verdict() -> None:
    plain = compared(replace(DAGSTER, unknown=(("files", "why"),)))
    (finding,) = DIFFERENT.verdict.findings
    verdict = replace(
        plain.verdict,
        noise=(finding,),
        waived=((finding, "known"),),
        declared=((OutputId(("b",)), "within 1"),),
    )
    found = read(replace(plain, verdict=verdict))["verdict"]
    assert found["not_compared"] == [{"aspect": "files", "reason": "why"}]
    assert found["noise"] == VERDICT["findings"]
    assert found["waived"] == [{"finding": found["noise"][0], "reason": "known"}]
    assert found["declared"] == [
        {"output": {"asset_key": ["b"], "partition_key": None}, "declared": "within 1"}
    ]


def test_the_work_of_a_case_is_written_in_full() -> None:
    work = replace(WORK, choice=JobChoice(None, "a*"), tags=(("team", "us"),))
    found = read(compared(work=work), (Outcome(Case("an error", work), None),))
    (case,) = found["failures"]
    assert case["case"]["work"] == found["work"]
    assert (found["work"]["job"], found["work"]["selection"]) == (None, "a*")
    assert found["work"]["tags"] == {"team": "us"}


def test_the_schema_names_its_own_and_the_version() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["properties"]["version"] == {"const": 3}


def test_costs_rows_and_rules_fit_the_schema() -> None:
    rows = (RowDifference(OutputId(("a",)), TableDifference((3, 3), key=("id",), moved=1)),)
    rules = Rules({"a": Declared(key=("id",), tolerances=(("x", Tolerance(0.1)),))})
    found = read(compared(costs=costs(), rows=rows, work=replace(WORK, rules=rules)))
    assert found["work"]["rules"]["a"]["key"] == ["id"]
    assert found["rows"][0]["table"]["moved"] == 1


@pytest.mark.parametrize("missing", ["verdict", "version", "left"])
def test_what_does_not_fit_the_schema(missing: str) -> None:
    found = read(DIFFERENT)
    del found[missing]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, json_schema())
