"""`materialize` and `materialize_to_memory`, run by Prefect: the same arguments and the same result
as Dagster's, so that an import is all there is to change."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import prefect
from dagster._core.definitions.materialize import EPHEMERAL_JOB_NAME, _get_required_io_manager_keys
from dagster._core.execution.execute_in_process import (
    _check_top_level_inputs,
    merge_run_tags,
    type_check_and_normalize_args,
)
from dagster._core.instance import DagsterInstance
from dagster._core.utils import make_new_run_id
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from prefect_compat.engine.run import Execution, RunRequest, open_execution
from prefect_compat.errors import StepError
from prefect_compat.flow.build import run_graph
from prefect_compat.flow.wiring import Wiring
from prefect_compat.graph.plan import read_plan
from prefect_compat.server.api import prefect_api

Assets = Sequence[dg.AssetsDefinition | dg.AssetSpec | dg.SourceAsset]


def materialize(
    assets: Assets,
    run_config: Any = None,
    instance: dg.DagsterInstance | None = None,
    resources: Mapping[str, object] | None = None,
    partition_key: str | None = None,
    raise_on_error: bool = True,
    tags: Mapping[str, str] | None = None,
    selection: Any = None,
) -> dg.ExecuteInProcessResult:
    """What `dagster.materialize` does with these arguments, as one Prefect flow run: the steps are
    its tasks, one at a time. Run and events are recorded in `instance`, if one is given.

    Raises what `dagster.materialize` raises.
    """
    defs = dg.Definitions(
        assets=assets,
        jobs=[dg.define_asset_job(EPHEMERAL_JOB_NAME, selection=selection)],
        resources=resources,
    )
    defs.resolve_all_job_defs()
    return execute_in_process(
        defs.resolve_job_def(EPHEMERAL_JOB_NAME),
        run_config=run_config,
        instance=instance,
        partition_key=partition_key,
        raise_on_error=raise_on_error,
        tags=tags,
    )


def materialize_to_memory(
    assets: Assets,
    run_config: Any = None,
    instance: dg.DagsterInstance | None = None,
    resources: Mapping[str, object] | None = None,
    partition_key: str | None = None,
    raise_on_error: bool = True,
    tags: Mapping[str, str] | None = None,
    selection: Any = None,
) -> dg.ExecuteInProcessResult:
    """What `dagster.materialize_to_memory` does, as one Prefect flow run.

    Raises what `dagster.materialize_to_memory` raises, a DagsterInvariantViolationError for a
    resource that stands for an IO manager among it.
    """
    given = set(resources or {})
    for asset in assets:
        given |= set(getattr(asset, "resource_defs", {}))
    managers = _get_required_io_manager_keys(assets)
    for key in managers & given:
        raise dg.DagsterInvariantViolationError(
            "Attempted to call `materialize_to_memory` with a resource provided for io manager key"
            f" '{key}'. Do not provide resources for io manager keys when calling"
            " `materialize_to_memory`, as it will override io management behavior for all keys."
        )
    return materialize(
        assets,
        run_config=run_config,
        instance=instance,
        resources={**dict.fromkeys(managers, dg.mem_io_manager), **(resources or {})},
        partition_key=partition_key,
        raise_on_error=raise_on_error,
        tags=tags,
        selection=selection,
    )


def execute_in_process(
    job: dg.JobDefinition,
    run_config: Any = None,
    instance: dg.DagsterInstance | None = None,
    partition_key: str | None = None,
    raise_on_error: bool = True,
    op_selection: Sequence[str] | None = None,
    asset_selection: Sequence[dg.AssetKey] | None = None,
    run_id: str | None = None,
    input_values: Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
    resources: Mapping[str, object] | None = None,
) -> dg.ExecuteInProcessResult:
    """What `job.execute_in_process` does with these arguments, as one Prefect flow run.

    Raises what `job.execute_in_process` raises.
    """
    config, ops, keys, resource_defs, partition_key, inputs = type_check_and_normalize_args(
        run_config=run_config,
        partition_key=partition_key,
        op_selection=op_selection,
        asset_selection=asset_selection,
        input_values=input_values,
        resources=resources,
    )
    run_tags = merge_run_tags(job, partition_key, tags, keys, instance, config)
    in_process = job.as_ephemeral_job(
        resource_defs=resource_defs,
        input_values=inputs,
        op_selection=ops,
        asset_selection=keys,
    )
    if not config and in_process.partitioned_config and partition_key:
        config = in_process.partitioned_config.get_run_config_for_partition_key(partition_key)
    _check_top_level_inputs(in_process)
    with _instance(instance) as reported:
        request = RunRequest(
            job=in_process,
            run_config=config,
            tags=run_tags,
            reports=True,
            captures_outputs=True,
            stops_at_failure=raise_on_error,
            asset_selection=frozenset(keys),
            run_id=run_id or make_new_run_id(),
        )
        execution = _run_flow(request, reported, raise_on_error)
    return dg.ExecuteInProcessResult(
        job_def=in_process,
        event_list=execution.events,
        dagster_run=execution.run,
        output_capture=execution.outputs,
    )


@contextmanager
def _instance(instance: dg.DagsterInstance | None) -> Iterator[dg.DagsterInstance]:
    if instance is not None:
        yield instance
        return
    with DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def _run_flow(request: RunRequest, instance: dg.DagsterInstance, raise_on_error: bool) -> Execution:
    """The flow run. A step's failure is raised as Dagster raises it, or left in the events."""
    wiring = Wiring(read_plan(request.job), request.job)
    opened: list[Execution] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with open_execution(request, instance) as execution:
                opened.append(execution)
                run_graph(execution, wiring, None)
        except BaseException as error:
            errors.append(error)
            raise

    one_at_a_time: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=1)
    flow: prefect.Flow[[], None] = prefect.Flow(
        run, name=request.job.name, flow_run_name=request.job.name, task_runner=one_at_a_time
    )
    with prefect_api():
        flow(return_state=True)
    if errors and not (opened and isinstance(errors[0], StepError)):
        raise errors[0]
    execution = opened[0]
    if raise_on_error and execution.failures:
        raise next(iter(execution.failures.values()))
    return execution
