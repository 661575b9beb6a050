"""A step as a Prefect task."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import dagster as dg
import prefect
from prefect.assets import Asset, AssetProperties
from prefect.cache_policies import NO_CACHE
from prefect.concurrency.sync import concurrency
from prefect.context import TaskRunContext
from prefect.states import Cancelled, Completed
from prefect.tasks import MaterializingTask

from prefect_compat.engine.step import Materialization, StepResult, TryAgain, run_step
from prefect_compat.flow.artifacts import create_artifacts
from prefect_compat.flow.caching import cache_key
from prefect_compat.flow.parameters import parameter, set_signature
from prefect_compat.flow.run_handle import ExecutionHandle
from prefect_compat.graph.plan import Step

DYNAMIC = "dynamic_outputs"
INNER = "/"
ASSETS = "dagster://assets/"


def step_of(task_key: str) -> str:
    """The step whose task has this key in Prefect: the inverse of what `step_task` gives it."""
    return task_key.rpartition("-")[0].replace(INNER, ".")


@dataclass(frozen=True)
class TaskOptions:
    """What Prefect can do for a step beyond what Dagster does, each of it opt-in.

    `caches_results`: a step whose code version, configuration, partitions and upstream data
    versions are those of an earlier run is not run again. `makes_artifacts`: metadata is shown as
    artifacts. `leaves_process`: tasks run in other processes, to
    which the results of all that is upstream must be brought.
    """

    caches_results: bool = False
    makes_artifacts: bool = False
    leaves_process: bool = False


class StepTask(MaterializingTask[..., StepResult]):
    """The task of a step, or of one of the steps that a mapped step becomes (`key` tells which).

    It is made with the flow; each run takes a copy, which knows that run.

    What it takes from upstream tasks are their results, so that Prefect records the dependency;
    the values themselves go through the IO managers. Retries are Prefect's: how often and after
    how long is what Dagster's policy, or the step's own code, has asked for.
    """

    handle: ExecutionHandle
    cache_key: str | None = None

    def __init__(
        self,
        job: dg.JobDefinition,
        step: Step,
        key: str,
        inputs: tuple[str, ...],
        options: TaskOptions,
    ) -> None:
        caching: dict[str, Any] = (
            {"cache_key_fn": _cache_key, "persist_result": True}
            if options.caches_results
            # Unchanged inputs do not mean unchanged data: they are references.
            else {"cache_policy": NO_CACHE}
        )
        super().__init__(
            _StepFunction(step, key, inputs, options),
            assets=[_asset(job, asset_key) for asset_key in step.asset_keys],
            materialized_by="dagster",
            name=key,
            description=step.description,
            task_run_name=key,
            tags=[f"{name}={value}" for name, value in step.tags],
            retries=len(step.retry.delays_s),
            retry_delay_seconds=list(step.retry.delays_s) or None,
            retry_condition_fn=_asks_for_retry,
            log_prints=True,
            **caching,
        )
        self.step = step
        self.inputs = inputs

    def of(self, handle: ExecutionHandle) -> "StepTask":
        """The same task for one run."""
        task = copy(self)
        task.handle = handle
        return task


class _StepFunction:
    """What Prefect calls for a step. No function, of which Prefect would look for the source."""

    def __init__(self, step: Step, key: str, inputs: tuple[str, ...], options: TaskOptions) -> None:
        self.__name__ = key
        self.__qualname__ = key.replace(".", INNER)  # Prefect cuts it at its last dot
        self.__doc__ = None
        set_signature(self, [parameter(name, Any) for name in inputs])
        self._key = key
        self._pool = step.pool
        self._makes_artifacts = options.makes_artifacts

    def __call__(self, **upstream: Any) -> Any:
        context = _task_run()
        task: Any = context.task
        mappings = upstream.pop(DYNAMIC, {})
        with task.handle.opened(chain.from_iterable(upstream.values()), mappings) as execution:
            if execution.request.stops_at_failure and execution.failures:
                return Cancelled(message="An earlier step failed.")
            with _slot(self._pool):
                try:
                    result = run_step(execution, self._key, context.task_run.run_count - 1)
                except TryAgain as again:
                    _ask_for_retry(context, again)
                    raise
            result.cache_key = task.cache_key
            execution.results[self._key] = result
        if result.skipped:
            return Completed(name="Skipped", message="An input was not yielded.", data=result)
        _log_checks(result)
        if self._makes_artifacts:
            create_artifacts(result)
        made = result.materializations
        for asset in task.assets:
            asset.add_metadata(_summary(made, asset.key))
        return result


def _task_run() -> TaskRunContext:
    context = TaskRunContext.get()
    assert context is not None  # a step runs in its task
    return context


def _cache_key(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    task: Any = context.task
    values = dict(parameters)
    with task.handle.opened((), values.pop(DYNAMIC, {})) as execution:
        task.cache_key = cache_key(execution, task.step, chain.from_iterable(values.values()))
    return cast("str | None", task.cache_key)


def _slot(pool: str | None) -> AbstractContextManager[None]:
    """A slot of the Prefect concurrency limit of the pool's name, where there is one."""
    return concurrency(pool) if pool else nullcontext()


def _ask_for_retry(context: TaskRunContext, again: TryAgain) -> None:
    """Dagster has settled that there is another attempt, and when: Prefect is told so."""
    task: Any = context.task
    task.retries = max(task.retries, context.task_run.run_count)
    task.retry_delay_seconds = again.wait_s or None


def _asks_for_retry(task: Any, task_run: Any, state: prefect.State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), TryAgain)


def _log_checks(result: StepResult) -> None:
    """One line a check; of one that is recorded by partition too, the line of the whole run."""
    of_run = {check.check for check in result.checks if check.partition_key is None}
    for check in result.checks:
        if check.partition_key is not None and check.check in of_run:
            continue
        logger = prefect.get_run_logger()
        level = logger.info if check.passed else logger.warning
        outcome = "passed" if check.passed else f"failed ({check.severity})"
        level("check %s %s: %s", check.check.name, outcome, check.description or "")


def asset_uri(path: tuple[str, ...]) -> str:
    """The asset's key in Prefect."""
    return ASSETS + "/".join(path)


def asset_of(uri: str) -> tuple[str, ...]:
    """The inverse of `asset_uri`."""
    return tuple(uri.removeprefix(ASSETS).split("/"))


def _asset(job: dg.JobDefinition, path: tuple[str, ...]) -> Asset:
    graph = job.asset_layer.asset_graph
    node = graph.get(dg.AssetKey(path))
    return Asset(
        key=asset_uri(path),
        properties=AssetProperties(
            name="/".join(path), description=node.description, owners=list(node.owners) or None
        ),
    )


def _summary(materializations: Iterable[Materialization], uri: str) -> dict[str, Any]:
    """Asset metadata for Prefect: how many partitions, and of a single one its plain figures."""
    made = [m for m in materializations if asset_uri(m.output.asset_key) == uri]
    summary: dict[str, Any] = {"partitions": len(made)}
    if len(made) == 1:
        summary["data_version"] = made[0].data_version
        summary |= _plain(made[0].metadata)
    return summary


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: getattr(value, "value", value) for name, value in metadata.items()}
    return {name: v for name, v in values.items() if isinstance(v, (str, int, float, bool))}
