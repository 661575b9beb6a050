"""`dagster_dask`'s executor, mended where 0.29.27 does not run partitioned jobs or runs them wrong.

- Dask walks the arguments of `Client.submit` and fails on Dagster's records
  (`Iteration is not allowed on @record TimeWindowPartitionsDefinition`): they go inside a partial.
- A task's key has no run id, so that two runs on one scheduler get each other's results (issue
  21418): the run's id is put before it.
- A step runs even where one before it failed, and would read what an earlier run had stored: it
  does not.
- A step's retry policy is not honoured: it is, on the worker.
- Dask cannot tell the size of the events and warns at each step (issue 33771): they come as bytes.

All of it is in what upstream calls `dask.distributed`, which `dask_executor` replaces.
`tests/ticket_assets/test_dask.py` has a test that fails once upstream runs a partitioned job
itself: then this module can go.
"""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import dagster as dg
import dagster_dask.executor
import dask.config
import dask.distributed
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.execution.api import create_execution_plan, execute_plan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode
from dagster._core.instance.ref import InstanceRef

from ticket_assets.store.workers import NO_PROFILE

Outcome = tuple[bool, bytes]  # whether the step succeeded, and its events


def run_step(
    job: ReconstructableJob,
    run: dg.DagsterRun,
    run_config: dict[str, object] | None,
    step_keys: Sequence[str],
    instance_ref: InstanceRef,
    known_state: KnownExecutionState | None,
    *,
    before: Iterable[Outcome],
) -> Outcome:
    """Runs one step on a worker, unless one that it depends on did not succeed."""
    if not all(succeeded for succeeded, _ in before):
        return False, pickle.dumps([])
    with dg.DagsterInstance.from_ref(instance_ref) as instance:
        subset = job.get_subset(
            op_selection=run.resolved_op_selection,
            asset_selection=run.asset_selection,
            asset_check_selection=run.asset_check_selection,
        )
        plan = create_execution_plan(
            subset,
            run_config=run_config,
            step_keys_to_execute=step_keys,
            known_state=known_state,
            tags=run.tags,
        )
        events = execute_plan(
            plan, subset, instance, run, run_config=run_config, retry_mode=RetryMode.ENABLED
        )
    return any(event.is_step_success for event in events), pickle.dumps(events)


class _Client(dask.distributed.Client):
    """Submits what upstream submits, as `run_step`, under a key of the run's own."""

    def submit(self, *arguments: Any, key: str, **options: Any) -> Any:  # type: ignore[override]
        _, before, *about_the_step = arguments
        run: dg.DagsterRun = about_the_step[1]
        step = partial(run_step, *about_the_step)
        return super().submit(step, before=before, key=f"{run.run_id}.{key}", **options)


def _as_completed(futures: Any, with_results: bool) -> Iterator[tuple[Any, Any]]:
    completed: Any = dask.distributed.as_completed
    for future, (_, events) in completed(futures, with_results=with_results):
        yield future, pickle.loads(events)


def dask_executor(cluster: dict[str, Any]) -> dg.Executor:
    """The executor for `{"existing": {"address": ...}}` or `{"local": {...}}`."""
    upstream: Any = dagster_dask.executor
    upstream.dask = SimpleNamespace(
        distributed=SimpleNamespace(Client=_Client, as_completed=_as_completed)
    )
    dask.config.set(NO_PROFILE)  # for the workers of a local cluster
    ((kind, settings),) = cluster.items()
    executor: dg.Executor = upstream.DaskExecutor(kind, settings or {})
    return executor
