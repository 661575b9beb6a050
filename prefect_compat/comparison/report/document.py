"""A comparison as a JSON-like document for machines."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.failure_matrix import Outcome


def as_document(comparison: Comparison, outcomes: Sequence[Outcome] = ()) -> dict[str, Any]:
    """Everything known about the comparison; `outcomes` are those of the failure matrix."""
    verdict = comparison.verdict
    return {
        "version": 2,  # since 2, a step is `{"name", "mapping_key"}`
        "holds": verdict.holds,
        "identical": verdict.identical,
        **asdict(comparison),
        "failures": [asdict(outcome) for outcome in outcomes],
    }
