"""A comparison as a JSON-like document for machines."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.failure_matrix import Outcome
from prefect_compat.comparison.sources.work import Work
from prefect_compat.comparison.verdict import Verdict


def as_document(comparison: Comparison, outcomes: Sequence[Outcome] = ()) -> dict[str, Any]:
    """Everything known about the comparison; `outcomes` are those of the failure matrix."""
    verdict = comparison.verdict
    return {
        "version": 2,  # since 2, a step is `{"name", "mapping_key"}`
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


def _verdict(verdict: Verdict) -> dict[str, Any]:
    """The verdict with its counts, which the value itself computes."""
    return {
        "assets": [
            {
                "asset": asset.asset,
                "dagster": asset.dagster,
                "prefect": asset.prefect,
                "identical": asset.identical,
                "without_content": asset.without_content,
            }
            for asset in verdict.assets
        ],
        "compared": verdict.compared,
        "steps": verdict.steps,
        "findings": [asdict(finding) for finding in verdict.findings],
        "outputs": [asdict(entry) for entry in verdict.outputs],
        "differing": [asdict(output) for output in verdict.differing],
        "failure": verdict.failure,
    }
