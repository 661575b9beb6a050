"""A project as a user of the wheel has it; it is copied out of the checkout before it is loaded."""

import json
import os
from pathlib import Path
from typing import Any

import dagster as dg

DAYS = dg.DailyPartitionsDefinition(start_date="2016-05-01", end_date="2016-06-01")


class Documents(dg.ConfigurableIOManager):
    """Stores each partition of an asset as a JSON file."""

    root: str

    def path(self, context: Any) -> Path:
        return Path(self.root, *context.asset_key.path, f"{context.partition_key}.json")

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        self.path(context).parent.mkdir(parents=True, exist_ok=True)
        self.path(context).write_text(json.dumps(obj))

    def load_input(self, context: dg.InputContext) -> Any:
        return json.loads(self.path(context).read_text())


class Tables(Documents):
    """The same for frames, as CSV files."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        self.path(context).parent.mkdir(parents=True, exist_ok=True)
        obj.to_csv(self.path(context), index=False)

    def load_input(self, context: dg.InputContext) -> Any:
        import pandas as pd

        return pd.read_csv(self.path(context))


@dg.asset(partitions_def=DAYS)
def numbers(context: dg.AssetExecutionContext) -> list[Any]:
    return [1, 2.5, context.partition_key]


@dg.asset(partitions_def=DAYS)
def total(numbers: list[Any]) -> dict[str, Any]:
    # A planted difference: the process that makes it.
    return {"sum": sum(numbers[:2]), "by": os.getpid() if os.environ.get("PLANTED") else 0}


@dg.asset(partitions_def=DAYS, io_manager_key="tables")
def table(numbers: list[Any]) -> Any:
    import pandas as pd

    return pd.DataFrame({"text": ["a", None], "number": numbers[:2]})


defs = dg.Definitions(
    [numbers, total, table],
    jobs=[
        dg.define_asset_job("documents", selection=[numbers, total]),
        dg.define_asset_job("tables", selection=[numbers, table]),
    ],
    resources={
        "io_manager": Documents(root=dg.EnvVar("MY_STORE")),
        "tables": Tables(root=dg.EnvVar("MY_STORE")),
    },
)
