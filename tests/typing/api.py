"""The public API as a user would write it; only type-checked."""

from pathlib import Path

import dagster as dg
import prefect
from prefect.task_runners import ThreadPoolTaskRunner

import prefect_compat
from prefect_compat import (
    ComparisonError,
    ConfigError,
    DefinitionError,
    PartitionError,
    PrefectCompatError,
    ServerError,
    StepError,
    as_flow,
    compare,
    execute_in_process,
    explain,
    materialize,
    materialize_to_memory,
    register_fingerprint,
)
from prefect_compat.comparison.comparison import Comparison
from prefect_compat.flow.parameters import read_run_config
from prefect_compat.flow.result import FlowResult
from prefect_compat.graph.features import Explanation
from prefect_compat.graph.ids import StepId
from prefect_compat.graph.job import read_plan, resolve_job
from prefect_compat.graph.plan import Plan
from prefect_compat.lineage.graph import Lineage, read_lineage
from ticket_assets.definitions import build_definitions
from ticket_assets.settings import Settings


@dg.asset
def answer() -> int:
    return 42


defs: dg.Definitions = dg.Definitions([answer], jobs=[dg.define_asset_job("answers")])
version: str = prefect_compat.__version__

# The flow.
flow: prefect.Flow[..., FlowResult] = as_flow(
    defs,
    job="answers",
    run_config=read_run_config("run_config.yaml"),
    task_runner=ThreadPoolTaskRunner(max_workers=4),
)
selected: prefect.Flow[..., FlowResult] = as_flow(defs, selection="+answer", caches_results=True)
result: FlowResult = flow(partition="2016-03-08")
labels: list[str] = [made.output.label for made in result.materializations]
passed: bool = all(check.passed for check in result.checks)
steps: list[StepId] = [step.step for step in result.steps]

# The graph.
explanations: tuple[Explanation, ...] = explain(defs)
treatments: list[str] = [entry.feature.treatment for entry in explanations]
plan: Plan = read_plan(resolve_job(defs, "answers"))
lineage: Lineage = read_lineage(resolve_job(defs, "answers"))

# The drop-ins.
made: dg.ExecuteInProcessResult = materialize([answer], partition_key="2016-03-08")
in_memory: dg.ExecuteInProcessResult = materialize_to_memory([answer], resources={"x": 1})
executed: dg.ExecuteInProcessResult = execute_in_process(
    resolve_job(defs, "answers"), run_config={}, raise_on_error=False
)

# The comparison.
comparison: Comparison = compare(
    defs,
    job="answers",
    store_env=["MY_STORE"],
    partition="2016-03-08",
    run_config={"ops": {}},
    fail="answer:1",
    repeat=2,
    keep=Path("kept"),
    log=print,
)
holds: bool = comparison.verdict.holds
differences: list[str] = [str(finding) for finding in comparison.verdict.findings]


class Weights:
    """A class of the user's own."""

    values: list[float]


register_fingerprint(Weights, lambda weights: weights.values)

# The errors.
errors: list[type[PrefectCompatError]] = [
    ComparisonError,
    ConfigError,
    DefinitionError,
    PartitionError,
    ServerError,
    StepError,
]

# The tickets.
settings: Settings = Settings.from_environment({"TICKET_EVENT_LOG": "uci"})
tickets: dg.Definitions = build_definitions(settings)
