"""One run of a job, opened: its resources set up once, released after it, also when it fails.

Who orders the steps, retries them and decides what to skip is not settled here: that is Prefect's
part. Here is what the steps share, held in Dagster's own objects, so that whatever a step asks of
its context is answered by Dagster's code. Without `reports`, nothing is written to the instance
but the asset events that later steps look up, and no run is made in it.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.resource_definition import ScopedResourcesBuilder
from dagster._core.events import DagsterEvent, RunFailureReason
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.context.logger import InitLoggerContext
from dagster._core.execution.context.system import (
    ExecutionData,
    PlanData,
    PlanExecutionContext,
    PlanOrchestrationContext,
    StepExecutionContext,
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
from dagster._core.log_manager import DagsterLogManager
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus
from dagster._core.utils import make_new_run_id
from dagster._utils.error import serializable_error_info_from_exc_info

from prefect_compat.engine.instance import make_instance

# What Dagster looks up in the event log while it runs a step: upstream data versions.
LOOKED_UP = (dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_OBSERVATION)


@dataclass(frozen=True)
class RunRequest:
    """What is run: of which job, with which configuration, for which partitions (in the tags)."""

    job: dg.JobDefinition
    run_config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    run_id: str = field(default_factory=make_new_run_id)
    repository: dg.RepositoryDefinition | None = None
    reports: bool = False
    captures_outputs: bool = False
    stops_at_failure: bool = False
    asset_selection: frozenset[dg.AssetKey] = frozenset()


@contextmanager
def run_instance(folder: str | None = None) -> Iterator[dg.DagsterInstance]:
    """An instance of the flow run's own, in memory. Its storage folder is that of DAGSTER_HOME
    where that is set, so that Dagster's default IO manager stores where it does under Dagster;
    else `folder`, or a temporary one."""
    with make_instance(os.environ.get("DAGSTER_HOME") or folder) as instance:
        yield instance


class Execution:
    """An opened run. Steps may be run from several threads."""

    def __init__(
        self, request: RunRequest, creation: ContextCreationData, log: DagsterLogManager
    ) -> None:
        self.request = request
        self.plan: ExecutionPlan = creation.execution_plan
        self.run: DagsterRun = creation.dagster_run
        self.events: list[DagsterEvent] = []
        self.produced: set[StepOutputHandle] = set()
        self.ended: set[str] = set()
        self.failures: dict[str, BaseException] = {}
        self.results: dict[str, Any] = {}  # what each step that ended well in this process returned
        self.outputs: dict[StepOutputHandle, Any] | None = {} if request.captures_outputs else None
        self._creation = creation
        self._log = log
        self._mappings: dict[str, Any] = {}
        self._lock = threading.Lock()
        # A loop serves one thread at a time. The first is also that of the resources, which may
        # hold on to it, so steps take it first.
        self._loops = [asyncio.new_event_loop()]
        self._free_loops = list(self._loops)
        self._resources = resource_initialization_manager(
            resource_defs=creation.job_def.get_required_resource_defs(),
            resource_configs=creation.resolved_run_config.resources,
            log_manager=log,
            execution_plan=self.plan,
            dagster_run=self.run,
            resource_keys_to_init=creation.resource_keys_to_init,
            instance=creation.instance,
            emit_persistent_events=True,
            event_loop=self._loops[0],
        )

    @property
    def job(self) -> dg.JobDefinition:
        return self.request.job

    @property
    def instance(self) -> dg.DagsterInstance:
        return self._creation.instance

    def start(self) -> None:
        """Records that the run has started."""
        self.record(DagsterEvent.job_start(self._run_context()))

    def set_up(self) -> None:
        """Sets the resources up. Raises what their set-up raises."""
        for event in self._resources.generate_setup_events():
            self.record(event)
        self._scoped_resources = _ScopedResources(*self._resources.get_object())

    def close(self) -> None:
        """Tears the resources down."""
        try:
            for event in self._resources.generate_teardown_events():
                self.record(event)
        finally:
            for loop in self._loops:
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()

    def record(self, event: DagsterEvent) -> None:
        """Keeps an event that Dagster made in this run."""
        with self._lock:
            self.events.append(event)
            if event.is_successful_output:
                self.produced.add(event.step_output_data.step_output_handle)
            elif event.is_step_success or event.is_step_skipped:
                self.ended.add(str(event.step_key))
        self._store(event)

    def events_of(self, step: str) -> tuple[DagsterEvent, ...]:
        """The events of a step's attempts so far in this process."""
        with self._lock:
            return tuple(event for event in self.events if event.step_key == step)

    def learn(self, results: Iterable[Any]) -> None:
        """What upstream steps did, where they ran in another process."""
        for result in results:
            if result.step in self.ended:
                continue
            with self._lock:
                self.produced.update(result.produced)
                self.ended.add(result.step)
            for event in result.events:
                self._store(event)

    def _store(self, event: DagsterEvent) -> None:
        """Where the instance does not have it anyway, and a later step looks it up."""
        if not self.request.reports and event.event_type in LOOKED_UP:
            self.instance.event_log_storage.store_event(self._entry(event))

    def _entry(self, event: DagsterEvent) -> EventLogEntry:
        return EventLogEntry(
            error_info=None,
            level=logging.DEBUG,
            user_message="",
            run_id=self.run.run_id,
            timestamp=time.time(),
            step_key=event.step_key,
            job_name=event.job_name,
            dagster_event=event,
        )

    def resolve(self, step: str, mapping_keys: Mapping[str, Any]) -> None:
        """Makes steps of those that wait for the dynamic outputs of this step."""
        with self._lock:
            self._mappings[step] = mapping_keys
            self.plan.resolve(self._mappings)

    def op_config(self, key: str) -> Any:
        """The step's configuration, resolved."""
        return self._creation.resolved_run_config.ops[str(self.step(key).node_handle)].config

    def resource_config(self, key: str) -> dict[str, Any]:
        """The configuration, resolved, of the resources that the step uses, by their keys."""
        keys = get_required_resource_keys_for_step(self.job, self.step(key), self.plan)
        resources = self._creation.resolved_run_config.resources
        return {name: resources[name].config for name in sorted(keys) if name in resources}

    def step(self, key: str) -> ExecutionStep:
        """Dagster's own description of a step that can run."""
        step = self.plan.get_step_by_key(key)
        assert isinstance(step, ExecutionStep)  # the flow submits no other
        return step

    @contextmanager
    def step_context(self, key: str, attempts_before: int) -> Iterator[StepExecutionContext]:
        """Dagster's context of one attempt at a step."""
        known = KnownExecutionState(
            previous_retry_attempts={key: attempts_before} if attempts_before else {},
            dynamic_mappings=dict(self._mappings),
            ready_outputs=set(self.produced),
        )
        with self._loop() as loop:
            yield self._plan_context(loop).for_step(self.step(key), known)

    @contextmanager
    def _loop(self) -> Iterator[asyncio.AbstractEventLoop]:
        """An event loop for one thread."""
        with self._lock:
            if not self._free_loops:
                self._loops.append(asyncio.new_event_loop())
                self._free_loops.append(self._loops[-1])
            loop = self._free_loops.pop(0)
        try:
            yield loop
        finally:
            with self._lock:
                is_first = loop is self._loops[0]
                self._free_loops.insert(0 if is_first else len(self._free_loops), loop)

    @property
    def _plan_data(self) -> PlanData:
        return PlanData(
            job=self._creation.job,
            dagster_run=self.run,
            instance=self._creation.instance,
            execution_plan=self.plan,
            raise_on_error=False,
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
                repository_def=self.request.repository,
            ),
            log_manager=self._log,
            output_capture=self.outputs,
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

    def finish(self, error: BaseException | None) -> None:
        """Records how the run ended and keeps it in `run`; `error` is what broke it off."""
        context = self._run_context()
        failed = [event for event in self.events if event.is_step_failure]
        if failed:
            event = DagsterEvent.job_failure(
                context,
                f"Steps failed: {[event.step_key for event in failed]}.",
                failure_reason=RunFailureReason.STEP_FAILURE,
                first_step_failure_event=failed[0],
            )
        elif error is not None:
            event = DagsterEvent.job_failure(
                context,
                "An exception was thrown during execution.",
                failure_reason=RunFailureReason.RUN_EXCEPTION,
                error_info=serializable_error_info_from_exc_info(
                    (type(error), error, error.__traceback__)  # type: ignore[arg-type]  # raised
                ),
            )
        else:
            event = DagsterEvent.job_success(context)
        self.record(event)
        reported = self.instance.get_run_by_id(self.run.run_id) if self.request.reports else None
        status = DagsterRunStatus.SUCCESS if event.is_job_success else DagsterRunStatus.FAILURE
        self.run = reported or self.run.with_status(status)


class _ScopedResources(ScopedResourcesBuilder):
    """Dagster's way to give a step the resources that it asks for, once for each set of them:
    Dagster defines a new class at every context of a step, of which there are eight."""

    def build(self, required_resource_keys: AbstractSet[str] | None) -> Any:
        built = vars(self).setdefault("_built", {})
        wanted = frozenset(required_resource_keys or ())
        if wanted not in built:
            built[wanted] = super().build(required_resource_keys)
        return built[wanted]


@contextmanager
def open_execution(request: RunRequest, instance: dg.DagsterInstance) -> Iterator[Execution]:
    """The run, with its resources set up; after it they are torn down, and the run has ended.

    Raises DagsterInvalidConfigError for a run config that Dagster refuses, and whatever the
    set-up of a resource raises.
    """
    job = InMemoryJob(request.job)
    plan = create_execution_plan(job, run_config=request.run_config, tags=request.tags)
    run = _run(request, plan, instance)
    creation = create_context_creation_data(job, plan, request.run_config, run, instance)
    execution = Execution(request, creation, _log_manager(creation, request.reports))
    try:
        execution.start()
        broken_off: BaseException | None = None
        try:
            execution.set_up()
            yield execution
        except BaseException as error:
            broken_off = error
            raise
        finally:
            execution.finish(broken_off)
    finally:
        execution.close()


@contextmanager
def join_execution(request: RunRequest, instance: dg.DagsterInstance) -> Iterator[Execution]:
    """A run that another process has opened, with its resources set up here too."""
    job = InMemoryJob(request.job)
    plan = create_execution_plan(job, run_config=request.run_config, tags=request.tags)
    run = instance.get_run_by_id(request.run_id) or _run(request, plan, instance)
    creation = create_context_creation_data(job, plan, request.run_config, run, instance)
    execution = Execution(request, creation, _log_manager(creation, request.reports))
    try:
        execution.set_up()
        yield execution
    finally:
        execution.close()


def _run(request: RunRequest, plan: ExecutionPlan, instance: dg.DagsterInstance) -> DagsterRun:
    """The run's record: made in the instance where the run reports to it, else for the steps'
    contexts alone."""
    if request.reports:
        return instance.create_run_for_job(
            job_def=request.job,
            run_config=request.run_config,
            tags={**request.job.run_tags, **request.tags},
            run_id=request.run_id,
            asset_selection=request.asset_selection or None,
            execution_plan=plan,
        )
    return DagsterRun(
        job_name=request.job.name,
        run_id=request.run_id,
        run_config=dict(request.run_config),
        tags={**request.job.run_tags, **request.tags},
        asset_selection=request.asset_selection or None,
        status=DagsterRunStatus.STARTED,
    )


def _log_manager(creation: ContextCreationData, reports: bool) -> DagsterLogManager:
    """What the steps log goes to Prefect, to the job's own loggers, and to the instance where
    the run reports to it."""
    config = creation.resolved_run_config.loggers
    loggers = [
        logger_def.logger_fn(
            InitLoggerContext(
                config[key].get("config"),
                logger_def,
                job_def=creation.job_def,
                run_id=creation.dagster_run.run_id,
            )
        )
        for key, logger_def in creation.job_def.loggers.items()
        if key in config
    ]
    listens = reports or loggers
    return (DagsterLogManager if listens else _LogWithoutEvents).create(
        loggers=loggers,
        handlers=[_ToPrefect()],
        dagster_run=creation.dagster_run,
        instance=creation.instance if reports else None,
    )


class _LogWithoutEvents(DagsterLogManager):
    """Dagster's log of a run for which no one listens to Dagster's events: Prefect logs its own."""

    def log_dagster_event(self, *args: Any, **kwargs: Any) -> None:
        pass

    def with_tags(self, **new_tags: str) -> DagsterLogManager:
        handler = self._dagster_handler.with_tags(**new_tags)
        return _LogWithoutEvents(handler, self.level, self._managed_loggers)


class _ToPrefect(logging.Handler):
    """What a step logs, as it was written, in the log of its task run."""

    def emit(self, record: logging.LogRecord) -> None:
        from prefect.exceptions import MissingContextError
        from prefect.logging import get_run_logger

        meta = getattr(record, "dagster_meta", {})
        if meta.get("dagster_event") is not None:
            return
        try:
            logger = get_run_logger()
        except MissingContextError:
            return  # a resource's set-up, before the first task
        logger.log(record.levelno, meta.get("orig_message", ""), exc_info=record.exc_info)
