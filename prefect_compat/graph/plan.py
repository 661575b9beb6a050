"""The graph of a Dagster job as plain, frozen data: what runs, on what, after what.

Lineage, flow and comparison take their facts about the graph from the `Plan`. They use Dagster's
objects only to run a step, to check configuration and to load a value.
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from prefect_compat.graph.ids import CheckId, StepId

AssetPath = tuple[str, ...]
# The op tag that Dagster's executors read.
PRIORITY_TAG = "dagster/priority"


@dataclass(frozen=True)
class Input:
    """An input of a step: a value, or (`is_value` False) only a dependency.

    `asset_key` is None for an input of an inner op, which has no asset of its own.
    """

    name: str
    asset_key: AssetPath | None
    is_value: bool
    partition_mapping: str | None


@dataclass(frozen=True)
class Output:
    """An output of a step: an asset, a check's result, or a value for another op (neither).

    `is_blocking` is True for the result of a check that stops what is downstream if it fails.
    """

    name: str
    asset_key: AssetPath | None
    check_key: CheckId | None
    is_required: bool
    is_dynamic: bool
    is_blocking: bool = False


@dataclass(frozen=True)
class Retry:
    """Retries of a failed step: one delay in seconds for each, before the jitter."""

    delays_s: tuple[float, ...]
    jitter: str | None = None


StepKind = Literal["plain", "mapped", "collected"]


@dataclass(frozen=True)
class Step:
    """One op of the job. A `mapped` step runs once for each dynamic output upstream.

    `owner_keys` are the assets that the step works for: those of the multi-asset or graph-backed
    asset that it is part of. An op outside of any asset has none, and `is_of_assets` is False;
    the step of a check has none either.
    """

    name: str
    node: tuple[str, ...]
    kind: StepKind
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    config_model: str | None
    resource_keys: tuple[str, ...]
    retry: Retry
    partitions: str | None
    partitions_per_run: int | None
    tags: tuple[tuple[str, str], ...]
    pool: str | None
    description: str | None
    is_of_assets: bool = False
    owner_keys: tuple[AssetPath, ...] = ()

    @property
    def priority(self) -> int:
        """Dagster's in-process executor starts ready steps of a higher priority first."""
        return int(dict(self.tags).get(PRIORITY_TAG, 0))

    @property
    def label(self) -> str:
        """The name, and `[?]` in place of the mapping keys of a mapped step, for people."""
        return f"{self.name}[?]" if self.kind == "mapped" else self.name

    @property
    def asset_keys(self) -> tuple[AssetPath, ...]:
        return tuple(entry.asset_key for entry in self.outputs if entry.asset_key is not None)

    @property
    def check_keys(self) -> tuple[CheckId, ...]:
        return tuple(entry.check_key for entry in self.outputs if entry.check_key is not None)

    @property
    def is_dynamic(self) -> bool:
        return any(entry.is_dynamic for entry in self.outputs)


EdgeKind = Literal["value", "order"]


@dataclass(frozen=True)
class Edge:
    """`downstream` starts after `upstream`: to read its output, or for the order alone."""

    upstream: str
    downstream: str
    kind: EdgeKind
    input_name: str


@dataclass(frozen=True)
class Dependency:
    """A step that another waits for in a run, where mapping keys are known."""

    upstream: StepId
    kind: EdgeKind
    input_name: str


@dataclass(frozen=True)
class Column:
    """A column that the definition declares (`dagster/column_schema`)."""

    name: str
    type: str
    description: str | None


@dataclass(frozen=True, order=True)
class ColumnDep:
    """A column made from another asset's column (`dagster/column_lineage`)."""

    column: str
    upstream: AssetPath
    upstream_column: str


@dataclass(frozen=True)
class UpstreamAsset:
    """An asset that another is made from, and how its partitions map to the other's."""

    asset_key: AssetPath
    partition_mapping: str | None


@dataclass(frozen=True)
class Asset:
    """An asset that the job makes (`is_made`), or one that it reads or checks.

    `partitions` is Dagster's description of the partitions, for people.
    """

    key: AssetPath
    is_made: bool
    group: str | None = None
    description: str | None = None
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    partitions: str | None = None
    code_version: str | None = None
    upstream: tuple[UpstreamAsset, ...] = ()
    columns: tuple[Column, ...] = ()
    column_deps: tuple[ColumnDep, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A job's graph; steps and assets in an order in which they can be made.

    `external_keys` are assets that it reads and does not make. `start_order` has the names of the
    steps in the order in which Dagster's in-process executor starts them. `partitions` is Dagster's
    description of the job's own partitions, those of its assets or of its configuration.
    """

    name: str
    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]
    external_keys: tuple[AssetPath, ...]
    assets: tuple[Asset, ...] = ()
    start_order: tuple[str, ...] = ()
    partitions: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The graph as plain values; the order of independent steps is no part of it."""
        return {name: value for name, value in asdict(self).items() if name != "start_order"}

    @property
    def digest(self) -> str:
        """A sha256 that is the same for the same graph in any process and on any machine."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def step(self, name: str) -> Step:
        """The step of that name. Raises KeyError for another."""
        return self._steps_by_name[name]

    def asset(self, key: AssetPath) -> Asset:
        """The asset of that key. Raises KeyError for another."""
        return self._assets_by_key[key]

    def upstream_of(self, name: str) -> tuple[Edge, ...]:
        """The edges that end at this step."""
        return self._edges_by_downstream.get(name, ())

    @property
    def is_partitioned(self) -> bool:
        return self.partitions is not None

    @property
    def partitions_per_run(self) -> int | None:
        """The number of partitions that one run can cover; None for any number."""
        limits = [step.partitions_per_run for step in self.steps if step.partitions is not None]
        if self.is_partitioned and not limits:
            return 1  # a job of ops: its configuration is that of one partition
        known = [limit for limit in limits if limit is not None]
        return min(known, default=None)

    # `cached_property` writes to the instance's dict, past the frozen `__setattr__`. Being no
    # fields, the caches take no part in equality or `as_dict`.
    @cached_property
    def _steps_by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}

    @cached_property
    def _assets_by_key(self) -> dict[AssetPath, Asset]:
        return {asset.key: asset for asset in self.assets}

    @cached_property
    def _edges_by_downstream(self) -> dict[str, tuple[Edge, ...]]:
        edges: dict[str, list[Edge]] = defaultdict(list)
        for edge in self.edges:
            edges[edge.downstream].append(edge)
        return {name: tuple(entries) for name, entries in edges.items()}
