"""An IO manager that stores each product in one file, named by a template."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd


class TemplatedIOManager(dg.ConfigurableIOManager):
    """Stores tables as Parquet and everything else as JSON, in the folder `store`.

    In `template`, `{date}` is the day of writing in UTC and `{asset}` the asset's key; a partition
    is a file below that name. A job that loads a product on another day takes the newest file.
    """

    store: str
    template: str = "{date}/{asset}"

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        path = Path(self.store, self._name(context, f"{datetime.now(UTC):%Y-%m-%d}"))
        path.parent.mkdir(parents=True, exist_ok=True)
        is_table = isinstance(obj, pd.DataFrame)
        path = path.with_name(f"{path.name}.{'parquet' if is_table else 'json'}")
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        if is_table:
            obj.to_parquet(unfinished, index=False)
        else:
            unfinished.write_text(json.dumps(obj, indent=2), encoding="utf-8")
        unfinished.replace(path)
        context.add_output_metadata({"path": dg.MetadataValue.path(str(path))})

    def load_input(self, context: dg.InputContext) -> Any:
        pattern = self._name(context, "*")
        files = sorted(Path(self.store).glob(f"{pattern}.*"))
        if not files:
            raise dg.Failure(
                f"{self.store} has no {pattern}. Materialize"
                f" {context.asset_key.to_user_string()} first.",
                allow_retries=False,
            )
        if files[-1].suffix == ".parquet":
            return pd.read_parquet(files[-1])
        return json.loads(files[-1].read_text(encoding="utf-8"))

    def _name(self, context: dg.OutputContext | dg.InputContext, date: str) -> str:
        name = self.template.format(date=date, asset="_".join(context.asset_key.path))
        return f"{name}/{context.asset_partition_key}" if context.has_asset_partitions else name
