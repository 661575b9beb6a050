"""Is a second run into the same store without effect? An append or a lost neighbour is found."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg

from prefect_compat.comparison.judging.findings import Difference, Finding
from prefect_compat.comparison.judging.outputs import judge_outputs
from prefect_compat.comparison.record.files import store_folders
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.source import RunSource
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.partitions import dynamic_names
from prefect_compat.progress import Progress


def rerun(
    source: RunSource, keys: Sequence[str], folder: Path, progress: Progress
) -> tuple[Finding, ...]:
    """Runs a side, and its last partition again into the same store; what that changed.

    `keys` are the partitions of the first run: more than one, or the store has no neighbour whose
    loss could be seen; none for a job without partitions. Raises ComparisonError if a run fails.
    """
    whole = f"{keys[0]}...{keys[-1]}" if len(keys) > 1 else (keys[0] if keys else None)
    work = replace(source.work, rounds=1, fault=None)
    first = source.of(replace(work, partition=whole), keys)
    last = source.of(replace(work, partition=keys[-1] if keys else None), keys[-1:])
    _run(first, folder, progress)
    before, sizes = _stored(first, folder, progress), _files(folder / source.name)
    _run(last, folder, progress)
    after, sizes_after = _stored(first, folder, progress), _files(folder / source.name)
    return tuple(_findings(source.name, before, after, sizes, sizes_after))


def rerun_keys(job: dg.JobDefinition, keys: Sequence[str] | None) -> tuple[str, ...]:
    """The partitions of the work; of a single one the partition before it too, if there is one.

    Dynamic partitions have no order, so none of them is before another.
    """
    if not keys:
        return ()
    if len(keys) > 1 or job.partitions_def is None or dynamic_names(job.partitions_def):
        return tuple(keys)
    known = list(job.partitions_def.get_partition_keys())
    place = known.index(keys[0]) if keys[0] in known else 0
    return (*known[max(place - 1, 0) : place], keys[0])


def _run(source: RunSource, folder: Path, progress: Progress) -> None:
    record = source.record(folder, progress)
    if record.error is not None:
        raise ComparisonError(f"{source.name} failed, so it was not run again: {record.error}")


def _stored(source: RunSource, folder: Path, progress: Progress) -> Record:
    record = source.stored(folder, progress)
    if not record.has_run:
        raise ComparisonError(f"{source.name}'s store cannot be read: {record.error}")
    return record


def _files(home: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for folder in store_folders(home)
        for path in folder.rglob("*")
        if path.is_file() and "compute_logs" not in path.parts
    }


def _findings(
    side: str, before: Record, after: Record, files: set[str], files_after: set[str]
) -> Iterator[Finding]:
    _, findings = judge_outputs(before.outputs, after.outputs)
    for finding in findings:
        yield Finding(
            Difference.RERUN,
            f"{finding.place} under {side}",
            finding.left,
            finding.right,
            sides=("the first run", "the second run"),
        )
    lost = sorted(files - files_after)
    for name in lost[:3]:
        yield Finding(
            Difference.RERUN,
            f"file {name} under {side}",
            "it",
            "nothing",
            sides=("the first run", "the second run"),
        )
