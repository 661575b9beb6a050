"""Partition text to keys, and keys to the upstream keys that a step reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.definitions.partitions.mapping import PartitionMapping
from dagster._core.definitions.partitions.subset import PartitionsSubset

from prefect_compat.errors import PartitionError

RANGE = "..."


@dataclass(frozen=True)
class UpstreamKeys:
    """Keys that a step reads of an upstream asset, and those that its mapping asks for but the
    upstream's definition does not have."""

    existing: tuple[str, ...]
    missing: tuple[str, ...]


def run_keys(job: dg.JobDefinition, text: str | None) -> tuple[str, ...] | None:
    """The keys that a run of the job is for; None where the job has no partitions.

    Raises PartitionError where a partition is needed and none is given, and the other way round.
    """
    if job.partitions_def is None:
        if text is not None:
            raise PartitionError(f"{job.name} has no partitions; do not pass '{text}'.")
        return None
    if text is None:
        raise PartitionError(
            f"{job.name} is partitioned: pass --partition KEY or --partition A{RANGE}B."
        )
    return parse_partition(text, job.partitions_def)


def parse_partition(text: str, partitions_def: dg.PartitionsDefinition) -> tuple[str, ...]:
    """The keys of `2016-05-10`, or of `2016-05-01...2016-05-31`, both ends included.

    Raises PartitionError for an unknown key or a malformed or reversed range.
    """
    known = partitions_def.get_partition_keys()
    ends = text.split(RANGE)
    if len(ends) > 2 or not all(ends):
        raise PartitionError(
            f"Partition '{text}' is malformed; expected one key such as '{known[0]}', or a range"
            f" such as '{known[0]}{RANGE}{known[-1]}'."
        )
    unknown = [end for end in ends if end not in known]
    if unknown:
        raise PartitionError(
            f"Partition '{unknown[0]}' does not exist; there are {len(known)}, from '{known[0]}' to"
            f" '{known[-1]}'. Pass one of them, or a range A{RANGE}B."
        )
    first, last = known.index(ends[0]), known.index(ends[-1])
    if first > last:
        raise PartitionError(
            f"Partition range '{text}' is reversed; expected '{ends[1]}{RANGE}{ends[0]}'."
        )
    return tuple(known[first : last + 1])


def to_subset(partitions_def: dg.PartitionsDefinition, keys: Sequence[str]) -> PartitionsSubset:
    """The keys as Dagster's own set of partitions."""
    return partitions_def.empty_subset().with_partition_keys(keys)


def upstream_keys(
    mapping: PartitionMapping,
    downstream_def: dg.PartitionsDefinition | None,
    keys: Sequence[str] | None,
    upstream_def: dg.PartitionsDefinition,
) -> UpstreamKeys:
    """What the mapping makes of a step's keys (None: the step is not partitioned)."""
    subset = to_subset(downstream_def, keys) if downstream_def and keys is not None else None
    with partition_loading_context():
        result = mapping.get_upstream_mapped_partitions_result_for_partitions(
            subset, downstream_def if subset is not None else None, upstream_def
        )
    # Keys outside the definition come as a second set; ignoring it would lose them in silence.
    return UpstreamKeys(
        tuple(result.partitions_subset.get_partition_keys()),
        tuple(result.required_but_nonexistent_partition_keys),
    )
