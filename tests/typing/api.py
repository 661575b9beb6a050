"""The public API as a user would write it; only type-checked."""

import dagster as dg
import prefect
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_compat import as_flow
from prefect_compat.flow.parameters import read_run_config
from prefect_compat.flow.result import FlowResult
from ticket_assets.definitions import build_definitions
from ticket_assets.settings import Settings


@dg.asset
def answer() -> int:
    return 42


defs: dg.Definitions = dg.Definitions([answer], jobs=[dg.define_asset_job("answers")])
flow: prefect.Flow[..., FlowResult] = as_flow(
    defs,
    job="answers",
    run_config=read_run_config("run_config.yaml"),
    task_runner=ThreadPoolTaskRunner(max_workers=4),
)
result: FlowResult = flow(partition="2016-03-08")
labels: list[str] = [made.output.label for made in result.materializations]
passed: bool = all(check.passed for check in result.checks)

settings: Settings = Settings.from_environment({"TICKET_EVENT_LOG": "uci"})
tickets: dg.Definitions = build_definitions(settings)
