"""`dagster_dask`'s executor, with five faults of 0.29.27 (Dagster 1.13.27) repaired.

- It fails on every partitioned job: Dask walks the arguments of `Client.submit` and stops at
  Dagster's records (`Iteration is not allowed on @record TimeWindowPartitionsDefinition`; no issue
  is known). Here the arguments are inside a partial, which Dask does not walk.
- Two runs on one scheduler get each other's results, because a task's key has no run id (dagster
  issue 21418). Here the key begins with the run id.
- A step runs even after an upstream step failed, and reads what an earlier run stored. Here it
  does not run.
- It ignores a step's retry policy. Here the worker retries.
- Dask cannot measure the size of the events and warns at each step (dagster issue 33771). Here
  they are bytes.

Upstream calls all of this through its module global `dask`, which `dask_executor` replaces.
`tests/ticket_assets/upstream_fixes/test_dask_executor.py` has tests of the first, second and
fourth fault that fail once upstream repairs it: look then which parts of this module can go.
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

Outcome = tuple[bool, bytes]  # True if the step succeeded; its events, pickled


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
    """Runs one step on a worker, unless a step before it did not succeed."""
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
    """A client that submits `run_step` in place of upstream's function, under a key of the run."""

    def submit(self, *arguments: Any, key: str, **options: Any) -> Any:  # type: ignore[override]
        # Upstream passes its function, the futures that the step waits for, then the job, the run,
        # the run config, the step's key, the instance and the known state.
        _, before, *step_arguments = arguments
        run: dg.DagsterRun = step_arguments[1]
        step = partial(run_step, *step_arguments)
        # Not in the partial: Dask must find the futures, to wait for them.
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
