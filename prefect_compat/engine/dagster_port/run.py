"""One run of a job in Dagster's own objects: plan, resources, contexts and events.

The order of the steps, their retries and what is skipped are Prefect's part. What a step asks of
its context is answered by Dagster's own code.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.resource_definition import ScopedResourcesBuilder
from dagster._core.events import EngineEventData, RunFailureReason
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.compute_logs import create_compute_log_file_key
from dagster._core.execution.context.system import (
    ExecutionData,
    PlanData,
    PlanExecutionContext,
    PlanOrchestrationContext,
)
from dagster._core.execution.context_creation_job import (
    ContextCreationData,
    create_context_creation_data,
)
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.execution.resources_init import (
    get_required_resource_keys_for_step,
    resource_initialization_manager,
)
from dagster._core.execution.retries import RetryMode
from dagster._core.utils import make_new_run_id
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster_shared.error import SerializableErrorInfo

from prefect_compat.engine.dagster_port.attempt import is_missing
from prefect_compat.engine.dagster_port.graph import parse_step_key, read_dependencies
from prefect_compat.engine.dagster_port.instance import remember_run
from prefect_compat.graph.ids import StepId
from prefect_compat.graph.plan import Dependency

MappingKeys = Mapping[str, list[str] | None]


@dataclass(frozen=True)
class RunRequest:
    """A run to make: its job, configuration and partitions (in the tags).

    With `reports`, the run and all its events are recorded in the instance. With
    `captures_outputs`, values are kept in memory for an ExecuteInProcessResult. With
    `stops_at_failure`, no step starts after one has failed.
    """

    job: dg.JobDefinition
    run_config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    run_id: str = field(default_factory=make_new_run_id)
    repository: dg.RepositoryDefinition | None = None
    reports: bool = False
    captures_outputs: bool = False
    stops_at_failure: bool = False
    asset_selection: frozenset[dg.AssetKey] = frozenset()


@dataclass(frozen=True)
class StepProgress:
    """The state of the run that a step's context needs."""

    ready_outputs: frozenset[StepOutputHandle]
    mappings: Mapping[str, MappingKeys]
    attempts_before: int


class DagsterRunObjects:
    """Dagster's objects of an open run, and what the engine needs of them."""

    def __init__(self, request: RunRequest, instance: dg.DagsterInstance, *, joins: bool) -> None:
        """Plans the run and, unless it `joins` one that another process opened, creates it.

        Raises DagsterInvalidConfigError for a run config that Dagster refuses.
        """
        job = InMemoryJob(request.job)
        self._plan = create_execution_plan(job, run_config=request.run_config, tags=request.tags)
        # Without `reports` no instance has the run: the joining process makes its record again.
        run = instance.get_run_by_id(request.run_id) if joins else None
        self.run: dg.DagsterRun = run or _new_run(request, self._plan, instance)
        self._request = request
        self._creation = create_context_creation_data(
            job, self._plan, request.run_config, self.run, instance
        )
        self._log = _log_manager(self._creation, request.reports)
        self.captured_outputs: dict[StepOutputHandle, Any] | None = (
            {} if request.captures_outputs else None
        )
        self._resource_manager: Any = None
        self._scoped_resources: Any = None

    @property
    def instance(self) -> dg.DagsterInstance:
        return self._creation.instance

    # --- resources -----------------------------------------------------------------------------

    def set_up_resources(self, loop: asyncio.AbstractEventLoop) -> Iterator[dg.DagsterEvent]:
        """Sets the resources up and yields the events of it. Raises what their set-up raises."""
        creation = self._creation
        self._resource_manager = resource_initialization_manager(
            resource_defs=creation.job_def.get_required_resource_defs(),
            resource_configs=creation.resolved_run_config.resources,
            log_manager=self._log,
            execution_plan=self._plan,
            dagster_run=self.run,
            resource_keys_to_init=creation.resource_keys_to_init,
            instance=creation.instance,
            emit_persistent_events=True,
            event_loop=loop,
        )
        yield from self._resource_manager.generate_setup_events()
        self._scoped_resources = _ScopedResources(*self._resource_manager.get_object())

    def tear_down_resources(self) -> Iterator[dg.DagsterEvent]:
        """Tears the resources down, if they were set up, and yields the events of it."""
        if self._resource_manager is not None:
            yield from self._resource_manager.generate_teardown_events()

    # --- compute logs --------------------------------------------------------------------------

    def capture_logs(self, stack: ExitStack, step: StepId | None) -> dg.DagsterEvent:
        """Copies what this process prints to the instance's compute logs, until `stack` is closed.

        They are those of one step, or of all. Returns the event that says where they are, or that
        they cannot be captured: then the run goes on without.
        """
        manager = self.instance.compute_log_manager
        context = self._run_context()
        steps = self._plan.get_steps_to_execute_in_topo_order()
        keys = [str(step)] if step else [entry.key for entry in steps]
        try:
            key = manager.build_log_key_for_run(self.run.run_id, create_compute_log_file_key())
            captured = stack.enter_context(manager.capture_logs(key))
        except Exception as error:  # whatever a storage of logs raises
            return dg.DagsterEvent.engine_event(
                context,
                "Exception while setting up compute log capture",
                EngineEventData(error=_error_info(error)),
            )
        event: dg.DagsterEvent = dg.DagsterEvent.capture_logs(context, keys, key, captured)
        return event

    # --- steps ---------------------------------------------------------------------------------

    def step(self, step: StepId) -> ExecutionStep:
        """Dagster's object of a step that can run."""
        execution_step = self._plan.get_step_by_key(str(step))
        assert isinstance(execution_step, ExecutionStep)  # no other is submitted
        return execution_step

    def inputs_of(self, step: StepId) -> list[StepOutputHandle]:
        """The outputs that the step takes."""
        return [
            handle
            for entry in self.step(step).step_inputs
            for handle in entry.get_step_output_handle_dependencies()
        ]

    def dependencies(self, step: StepId) -> tuple[Dependency, ...]:
        """The steps that this one waits for, all mapping keys being known."""
        return tuple(read_dependencies(self.step(step)))

    def resolve(self, mappings: Mapping[str, MappingKeys]) -> None:
        """Turns steps that wait for these dynamic outputs into steps that can run."""
        self._plan.resolve(dict(mappings))

    def mapped_steps(self, name: str) -> tuple[StepId, ...]:
        """The steps that a mapped step has become, in Dagster's order."""
        ids = (parse_step_key(key) for key in self._plan.step_dict_by_key if "[?]" not in key)
        return tuple(step for step in ids if step.name == name and step.mapping_key is not None)

    def is_missing_input(
        self, context: dg.StepExecutionContext, is_unmade: Callable[[StepOutputHandle], bool]
    ) -> bool:
        """True if an input of the step was not yielded; `is_unmade` knows the outputs."""

        def is_check(output: StepOutputHandle) -> bool:
            return self._plan.get_step_output(output).properties.asset_check_key is not None

        return any(is_missing(entry, is_check, is_unmade) for entry in context.step.step_inputs)

    def step_context(
        self, step: StepId, progress: StepProgress, loop: asyncio.AbstractEventLoop
    ) -> dg.StepExecutionContext:
        """Dagster's context for one attempt at a step."""
        attempts = {str(step): progress.attempts_before} if progress.attempts_before else {}
        known = KnownExecutionState(
            previous_retry_attempts=attempts,
            dynamic_mappings=dict(progress.mappings),
            ready_outputs=set(progress.ready_outputs),
        )
        return self._plan_context(loop).for_step(self.step(step), known)

    def op_config(self, step: StepId) -> Any:
        """The step's resolved configuration."""
        return self._creation.resolved_run_config.ops[str(self.step(step).node_handle)].config

    def resource_config(self, step: StepId) -> dict[str, Any]:
        """The resolved configuration of the resources that the step uses, by their keys."""
        keys = get_required_resource_keys_for_step(self._request.job, self.step(step), self._plan)
        resources = self._creation.resolved_run_config.resources
        return {name: resources[name].config for name in sorted(keys) if name in resources}

    # --- events of the whole run ---------------------------------------------------------------

    def started(self) -> dg.DagsterEvent:
        return dg.DagsterEvent.job_start(self._run_context())

    def ended(
        self, events: Iterable[dg.DagsterEvent], error: BaseException | None
    ) -> dg.DagsterEvent:
        """The event that the run ended; `error` is what broke it off outside of any step."""
        context = self._run_context()
        failed = [event for event in events if event.is_step_failure]
        # Failed steps come first: because of them `run_graph` raises, so there is an `error` too.
        if failed:
            return dg.DagsterEvent.job_failure(
                context,
                f"Steps failed: {[event.step_key for event in failed]}.",
                failure_reason=RunFailureReason.STEP_FAILURE,
                first_step_failure_event=failed[0],
            )
        if error is not None:
            return dg.DagsterEvent.job_failure(
                context,
                "An exception was thrown during execution.",
                failure_reason=RunFailureReason.RUN_EXCEPTION,
                error_info=_error_info(error),
            )
        return dg.DagsterEvent.job_success(context)

    def close(self, ended: dg.DagsterEvent) -> None:
        """Keeps in `run` the status with which the run ended."""
        reported = self.instance.get_run_by_id(self.run.run_id) if self._request.reports else None
        is_success = ended.is_job_success
        status = dg.DagsterRunStatus.SUCCESS if is_success else dg.DagsterRunStatus.FAILURE
        self.run = reported or self.run.with_status(status)

    def store(self, event: dg.DagsterEvent) -> None:
        """Stores an event in the instance's event log, in which Dagster itself did not write it."""
        entry = dg.EventLogEntry(
            error_info=None,
            level=logging.DEBUG,
            user_message="",
            run_id=self.run.run_id,
            timestamp=time.time(),
            step_key=event.step_key,
            job_name=event.job_name,
            dagster_event=event,
        )
        self.instance.event_log_storage.store_event(entry)

    # --- Dagster's contexts --------------------------------------------------------------------

    @property
    def _plan_data(self) -> PlanData:
        return PlanData(
            job=self._creation.job,
            dagster_run=self.run,
            instance=self._creation.instance,
            execution_plan=self._plan,
            # Failures stay events, so that the failure hooks run before `run_step` raises.
            raise_on_error=False,
            # Dagster answers a retry with an event. With retries disabled, the step would fail.
            retry_mode=RetryMode.ENABLED,
        )

    def _plan_context(self, loop: asyncio.AbstractEventLoop) -> PlanExecutionContext:
        creation = self._creation
        return PlanExecutionContext(
            plan_data=self._plan_data,
            execution_data=ExecutionData(
                scoped_resources_builder=self._scoped_resources,
                resolved_run_config=creation.resolved_run_config,
                job_def=creation.job_def,
                repository_def=self._request.repository,
            ),
            log_manager=self._log,
            output_capture=self.captured_outputs,
            event_loop=loop,
        )

    def _run_context(self) -> PlanOrchestrationContext:
        """Dagster's context for events of the whole run, which needs no resources."""
        return PlanOrchestrationContext(
            self._plan_data,
            self._log,
            executor=None,  # type: ignore[arg-type]  # Prefect takes its part
            output_capture=None,
        )


def _error_info(error: BaseException) -> SerializableErrorInfo:
    return serializable_error_info_from_exc_info(
        (type(error), error, error.__traceback__)  # type: ignore[arg-type]  # raised
    )


class _ScopedResources(ScopedResourcesBuilder):
    """Builds the resources of a step once for each set of keys.

    Dagster builds them, and defines a new class for them, for each of the eight contexts that it
    makes per step.
    """

    def build(self, required_resource_keys: AbstractSet[str] | None) -> Any:
        # A named tuple takes no further field, but a subclass of one has a `__dict__`.
        built = vars(self).setdefault("_built", {})
        keys = frozenset(required_resource_keys or ())
        if keys not in built:
            built[keys] = super().build(required_resource_keys)
        return built[keys]


def _new_run(
    request: RunRequest, plan: ExecutionPlan, instance: dg.DagsterInstance
) -> dg.DagsterRun:
    """The run's record: created in the instance if the run reports to it."""
    tags = {**request.job.run_tags, **request.tags}
    selection = request.asset_selection or None
    if request.reports:
        return instance.create_run_for_job(
            job_def=request.job,
            run_config=request.run_config,
            tags=tags,
            run_id=request.run_id,
            asset_selection=selection,
            execution_plan=plan,
        )
    run = dg.DagsterRun(
        job_name=request.job.name,
        run_id=request.run_id,
        run_config=dict(request.run_config),
        tags=tags,
        asset_selection=selection,
        status=dg.DagsterRunStatus.STARTED,
    )
    remember_run(instance, run)
    return run


def _log_manager(creation: ContextCreationData, reports: bool) -> dg.DagsterLogManager:
    """The log of the steps: to Prefect, to the job's own loggers, and to the instance if the run
    reports to it."""
    config = creation.resolved_run_config.loggers
    loggers = [
        logger_def.logger_fn(
            dg.InitLoggerContext(
                config[key].get("config"),
                logger_def,
                job_def=creation.job_def,
                run_id=creation.dagster_run.run_id,
            )
        )
        for key, logger_def in creation.job_def.loggers.items()
        if key in config
    ]
    has_listeners = reports or loggers
    return (dg.DagsterLogManager if has_listeners else _LogWithoutEvents).create(
        loggers=loggers,
        handlers=[_PrefectHandler()],
        dagster_run=creation.dagster_run,
        instance=creation.instance if reports else None,
    )


class _LogWithoutEvents(dg.DagsterLogManager):
    """A log that drops Dagster's events when nothing listens to them: Prefect logs its own."""

    def log_dagster_event(self, *args: Any, **kwargs: Any) -> None:
        pass

    def with_tags(self, **new_tags: str) -> dg.DagsterLogManager:
        # Each step's context asks for this. Dagster's method would return a log with events.
        handler = self._dagster_handler.with_tags(**new_tags)
        return _LogWithoutEvents(handler, self.level, self._managed_loggers)


class _PrefectHandler(logging.Handler):
    """Passes what a step logs to the log of its task run, as it was written."""

    def emit(self, record: logging.LogRecord) -> None:
        from prefect.exceptions import MissingContextError
        from prefect.logging import get_run_logger

        meta = getattr(record, "dagster_meta", {})
        # An event of Dagster's, logged for the run's other listeners. Prefect logs its own.
        if meta.get("dagster_event") is not None:
            return
        try:
            logger = get_run_logger()
        except MissingContextError:
            return  # a resource's set-up, before the first task
        logger.log(record.levelno, meta.get("orig_message", ""), exc_info=record.exc_info)
