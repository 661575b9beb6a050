"""A step's cache key, from everything that its data version depends on."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from prefect_compat.engine.result import StepResult
from prefect_compat.engine.run import Run
from prefect_compat.graph.ids import StepId
from prefect_compat.graph.plan import Asset, AssetPath, Step

PARTITION_TAGS = (
    "dagster/partition",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)


def cache_key(
    run: Run, step: Step, assets: tuple[Asset, ...], upstream: Iterable[StepResult]
) -> str | None:
    """A digest of the step's code, configuration, partitions, resources and upstream data.

    `assets` are those that the step makes. The configuration of its resources counts, IO managers
    among them. None, so that the step runs, if anything of it is unknown: an asset without a code
    version, or an upstream asset that this flow run has not made.
    """
    if not assets or step.kind != "plain" or any(asset.code_version is None for asset in assets):
        return None
    upstream = list(upstream)
    versions = _data_versions(upstream)
    own = {asset.key for asset in assets}
    # An asset of the step itself is made by it, and has no version yet.
    parents = sorted({parent.asset_key for asset in assets for parent in asset.upstream} - own)
    if any(parent not in versions for parent in parents):
        return None
    step_id = StepId(step.name)
    facts = {
        "step": step.name,
        "code": [asset.code_version for asset in assets],
        "partitions": [run.record.tags.get(tag) for tag in PARTITION_TAGS],
        "config": run.op_config(step_id),
        "resources": run.resource_config(step_id),
        "upstream": [["/".join(parent), versions[parent]] for parent in parents],
        # A data version does not show the configuration that it was made with; a key does.
        "upstream keys": sorted(result.cache_key or "" for result in upstream),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=repr).encode()).hexdigest()


def _data_versions(
    upstream: Iterable[StepResult],
) -> Mapping[AssetPath, Mapping[str, str | None]]:
    """The data version of each partition of each asset that the upstream steps made."""
    versions: dict[AssetPath, dict[str, str | None]] = {}
    for result in upstream:
        for made in result.materializations:
            by_partition = versions.setdefault(made.output.asset_key, {})
            by_partition[made.output.partition_key or ""] = made.data_version
    return versions
