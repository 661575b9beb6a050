"""Names without a public home that public signatures of Dagster 1.13 use.

`dg.define_asset_job` returns an `UnresolvedAssetJobDefinition`, and `dg.AssetCheckEvaluation`
takes an `AssetCheckEvaluationTargetMaterializationData`; `dg.DagsterEvent` takes a
`StepMaterializationData`. `dagster` exports none of them.
`tests/ticket_assets/upstream_fixes/test_private_names.py` fails once it does: import them from
there then.
"""

from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.events import StepMaterializationData

__all__ = [
    "AssetCheckEvaluationTargetMaterializationData",
    "StepMaterializationData",
    "UnresolvedAssetJobDefinition",
]
