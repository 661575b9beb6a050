"""What all steps of one flow run share."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from prefect_compat.plan import Plan


@dataclass(frozen=True)
class Execution:
    """One run of a plan: for which partitions, with which resources."""

    job: dg.JobDefinition
    plan: Plan
    keys: tuple[str, ...] | None
    resources: Any  # Dagster's Resources: one attribute a key
    instance: dg.DagsterInstance
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def tags(self) -> dict[str, str]:
        """The run tags that Dagster's own commands set for the same partitions."""
        if self.keys is None:
            return {}
        if len(self.keys) == 1:
            return {"dagster/partition": self.keys[0]}
        return {
            "dagster/asset_partition_range_start": self.keys[0],
            "dagster/asset_partition_range_end": self.keys[-1],
        }
