"""Partition text to keys, and keys to the upstream keys that a step reads."""

from collections.abc import Iterator, Mapping
from itertools import chain

import dagster as dg

from prefect_compat.engine.dagster_port.definitions import tags_of_run
from prefect_compat.errors import PartitionError

RANGE = "..."
ALL = "*"
# The keys of dynamic partitions, by the name under which an instance keeps them.
DynamicKeys = tuple[tuple[str, tuple[str, ...]], ...]
PARTITION = "partition"  # the name of a flow's parameter


def run_keys(
    job: dg.JobDefinition, text: str | None, instance: dg.DagsterInstance | None = None
) -> tuple[str, ...] | None:
    """The partition keys that a run covers; None if the job has no partitions.

    The instance knows the keys of dynamic partitions. Raises PartitionError if a partition is
    missing, or given to a job without partitions.
    """
    if job.partitions_def is None:
        if text is not None:
            raise PartitionError(f"{job.name} has no partitions; do not pass '{text}'.")
        return None
    if text is None:
        raise missing_partition(job.name, job.partitions_def)
    if instance is None and dynamic_names(job.partitions_def):
        raise PartitionError(
            f"The partitions of {job.name} are dynamic: their keys are kept in a Dagster instance."
            " Set DAGSTER_HOME to its home; in Python pass it as report_to."
        )
    # Dagster asks this context's instance for dynamic keys, and raises CheckError without one.
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        return parse_partition(text, job.partitions_def)


def missing_partition(
    name: str, partitions_def: dg.PartitionsDefinition | None = None
) -> PartitionError:
    """The error of a call without the partition that the job or flow of this name needs."""
    known = ""
    if partitions_def is not None and not dynamic_names(partitions_def):
        first = partitions_def.get_first_partition_key()
        last = partitions_def.get_last_partition_key()
        known = f" Its keys go from {first} to {last}." if last else ""
    return PartitionError(
        f"{name} is partitioned: pass --partition KEY, --partition-range A{RANGE}B or"
        f' --all-partitions; in Python {PARTITION}="KEY".{known}'
    )


def partition_help(job: dg.JobDefinition, instance: dg.DagsterInstance | None = None) -> str:
    """The text that `run_keys` accepts for this job."""
    example = ""
    if job.partitions_def and (instance is not None or not dynamic_names(job.partitions_def)):
        with dg.partition_loading_context(dynamic_partitions_store=instance):
            first = job.partitions_def.get_first_partition_key()
        example = f" such as {first}" if first else ""
    return f"A key{example}, a range FIRST{RANGE}LAST, or {ALL} for every key."


def dynamic_names(partitions_def: dg.PartitionsDefinition | None) -> tuple[str, ...]:
    """The names under which an instance keeps the keys; none if they are not dynamic."""
    if isinstance(partitions_def, dg.MultiPartitionsDefinition):
        dimensions = (dynamic_names(d.partitions_def) for d in partitions_def.partitions_defs)
        return tuple(chain.from_iterable(dimensions))
    if isinstance(partitions_def, dg.DynamicPartitionsDefinition):
        return (partitions_def.name or "",)
    return ()


def run_tags(
    job: dg.JobDefinition,
    keys: tuple[str, ...] | None,
    tags: Mapping[str, str] | None,
    instance: dg.DagsterInstance,
) -> dict[str, str]:
    """The run tags that Dagster's own commands set for the same partitions."""
    if keys is None or len(keys) == 1:
        key = keys[0] if keys else None
        return tags_of_run(job, key, tags, instance)
    return {
        **job.run_tags,
        **(tags or {}),
        "dagster/asset_partition_range_start": keys[0],
        "dagster/asset_partition_range_end": keys[-1],
    }


def parse_partition(text: str, partitions_def: dg.PartitionsDefinition) -> tuple[str, ...]:
    """The keys of `2016-05-10`, or of `2016-05-01...2016-05-31`, both ends included, or all (`*`).

    Raises PartitionError for an unknown key or a malformed or reversed range.
    """
    known = partitions_def.get_partition_keys()
    if not known:
        raise PartitionError(
            f"Partition '{text}' does not exist: there is none yet. Add it to the Dagster instance."
        )
    # Keys come first: a static partition may itself be called `*`.
    if text in known:
        return (text,)
    if text == ALL:
        return tuple(known)
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


def chunks(keys: tuple[str, ...], limit: int | None) -> Iterator[tuple[str, ...]]:
    """Yields the keys of each run, at most `limit` of them; all in one run without a limit."""
    size = limit or len(keys)
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
