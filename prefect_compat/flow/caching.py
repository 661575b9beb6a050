"""Unchanged work is not done again: a step's cache key, from what its data version depends on."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from prefect_compat.engine.run import Execution
from prefect_compat.engine.step import StepResult
from prefect_compat.graph.plan import Step

PARTITION_TAGS = (
    "dagster/partition",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)


def cache_key(execution: Execution, step: Step, upstream: Iterable[StepResult]) -> str | None:
    """A digest of the step's code versions, partitions and configuration, of the configuration of
    the resources that it uses, IO managers among them, of its upstream data versions and keys.

    None, so that the step runs, where one of these is not known: an asset without a code version,
    or an upstream asset that this flow run has not made.
    """
    graph = execution.job.asset_layer.asset_graph
    nodes = [graph.get(dg.AssetKey(key)) for key in step.asset_keys]
    if not nodes or step.kind != "plain" or any(node.code_version is None for node in nodes):
        return None
    upstream = list(upstream)
    versions = _data_versions(upstream)
    parents = sorted({parent for node in nodes for parent in node.parent_keys} - _own(step))
    if any(parent not in versions for parent in parents):
        return None
    facts = {
        "step": step.name,
        "code": [node.code_version for node in nodes],
        "partitions": [execution.run.tags.get(tag) for tag in PARTITION_TAGS],
        "config": execution.op_config(step.name),
        "resources": execution.resource_config(step.name),
        "upstream": [[parent.to_user_string(), versions[parent]] for parent in parents],
        # A data version does not tell with which configuration it was made; a key does.
        "upstream keys": sorted(result.cache_key or "" for result in upstream),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=repr).encode()).hexdigest()


def _own(step: Step) -> set[dg.AssetKey]:
    return {dg.AssetKey(key) for key in step.asset_keys}


def _data_versions(upstream: Iterable[StepResult]) -> Mapping[dg.AssetKey, Any]:
    """Of each asset that the upstream steps made, the data version of each partition."""
    found: dict[dg.AssetKey, dict[str, str | None]] = {}
    for result in upstream:
        for made in result.materializations:
            by_partition = found.setdefault(dg.AssetKey(made.output.asset_key), {})
            by_partition[made.output.partition_key or ""] = made.data_version
    return found
