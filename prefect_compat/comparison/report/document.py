"""A comparison as a JSON-like document for machines."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.failure_matrix import Outcome
from prefect_compat.comparison.judging.findings import Finding
from prefect_compat.comparison.sources.work import Work
from prefect_compat.comparison.verdict import Verdict


def as_document(comparison: Comparison, outcomes: Sequence[Outcome] = ()) -> dict[str, Any]:
    """Everything known about the comparison; `outcomes` are those of the failure matrix."""
    verdict = comparison.verdict
    return {
        "version": 3,  # since 3, the sides are `left` and `right`, whatever they are
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
    """The work without its run config, which may hold a password."""
    if work is None:
        return None
    values = asdict(work)
    del values["run_config"]
    name, selection = values.pop("choice").values()
    return {**values, "job": name, "selection": selection, "tags": dict(work.tags)}


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "kind": str(finding.kind),
        "place": finding.place,
        "left": finding.left,
        "right": finding.right,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    """The verdict with its counts, which the value itself computes."""
    return {
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
        "sides": list(verdict.sides),
        "not_compared": [{"aspect": aspect, "reason": why} for aspect, why in verdict.not_compared],
        "noise": [_finding(finding) for finding in verdict.noise],
        "waived": [
            {"finding": _finding(finding), "reason": reason} for finding, reason in verdict.waived
        ],
        "declared": [
            {"output": asdict(output), "declared": words} for output, words in verdict.declared
        ],
    }
