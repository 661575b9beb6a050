"""A step as a Prefect task."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any

import dagster as dg
import prefect
from prefect.assets import Asset, AssetProperties
from prefect.cache_policies import NO_CACHE
from prefect.concurrency.sync import concurrency
from prefect.context import TaskRunContext
from prefect.states import Cancelled, Completed
from prefect.tasks import MaterializingTask

from prefect_compat.artifacts import create_artifacts
from prefect_compat.caching import cache_key
from prefect_compat.handle import ExecutionHandle
from prefect_compat.invocation import StepResult, TryAgain, run_step
from prefect_compat.parameters import parameter, set_signature
from prefect_compat.plan import Step

DYNAMIC = "dynamic_outputs"
INNER = "/"


def step_of(task_key: str) -> str:
    """The step whose task has this key in Prefect: the inverse of what `step_task` gives it."""
    return task_key.rpartition("-")[0].replace(INNER, ".")


@dataclass(frozen=True)
class TaskOptions:
    """What Prefect can do for a step beyond what Dagster does; both are opt-in.

    `caches_results`: a step whose code version, configuration, partitions and upstream data
    versions are those of an earlier run is not run again. `makes_artifacts`: markdown, table, JSON
    and URL metadata are shown as artifacts.
    """

    caches_results: bool = False
    makes_artifacts: bool = False


def step_task(
    handle: ExecutionHandle,
    step: Step,
    key: str,
    inputs: tuple[str, ...],
    task_options: TaskOptions,
) -> prefect.Task[..., StepResult]:
    """The task of a step, or of one of the steps that a mapped step becomes (`key` tells which).

    What it takes from upstream tasks are their results, so that Prefect records the dependency;
    the values themselves go through the IO managers. Retries are Prefect's: how often and after
    how long is what Dagster's policy, or the step's own code, has asked for.
    """
    attempts: list[str] = []
    keys: list[str | None] = [None]

    def run(**upstream: Any) -> Any:
        mappings = upstream.pop(DYNAMIC, {})
        execution = handle.open(chain.from_iterable(upstream.values()), mappings)
        if execution.request.stops_at_failure and execution.failures:
            return Cancelled(message="An earlier step failed.")
        attempts.append(key)
        with _slot(step.pool):
            try:
                result = run_step(execution, key, len(attempts) - 1)
            except TryAgain as again:
                _ask_for_retry(again)
                raise
        result.cache_key = keys[-1]
        if result.skipped:
            return Completed(name="Skipped", message="An input was not yielded.", data=result)
        _log_checks(result)
        if task_options.makes_artifacts:
            create_artifacts(result)
        for asset in assets:
            asset.add_metadata(_summary(result, asset.key))
        return result

    run.__name__ = key
    run.__qualname__ = key.replace(".", INNER)  # Prefect cuts a qualified name at its last dot
    set_signature(run, [parameter(name, Any) for name in inputs])
    options: dict[str, Any] = {
        "name": key,
        "description": step.description,
        "task_run_name": key,
        "tags": [f"{name}={value}" for name, value in step.tags],
        "retries": len(step.retry.delays_s),
        "retry_delay_seconds": list(step.retry.delays_s) or None,
        "retry_condition_fn": _asks_for_retry,
        "log_prints": True,
        # Unchanged inputs do not mean unchanged data: they are references.
        "cache_policy": NO_CACHE,
    }
    if task_options.caches_results:

        def key_of(context: Any, parameters: dict[str, Any]) -> str | None:
            values = dict(parameters)
            execution = handle.open((), values.pop(DYNAMIC, {}))
            keys.append(cache_key(execution, step, chain.from_iterable(values.values())))
            return keys[-1]

        del options["cache_policy"]
        options |= {"cache_key_fn": key_of, "persist_result": True}
    assets = [_asset(handle.job, asset_key) for asset_key in step.asset_keys]
    if assets:
        return MaterializingTask(run, assets=assets, materialized_by="dagster", **options)
    return prefect.Task(run, **options)


def _slot(pool: str | None) -> AbstractContextManager[None]:
    """A slot of the Prefect concurrency limit of the pool's name, where there is one."""
    return concurrency(pool) if pool else nullcontext()


def _ask_for_retry(again: TryAgain) -> None:
    """Dagster has settled that there is another attempt, and when: Prefect is told so."""
    context = TaskRunContext.get()
    assert context is not None  # a step runs in its task
    task: Any = context.task
    task.retries = max(task.retries, context.task_run.run_count)
    task.retry_delay_seconds = again.wait_s or None


def _asks_for_retry(task: Any, task_run: Any, state: prefect.State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), TryAgain)


def _log_checks(result: StepResult) -> None:
    logger = prefect.get_run_logger()
    for check in result.checks:
        level = logger.info if check.passed else logger.warning
        outcome = "passed" if check.passed else f"failed ({check.severity})"
        level("check %s %s: %s", check.check.name, outcome, check.description or "")


def asset_uri(path: tuple[str, ...]) -> str:
    """The asset's key in Prefect."""
    return "dagster://assets/" + "/".join(path)


def _asset(job: dg.JobDefinition, path: tuple[str, ...]) -> Asset:
    graph = job.asset_layer.asset_graph
    node = graph.get(dg.AssetKey(path))
    return Asset(
        key=asset_uri(path),
        properties=AssetProperties(
            name="/".join(path), description=node.description, owners=list(node.owners) or None
        ),
    )


def _summary(result: StepResult, uri: str) -> dict[str, Any]:
    """Asset metadata for Prefect: how many partitions, and of a single one its plain figures."""
    made = [m for m in result.materializations if asset_uri(m.output.asset_key) == uri]
    summary: dict[str, Any] = {"partitions": len(made)}
    if len(made) == 1:
        summary["data_version"] = made[0].data_version
        summary |= _plain(made[0].metadata)
    return summary


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: getattr(value, "value", value) for name, value in metadata.items()}
    return {name: v for name, v in values.items() if isinstance(v, (str, int, float, bool))}
