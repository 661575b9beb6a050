"""Small Dagster projects for the tests, kept in a store of files that a test can look at."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

INNER = "between-ops"
DAYS = dg.DailyPartitionsDefinition(start_date="2016-05-01", end_date="2016-06-01")
DAILY: dict[str, Any] = {
    "partitions_def": DAYS,
    "backfill_policy": dg.BackfillPolicy.single_run(),
}


class JsonStore(dg.ConfigurableIOManager):
    """`<root>/<asset>[/<day>].json`; the value of several days is a mapping by day."""

    root: str

    def _path(self, key: dg.AssetKey, partition: str | None) -> Path:
        return Path(self.root, *key.path, *([partition] if partition else [])).with_suffix(".json")

    def _path_of_inner(self, context: dg.OutputContext) -> Path:
        """The file of a value between the ops of a graph, which is no asset."""
        return Path(self.root, INNER, *context.get_identifier()).with_suffix(".json")

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        if not context.has_asset_key:
            path = self._path_of_inner(context)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(obj))
            return
        keys: Sequence[str | None] = (
            context.asset_partition_keys if context.has_asset_partitions else [None]
        )
        for key in keys:
            path = self._path(context.asset_key, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(obj[key] if len(keys) > 1 else obj))
        context.add_output_metadata({"written": len(keys)})

    def load_input(self, context: dg.InputContext) -> Any:
        if not context.has_asset_key:
            assert context.upstream_output is not None
            return json.loads(self._path_of_inner(context.upstream_output).read_text())
        if not context.has_asset_partitions:
            return json.loads(self._path(context.asset_key, None).read_text())
        found = {
            key: json.loads(self._path(context.asset_key, key).read_text())
            for key in context.asset_partition_keys
        }
        return found if len(found) > 1 else next(iter(found.values()))


def project(
    root: Path, assets: Sequence[Any], checks: Sequence[Any] = (), **resources: Any
) -> dg.Definitions:
    """Definitions with one job, `the_job`, of all that can be executed."""
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=[dg.define_asset_job("the_job", selection=dg.AssetSelection.all())],
        resources={"io_manager": JsonStore(root=str(root)), **resources},
    )


def stored(root: Path) -> dict[str, Any]:
    """Every value in the store by its path."""
    return {
        str(path.relative_to(root).with_suffix("")): json.loads(path.read_text())
        for path in sorted(root.rglob("*.json"))
        if INNER not in path.parts
    }
