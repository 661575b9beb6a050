"""A small project of which every detail can be changed: what a comparison is tried on.

Eight assets over days: a log, a seeded sample of it, a forecast from the day before, a score with
metadata, a document, one that fails at first, one that stores nothing, and one that is a graph of
ops; a blocking and a warning check; an observation, and a ledger kept elsewhere.
"""

import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from tests import needs

DAYS = dg.DailyPartitionsDefinition(start_date="2016-05-01", end_date="2016-05-04")
JOB = "shop"


class Files(dg.ConfigurableIOManager):
    """Pickled files, so that what is stored is what was returned."""

    root: str
    forgets: str = ""

    def _path(self, context: Any, key: str) -> Path:
        return Path(self.root, *context.asset_key.path, key)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        for key in context.asset_partition_keys:
            if context.asset_key.path[-1] == self.forgets:
                return
            path = self._path(context, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            pd.to_pickle(obj, path)

    def load_input(self, context: dg.InputContext) -> Any:
        found = {
            key: pd.read_pickle(self._path(context, key))
            for key in context.asset_partition_keys
            if self._path(context, key).exists() or context.asset_key.path[-1] == self.forgets
        }
        return next(iter(found.values())) if len(found) == 1 else found


def same(value: Any) -> Any:
    return value


@dataclass
class Payment:
    euro: int


class LatePayment(Payment):
    """A payment with an annotated attribute that is no dataclass field."""

    days: int = 0


@dataclass
class Basket(dict[str, int]):
    owner: str

    def __reduce__(self) -> Any:
        return Basket, (self.owner,), None, None, iter(self.items())


class Shelf(namedtuple("Shelf", "row column")):
    label: str = ""


def records() -> dict[str, Any]:
    """Records that carry something besides their fields."""
    late, basket, shelf = LatePayment(5), Basket("a customer"), Shelf(1, 2)
    late.days = 3
    basket["pen"] = 2
    shelf.label = "pens"
    return {"paid": Payment(5), "late": late, "basket": basket, "shelf": shelf}


@dataclass(frozen=True)
class Shop:
    """One way to build the project; each field is something that could be otherwise."""

    factor: float = 2.0
    rows: int = 50
    seed: Callable[[], Any] = lambda: 7
    log: Callable[[pd.DataFrame], Any] = same
    sample: Callable[[pd.DataFrame], Any] = same
    document: Callable[[dict[str, Any]], Any] = same
    mapping: dg.PartitionMapping = field(
        default_factory=lambda: dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
    )
    score_reads: tuple[str, ...] = ("forecast",)
    extra: bool = False
    lacks: str = ""
    limit: int = 1000
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN
    blocks: bool = True
    rows_checked: int = 1
    has_check: bool = True
    metadata: Callable[[], dict[str, Any]] = lambda: {"rows": 50, "unit": "euro"}
    data_version: str = "v1"
    fails: int = 1
    swallows: bool = False
    retries: int = 2
    delay_s: float = 0.0
    skips: bool = False
    forgets: str = ""
    before: Callable[[], Any] = lambda: None
    described: str = "the log"
    checked: str = "fewer rows than the limit"
    tags: tuple[tuple[str, str], ...] = (("tier", "1"),)
    observed: tuple[int, ...] = (3,)
    ledger: str = "two pages"
    adds: tuple[str, ...] = ("red",)
    error: type[Exception] = ValueError
    leaves: str = ""
    receipts: int = 1
    parts: Callable[[Any], Any] = same


def build(root: Path, shop: Shop) -> dg.Definitions:
    """The project as the shop says, stored below `root`."""
    tries: dict[str, int] = {}

    @dg.asset(partitions_def=DAYS, description=shop.described, group_name="shop")
    def log(context: dg.AssetExecutionContext) -> Any:
        shop.before()
        for orders in shop.observed:
            context.log_event(dg.AssetObservation("supplier", metadata={"orders": orders}))
        context.log_event(dg.AssetMaterialization("ledger", description=shop.ledger))
        context.instance.add_dynamic_partitions("colours", list(shop.adds))
        if shop.leaves:
            root.mkdir(parents=True, exist_ok=True)
            (root / shop.leaves).write_text("left behind")
        day = pd.Timestamp(context.partition_key, tz="UTC")
        numbers = np.random.default_rng(day.day)
        return shop.log(
            pd.DataFrame(
                {
                    "at": day + pd.to_timedelta(np.arange(shop.rows), unit="min"),
                    "amount": numbers.integers(1, 100, shop.rows),
                    "price": numbers.random(shop.rows).round(3),
                    "kind": pd.Categorical(numbers.choice(["a", "b"], shop.rows), ["a", "b"]),
                    "note": numbers.choice(["x", "y z"], shop.rows),
                }
            )
        )

    @dg.asset(partitions_def=DAYS)
    def sampled(log: pd.DataFrame) -> Any:
        chosen = np.random.default_rng(shop.seed()).choice(len(log), 10, replace=False)
        return shop.sample(log.iloc[np.sort(chosen)].reset_index(drop=True))

    @dg.asset(
        partitions_def=DAYS,
        ins={"sampled": dg.AssetIn(partition_mapping=shop.mapping)},
    )
    def forecast(sampled: Any) -> float:
        return shop.factor * float(sampled["price"].mean() if len(sampled) else 1)

    @dg.asset(partitions_def=DAYS, deps=[name for name in shop.score_reads if name != "forecast"])
    def score(forecast: float) -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(
            value=np.array([forecast, forecast**2]),
            metadata=shop.metadata(),
            data_version=dg.DataVersion(shop.data_version),
            tags=dict(shop.tags),
        )

    @dg.asset(partitions_def=DAYS, output_required=not shop.skips)
    def document(score: Any) -> Any:
        if not shop.skips:
            mean = float(score[0])
            yield dg.Output(
                shop.document({"id": 1, "score": {"mean": mean, "n": 2}, "records": records()})
            )

    @dg.asset(
        partitions_def=DAYS,
        retry_policy=dg.RetryPolicy(max_retries=shop.retries, delay=shop.delay_s),
    )
    def unsteady(context: dg.AssetExecutionContext, log: pd.DataFrame) -> int:
        tries[context.run.run_id] = tries.get(context.run.run_id, 0) + 1
        if tries[context.run.run_id] <= shop.fails and not shop.swallows:
            raise shop.error("not yet")
        return len(log)

    @dg.asset(partitions_def=DAYS)
    def receipt(context: dg.AssetExecutionContext, score: Any) -> None:
        context.add_asset_metadata({"receipts": shop.receipts})

    @dg.op(out=dg.DynamicOut(io_manager_key="steps"))
    def parts(log: pd.DataFrame) -> Iterator[dg.DynamicOutput[Any]]:
        for kind in "ab":
            yield dg.DynamicOutput(shop.parts(int((log["kind"] == kind).sum())), mapping_key=kind)

    @dg.op(out=dg.Out(io_manager_key="steps"))
    def half(part: Any) -> Any:
        return part // 2

    @dg.op
    def counted(halves: list[Any]) -> int:
        return len(halves)

    @dg.graph_asset(partitions_def=DAYS)
    def kinds(log: pd.DataFrame) -> Any:
        return counted(parts(log).map(half).collect())

    @dg.asset(partitions_def=DAYS)
    def surplus(log: pd.DataFrame) -> int:
        return 1

    @dg.asset_check(asset=log, blocking=shop.blocks, **needs.check_partitions(DAYS))
    def has_rows(log: pd.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=len(log) >= shop.rows_checked)

    @dg.asset_check(asset=log, **needs.check_partitions(DAYS))
    def is_small(log: pd.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(
            passed=len(log) < shop.limit, severity=shop.severity, description=shop.checked
        )

    assets = [log, sampled, forecast, score, document, unsteady, receipt, kinds]
    if shop.extra:
        assets.append(surplus)
    return dg.Definitions(
        [asset for asset in assets if asset.key.path[-1] != shop.lacks],
        asset_checks=[has_rows, *([is_small] if shop.has_check else [])],
        jobs=[dg.define_asset_job(JOB)],
        resources={
            "io_manager": Files(root=str(root), forgets=shop.forgets),
            "steps": dg.FilesystemIOManager(base_dir=str(root)),
        },
    )


def slowly() -> None:
    time.sleep(0.05)
