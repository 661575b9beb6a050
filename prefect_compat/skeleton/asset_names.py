"""The names of assets: those under which the comparison finds their tasks."""

import keyword
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from prefect_compat.comparison.sources.candidate_steps import numbered
from prefect_compat.comparison.sources.matching import spelled
from prefect_compat.errors import SkeletonError

# Dagster refuses them as names of assets, beside Python's keywords.
REFUSED = frozenset(
    {
        *("context", "conf", "config", "meta", "type", "input", "output"),
        *("arg_dict", "dict", "input_arg_dict", "output_arg_dict"),
        *("int", "str", "float", "bool"),
    }
)
VALID = re.compile("[a-z0-9_]+")
# Names that the written module has for something else.
TAKEN = frozenset({"Any", "context", "defs", "dg", "disable_run_logger", "dt"})


@dataclass(frozen=True)
class AssetName:
    """The name of an asset: `task` is what the comparison calls its task run, `identifier` the name
    of its function and of the parameters that take it."""

    task: str
    asset: str
    identifier: str

    @property
    def is_matched(self) -> bool:
        """True if the comparison matches the task with the asset without being told."""
        return spelled(self.task) == spelled(self.asset)


def asset_names(tasks: Sequence[str]) -> tuple[AssetName, ...]:
    """The name for each task run, in their order. Runs of one task are numbered.

    Raises SkeletonError if two tasks have one name in Dagster's letters.
    """
    totals, counts = Counter(tasks), Counter[str]()
    names = []
    for task in tasks:
        counts[task] += 1
        names.append(_named(numbered(task, counts[task]) if totals[task] > 1 else task))
    _validate(names)
    return tuple(names)


def _named(task: str) -> AssetName:
    asset = spelled(task)
    if not VALID.fullmatch(asset):
        asset = re.sub("[^a-z0-9]+", "_", asset).strip("_") or "task"
    if asset in REFUSED or keyword.iskeyword(asset):
        asset += "_asset"
    identifier = f"_{asset}" if asset[0].isdigit() else asset
    return AssetName(task, asset, f"{identifier}_" if identifier in TAKEN else identifier)


def _validate(names: Sequence[AssetName]) -> None:
    by_asset: dict[str, list[str]] = {}
    for name in names:
        by_asset.setdefault(name.asset, []).append(name.task)
    for asset, tasks in by_asset.items():
        if len(tasks) > 1:
            raise SkeletonError(
                f"The tasks {' and '.join(map(repr, tasks))} would both be the asset {asset}."
                " Rename one of them: @task(name=…)."
            )
