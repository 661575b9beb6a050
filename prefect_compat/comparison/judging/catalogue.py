"""Compares what the runs left behind: catalogue counts, dynamic partitions, files."""

from collections import Counter
from collections.abc import Iterator, Sequence

from prefect_compat.comparison.judging.findings import ABSENT, Difference, Finding
from prefect_compat.comparison.record.files import asset_files
from prefect_compat.comparison.record.record import Pairs, Record
from prefect_compat.graph.ids import OutputId

SHOWN_FILES = 3


def judge_dynamic_partitions(left: Pairs, right: Pairs) -> Iterator[Finding]:
    """Yields the definitions whose keys only one side added or deleted."""
    mine, other = Counter(left), Counter(right)
    for name in sorted({name for name, _ in (*left, *right)}):
        sides = [
            ", ".join(change for owner, change in sorted(side.elements()) if owner == name)
            for side in (mine - other, other - mine)
        ]
        if any(sides):
            yield Finding(Difference.DYNAMIC_PARTITIONS, name, *(text or ABSENT for text in sides))


def judge_catalogues(first: Record, second: Record) -> Iterator[Finding]:
    """Compares the counts of materialized partitions in each orchestrator's own catalogue.

    An asset in a catalogue without a single output read back is a finding too: equal counts do
    not show equal content.
    """
    left, right = (dict(side.materialized) for side in (first, second))
    read = {entry.output.group for side in (first, second) for entry in side.outputs}
    for asset in sorted({*left, *right}):
        counts = [f"{side.get(asset, 0)} materialized" for side in (left, right)]
        if asset not in read:
            counts = [f"{count}, none read" for count in counts]
        if counts[0] != counts[1] or asset not in read:
            yield Finding(Difference.CATALOGUE, asset, *counts)


def judge_files(first: Record, second: Record, *, of_assets: bool = False) -> Iterator[Finding]:
    """Yields the files that only one side's store has, by folder.

    With `of_assets`, only files that are named after an asset count.
    """
    outputs = [entry.output for side in (first, second) for entry in side.outputs]
    assets = [output.asset_key for output in outputs if isinstance(output, OutputId)]
    parts = {part for key in assets for part in key}
    left, right = first.files, second.files
    if of_assets:
        left, right = (
            tuple(asset_files(left, right, parts)),
            tuple(asset_files(right, left, parts)),
        )
    mine, other = Counter(left), Counter(right)
    # Counters and not sets: names repeat where `…` stands for a random part.
    sides = [_by_folder(one - two) for one, two in ((mine, other), (other, mine))]
    for folder in sorted({*sides[0], *sides[1]}):
        names = (_listed(side.get(folder, [])) for side in sides)
        yield Finding(Difference.FILES, folder or "the store", *names)


def _by_folder(files: "Counter[str]") -> dict[str, list[str]]:
    folders: dict[str, list[str]] = {}
    for path in sorted(files.elements()):
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(name)
    return folders


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_FILES
    return (", ".join(names[:SHOWN_FILES]) or ABSENT) + (f" and {more} more" if more > 0 else "")
