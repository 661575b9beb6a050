"""A comparison as a JSON document for machines, and the JSON schema of it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.costs import Costs
from prefect_compat.comparison.diff.declared import Declared
from prefect_compat.comparison.diff.differences import RowDifference
from prefect_compat.comparison.failure_matrix import Outcome
from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.judging.findings import Finding
from prefect_compat.comparison.judging.outputs import OutputVerdict
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.work import Work
from prefect_compat.comparison.verdict import Verdict
from prefect_compat.graph.ids import OutputId, StepOutputId
from prefect_compat.graph.project import Project

# Since 3, the sides are `left` and `right`, whatever they are.
VERSION = 3
CLOSED = ConfigDict(extra="forbid")


class FindingDocument(TypedDict):
    """One difference."""

    __pydantic_config__ = CLOSED  # type: ignore[misc]  # pydantic's way to configure a TypedDict
    kind: str
    place: str
    left: str
    right: str


class WaivedDocument(TypedDict):
    """A difference that is accepted."""

    finding: FindingDocument
    reason: str


class AssetDocument(TypedDict):
    """The counts of an asset's outputs."""

    __pydantic_config__ = CLOSED  # type: ignore[misc]
    asset: str
    left: int
    right: int
    identical: int
    equal_as_declared: int
    same_rows: int
    without_content: int


class NotComparedDocument(TypedDict):
    """An aspect that a side knows nothing of."""

    aspect: str
    reason: str


class DeclaredDocument(TypedDict):
    """An output that is equal only as declared."""

    output: OutputId | StepOutputId
    declared: str


class VerdictDocument(TypedDict):
    """The verdict with its counts."""

    __pydantic_config__ = CLOSED  # type: ignore[misc]
    sides: list[str]
    assets: list[AssetDocument]
    compared: int
    steps: int
    findings: list[FindingDocument]
    outputs: list[OutputVerdict]
    differing: list[OutputId | StepOutputId]
    failure: str | None
    not_compared: list[NotComparedDocument]
    noise: list[FindingDocument]
    waived: list[WaivedDocument]
    declared: list[DeclaredDocument]


class WorkDocument(TypedDict):
    """The work, without its run config, which may hold a password."""

    project: Project
    job: str | None
    selection: Any
    partition: str | None
    store_variables: list[str]
    ignored_metadata: list[str]
    fault: Fault | None
    rounds: int
    empty_partition: str | None
    tags: dict[str, str]
    config_name: str | None
    stores: Any
    dynamic_partitions: Any
    rules: dict[str, Declared]
    places: list[tuple[str, str]]


class ComparisonDocument(TypedDict):
    """One comparison."""

    work: WorkDocument
    left: Record
    right: Record
    verdict: VerdictDocument
    rows: list[RowDifference]
    costs: Costs | None
    declared_s: float | None


class CaseDocument(TypedDict):
    """A case of the failure matrix; `work` is null if it could not be run."""

    name: str
    work: WorkDocument | None
    reason: str


class FailureDocument(TypedDict):
    """A case and its comparison."""

    case: CaseDocument
    comparison: ComparisonDocument | None


class Document(ComparisonDocument):
    """The document that `prefect-compat compare --json` writes."""

    __pydantic_config__ = CLOSED  # type: ignore[misc]
    version: int
    holds: bool
    identical: int
    failures: list[FailureDocument]


def json_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of the document."""
    schema = TypeAdapter(Document).json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["version"] = {"const": VERSION}
    return schema


def as_document(comparison: Comparison, outcomes: Sequence[Outcome] = ()) -> dict[str, Any]:
    """Everything known about the comparison; `outcomes` are those of the failure matrix."""
    verdict = comparison.verdict
    return {
        "version": VERSION,
        "holds": verdict.holds,
        "identical": verdict.identical,
        **_comparison(comparison),
        "failures": [
            {
                "case": {**asdict(outcome.case), "work": _work(outcome.case.work)},
                "comparison": _comparison(outcome.comparison) if outcome.comparison else None,
            }
            for outcome in outcomes
        ],
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        **asdict(comparison),
        "work": _work(comparison.work),
        "verdict": _verdict(comparison.verdict),
    }


def _work(work: Work | None) -> dict[str, Any] | None:
    if work is None:
        return None
    values = asdict(work)
    del values["run_config"]
    name, selection = values.pop("choice").values()
    return {
        **values,
        "job": name,
        "selection": selection,
        "tags": dict(work.tags),
        "rules": {name: asdict(declared) for name, declared in work.rules.by_asset.items()},
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    """The verdict with its counts, which the value itself computes."""
    return {
        "sides": list(verdict.sides),
        "assets": [
            {
                "asset": asset.asset,
                "left": asset.left,
                "right": asset.right,
                "identical": asset.identical,
                "equal_as_declared": asset.equal_as_declared,
                "same_rows": asset.same_rows,
                "without_content": asset.without_content,
            }
            for asset in verdict.assets
        ],
        "compared": verdict.compared,
        "steps": verdict.steps,
        "findings": [_finding(finding) for finding in verdict.findings],
        "outputs": [asdict(entry) for entry in verdict.outputs],
        "differing": [asdict(output) for output in verdict.differing],
        "failure": verdict.failure,
        "not_compared": [{"aspect": aspect, "reason": why} for aspect, why in verdict.not_compared],
        "noise": [_finding(finding) for finding in verdict.noise],
        "waived": [
            {"finding": _finding(finding), "reason": reason} for finding, reason in verdict.waived
        ],
        "declared": [
            {"output": asdict(output), "declared": words} for output, words in verdict.declared
        ],
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "kind": str(finding.kind),
        "place": finding.place,
        "left": finding.left,
        "right": finding.right,
    }
