"""`materialize` and `materialize_to_memory`, run by Prefect: the same arguments and the same result
as Dagster's, so that an import is all there is to change."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import prefect
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from prefect_compat.engine.dagster_port.definitions import (
    EPHEMERAL_JOB_NAME,
    in_process_run,
    required_io_manager_keys,
)
from prefect_compat.engine.dagster_port.instance import make_instance
from prefect_compat.engine.dagster_port.run import RunRequest
from prefect_compat.engine.run import Run, new_run
from prefect_compat.errors import DefinitionError
from prefect_compat.flow.submit import run_graph
from prefect_compat.flow.task import TaskOptions
from prefect_compat.flow.wiring import Wiring
from prefect_compat.graph.job import read_plan
from prefect_compat.server.api import outside_of_loops, prefect_api

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
    """Materializes assets like `dagster.materialize`, as one Prefect flow run.

    The steps are its tasks, one at a time. Run and events are recorded in `instance`, if one is
    given. Raises what `dagster.materialize` raises.
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
    """Materializes assets like `dagster.materialize_to_memory`, as one Prefect flow run.

    Raises what `dagster.materialize_to_memory` raises, such as a DagsterInvariantViolationError for
    a resource that replaces an IO manager.
    """
    given = set(resources or {})
    for asset in assets:
        given |= set(getattr(asset, "resource_defs", {}))
    managers = required_io_manager_keys(assets)
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
    """Executes a job like `job.execute_in_process`, as one Prefect flow run.

    Raises what `job.execute_in_process` raises.
    """
    prepared = in_process_run(
        job,
        run_config=run_config,
        instance=instance,
        partition_key=partition_key,
        op_selection=op_selection,
        asset_selection=asset_selection,
        input_values=input_values,
        tags=tags,
        resources=resources,
    )
    options: dict[str, Any] = {"run_id": run_id} if run_id else {}
    request = RunRequest(
        job=prepared.job,
        run_config=prepared.run_config,
        tags=prepared.tags,
        reports=True,
        captures_outputs=True,
        stops_at_failure=raise_on_error,
        asset_selection=prepared.asset_selection,
        **options,
    )
    with _instance(instance) as reported:
        run = outside_of_loops(lambda: _run_flow(request, reported, raise_on_error))
    return dg.ExecuteInProcessResult(
        job_def=prepared.job,
        event_list=list(run.state.events),
        dagster_run=run.record,
        output_capture=run.captured_outputs,
    )


@contextmanager
def _instance(instance: dg.DagsterInstance | None) -> Iterator[dg.DagsterInstance]:
    if instance is not None:
        yield instance
        return
    # Like `DagsterInstance.ephemeral()`, but tables are made only if a step asks for them: half of
    # the time of a small `dagster.materialize` goes into tables that nobody reads.
    with make_instance(None) as ephemeral:
        yield ephemeral


def _run_flow(request: RunRequest, instance: dg.DagsterInstance, raise_on_error: bool) -> Run:
    """The run after its flow run. What broke it off is raised as Dagster raises it, or left in the
    events."""
    try:
        options = TaskOptions(one_at_a_time=True, logs_prints=False)
        wiring = Wiring(read_plan(request.job), options)
    except DefinitionError:
        # Dagster's own complaint comes first: an input without a value is also no input of a plan.
        dg.validate_run_config(request.job, dict(request.run_config or {}))
        raise
    run = new_run(request, instance)
    errors: list[BaseException] = []

    def flow_function() -> None:
        try:
            with run.opened():
                run_graph(run, wiring, None)
        except BaseException as error:
            errors.append(error)
            raise

    name = request.job.name
    one_at_a_time: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=1)
    flow: prefect.Flow[[], None] = prefect.Flow(
        flow_function, name=name, flow_run_name=name, task_runner=one_at_a_time
    )
    with prefect_api():
        # Prefect raises nothing here: what Dagster would raise is decided below.
        flow(return_state=True)
    # A step's failure leaves a run to return; any other error broke the run off.
    # A failure of the set-up or of the engine ends the run too, and then no step has failed.
    error = errors[0] if errors else None
    if error is not None and not isinstance(error, Exception):
        raise error
    failure = run.state.first_failure or error
    if raise_on_error and failure:
        raise failure
    return run


def __getattr__(name: str) -> Any:
    """`prefect_server`, a pytest fixture: only a conftest.py that imports it needs pytest."""
    if name != "prefect_server":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from prefect_compat.pytest_fixture import prefect_server

    return prefect_server
