"""Tables as CSV files."""

import os
from pathlib import Path

import dagster as dg
import pandas as pd


class CsvFiles(dg.ConfigurableIOManager):
    """Stores each table as `asset/partition.csv`; several partitions are loaded by their keys."""

    base_dir: str = "tables"

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        path = self._path(context, context.partition_key)
        path.parent.mkdir(parents=True, exist_ok=True)
        obj.to_csv(path, index=False)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame | dict[str, pd.DataFrame]:
        keys = context.asset_partition_keys
        tables = {key: pd.read_csv(self._path(context, key)) for key in keys}
        return tables if len(tables) > 1 else tables[keys[0]]

    def _path(self, context: dg.OutputContext | dg.InputContext, key: str) -> Path:
        base = os.environ.get("BAKERY_STORE", self.base_dir)
        return Path(base, *context.asset_key.path, f"{key}.csv")
