"""A step as a Prefect task."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

import cloudpickle  # type: ignore[import-untyped]  # it has no stubs
import prefect
from prefect.assets import Asset, AssetProperties
from prefect.cache_policies import NO_CACHE
from prefect.concurrency.sync import concurrency
from prefect.context import TaskRunContext
from prefect.states import Cancelled, Completed
from prefect.tasks import MaterializingTask
from prefect.utilities.hashing import hash_objects

from prefect_compat.engine.result import Materialization, RetryRequestedError, StepResult
from prefect_compat.engine.step import run_step
from prefect_compat.errors import StepError
from prefect_compat.flow.artifacts import create_artifacts
from prefect_compat.flow.asset_uris import asset_uri
from prefect_compat.flow.caching import cache_key
from prefect_compat.flow.parameters import parameter, set_signature
from prefect_compat.flow.run_handle import RunHandle
from prefect_compat.graph.ids import StepId
from prefect_compat.graph.plan import Asset as PlannedAsset
from prefect_compat.graph.plan import Step

# Parameters of every task beside its inputs. A Dagster input can have neither name.
RUN = "__dagster_run"
DYNAMIC = "__dynamic_outputs"


@dataclass(frozen=True)
class TaskOptions:
    """Features of Prefect beyond Dagster's, each opt-in.

    `caches_results`: a step is not run again while its code version, configuration, partitions
    and upstream data versions are those of an earlier run. `makes_artifacts`: metadata is shown
    as artifacts. `leaves_process`: tasks run in other processes, which need the results of
    everything upstream. `one_at_a_time`: the steps start in the order of Dagster's in-process
    executor. `logs_prints`: what a step prints goes to Prefect's log, and not to stdout.
    """

    caches_results: bool = False
    makes_artifacts: bool = False
    leaves_process: bool = False
    one_at_a_time: bool = False
    logs_prints: bool = True


class StepTask(MaterializingTask[..., StepResult]):
    """The task of a step, or of one of the steps that a mapped step becomes.

    It is made with the flow and never changes: a run passes itself as the parameter RUN. The
    results of upstream tasks are parameters too, so that Prefect records the dependency; the
    values go through the IO managers. Prefect does the retries, as often and after as long as
    Dagster's policy, or the step's own code, asks for.
    """

    def __init__(
        self,
        step: Step,
        step_id: StepId,
        assets: tuple[PlannedAsset, ...],
        inputs: tuple[str, ...],
        options: TaskOptions,
    ) -> None:
        caching: dict[str, Any] = (
            {"cache_key_fn": _cache_key, "persist_result": True}
            if options.caches_results
            # Unchanged inputs do not mean unchanged data: they are references.
            else {"cache_policy": NO_CACHE}
        )
        self.step = step
        self.step_id = step_id
        self.planned_assets = assets
        self.inputs = inputs
        function = _StepFunction(self.step, step_id, inputs, options)
        super().__init__(
            function,
            assets=[_asset(asset) for asset in assets],
            materialized_by="dagster",
            name=str(step_id),
            description=step.description,
            task_run_name=str(step_id),
            tags=[f"{name}={value}" for name, value in step.tags],
            retries=len(step.retry.delays_s),
            retry_delay_seconds=list(step.retry.delays_s) or None,
            retry_condition_fn=_asks_for_retry,
            log_prints=options.logs_prints,
            **caching,
        )
        # Named only now: of a function that has a name Prefect digests the code for the task's key.
        # The code is the same for every step, and digests took half of the time to make the tasks.
        # Without dots, which nested ops have in their names: Prefect's key would end at the last.
        name_in_key = str(step_id).replace(".", "/")
        self.__qualname__ = name_in_key
        function.name_for_key(name_in_key)
        self.task_key = f"{name_in_key}-{_code_digest()}"

    # Prefect's engine reads both while it handles a failed attempt. What Dagster has granted to
    # this run then counts: it may be more than the policy, or after another wait.

    @property
    def retries(self) -> int:
        asked = self._asked_retry()
        return max(self._retries, asked[0]) if asked else self._retries

    @retries.setter
    def retries(self, value: int) -> None:
        self._retries = value

    @property
    def retry_delay_seconds(self) -> Any:
        asked = self._asked_retry()
        return (asked[1] or None) if asked else self._retry_delay_seconds

    @retry_delay_seconds.setter
    def retry_delay_seconds(self, value: Any) -> None:
        self._retry_delay_seconds = value

    def _asked_retry(self) -> tuple[int, float] | None:
        context = TaskRunContext.get()
        run = context.parameters.get(RUN) if context and context.task is self else None
        return run.asked_retry(self.step_id) if isinstance(run, RunHandle) else None


class _StepFunction:
    """The function of a step's task: a callable object.

    Prefect would read the source of a plain function, which is the same for every step.
    """

    __qualname__: str  # the task's to set

    def __init__(
        self, step: Step, step_id: StepId, inputs: tuple[str, ...], options: TaskOptions
    ) -> None:
        self.__name__ = str(step_id)
        # Otherwise this class's docstring would describe each step that has no description.
        self.__doc__ = None
        set_signature(self, [parameter(name, Any) for name in (RUN, *inputs)])
        self._step_id = step_id
        self._pool = step.pool
        self._options = options

    def name_for_key(self, name: str) -> None:
        """Gives the function the name that Prefect puts into the task's key."""
        self.__qualname__ = name

    def __call__(self, **parameters: Any) -> Any:
        context = _task_run()
        handle: RunHandle = parameters.pop(RUN)
        mappings = parameters.pop(DYNAMIC, {})
        # Prefect has counted this attempt already: the first is 1.
        attempt = context.task_run.run_count
        with handle.opened(
            self._step_id, chain.from_iterable(parameters.values()), mappings
        ) as run:
            if run.request.stops_at_failure and run.state.first_failure:
                # Dagster stops there. Prefect would run what does not depend on the failed step.
                return Cancelled(message="An earlier step failed.")
            key = handle.cache_key(self._step_id)
            failure: Exception | None = None
            with _slot(self._pool):
                try:
                    result = run_step(run, self._step_id, attempt - 1, key)
                except RetryRequestedError as error:
                    handle.ask_for_retry(self._step_id, attempt, error)
                    raise
                except Exception as error:
                    if not self._options.leaves_process:
                        raise
                    failure = _portable(error)
            if failure is not None:
                # Not in the handler: the original would be its context, and be pickled with it.
                raise failure
            run.state.add_result(result)
        if result.skipped:
            # Completed, because Prefect starts nothing after any other state. The next steps
            # see for themselves if an input is missing: a fan-in may still run.
            return Completed(name="Skipped", message="An input was not yielded.", data=result)
        _log_checks(result)
        if self._options.makes_artifacts:
            create_artifacts(result)
        task: Any = context.task
        for asset in task.assets:
            asset.add_metadata(_summary(result.materializations, asset.key))
        return result


@cache
def _code_digest() -> str:
    """The digest of a step's code in Prefect's form."""
    return str(hash_objects(_StepFunction.__call__.__code__))[:8]


def _portable(error: Exception) -> Exception:
    """The error, or one with the same words if another process could not read it.

    Dagster's errors can hold definitions, such as DagsterTypeCheckDidNotPass its type.
    """
    try:
        cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:  # whatever an object raises that is no plain value
        return StepError(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__)
    return error


def _task_run() -> TaskRunContext:
    context = TaskRunContext.get()
    assert context is not None  # a step runs in its task
    return context


def _cache_key(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    values = dict(parameters)
    handle: RunHandle = values.pop(RUN)
    mappings = values.pop(DYNAMIC, {})
    task: Any = context.task
    with handle.opened(task.step_id, (), mappings) as run:
        key = cache_key(run, task.step, task.planned_assets, chain.from_iterable(values.values()))
    handle.keep_cache_key(task.step_id, key)
    return key


def _slot(pool: str | None) -> AbstractContextManager[None]:
    """A slot of the Prefect concurrency limit that has the pool's name, if there is one."""
    return concurrency(pool) if pool else nullcontext()


# A function: Prefect never retries a task whose condition is another kind of callable.
def _asks_for_retry(task: Any, task_run: Any, state: prefect.State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), RetryRequestedError)


def _log_checks(result: StepResult) -> None:
    """Logs one line per check; for a check with results by partition, that of the whole run."""
    of_run = {check.check for check in result.checks if check.partition_key is None}
    for check in result.checks:
        if check.partition_key is not None and check.check in of_run:
            continue
        logger = prefect.get_run_logger()
        level = logger.info if check.passed else logger.warning
        outcome = "passed" if check.passed else f"failed ({check.severity})"
        level("check %s %s: %s", check.check.name, outcome, check.description or "")


def _asset(asset: PlannedAsset) -> Asset:
    return Asset(
        key=asset_uri(asset.key),
        properties=AssetProperties(
            name="/".join(asset.key),
            description=asset.description,
            owners=list(asset.owners) or None,
        ),
    )


def _summary(materializations: Iterable[Materialization], uri: str) -> dict[str, Any]:
    """Asset metadata for Prefect: the number of partitions and, for a single one, its figures."""
    made = [m for m in materializations if asset_uri(m.output.asset_key) == uri]
    summary: dict[str, Any] = {"partitions": len(made)}
    if len(made) == 1:
        summary["data_version"] = made[0].data_version
        summary |= _plain(made[0].metadata)
    return summary


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: getattr(value, "value", value) for name, value in metadata.items()}
    return {name: v for name, v in values.items() if isinstance(v, (str, int, float, bool))}
