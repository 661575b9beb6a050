"""A Dagster job as a native Prefect flow: one task a step, ordered and recorded by Prefect."""

import inspect
from collections.abc import Mapping
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import dagster as dg
import prefect
from prefect.context import FlowRunContext
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from prefect_compat.engine.dagster_port.run import RunRequest
from prefect_compat.engine.dagster_port.run_config import merged_config
from prefect_compat.engine.dagster_port.workspace import Loadable
from prefect_compat.engine.run import open_run, run_instance
from prefect_compat.errors import DefinitionError, StepError
from prefect_compat.flow.parameters import (
    docstring,
    flow_parameters,
    missing_config,
    run_config_of,
    set_signature,
    validate_run_config,
)
from prefect_compat.flow.result import FlowResult
from prefect_compat.flow.submit import run_graph
from prefect_compat.flow.task import TaskOptions
from prefect_compat.flow.task_runners import Name, RunnerChoice, declared_runner
from prefect_compat.flow.wiring import Wiring
from prefect_compat.garbage import uncollected
from prefect_compat.graph.features import validate_carried_over
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.job_source import JobSource
from prefect_compat.graph.partitions import (
    PARTITION,
    RANGE,
    chunks,
    missing_partition,
    run_keys,
    run_tags,
)
from prefect_compat.graph.plan import Plan
from prefect_compat.graph.project import Project
from prefect_compat.server.api import outside_of_loops, prefect_api


def as_flow(
    defs: Loadable | Project,
    *,
    job: str | None = None,
    selection: Any = None,
    run_config: Mapping[str, Any] | dg.RunConfig | None = None,
    tags: Mapping[str, str] | None = None,
    task_runner: TaskRunner[Any] | Name | None = None,
    report_to: dg.DagsterInstance | None = None,
    caches_results: bool = False,
    makes_artifacts: bool = False,
) -> prefect.Flow[..., FlowResult]:
    """A Prefect flow with one task for each step of a Dagster job.

    `defs` is anything that Dagster loads: Definitions, a function with `@definitions` or
    `@repository`, assets, a module; or the place of a Project. The job is named, or made of the
    assets of a `selection` (Dagster's selection syntax), or else of all assets. A flow of
    partitioned assets has the parameter `partition`: a key, `A...B`, or `*` for all. Each
    configurable op gives it a parameter of the op's name. The flow returns a FlowResult, and
    fails with StepError if a step fails.

    `run_config` takes what `dagster job execute -c` takes; its `ops` become the defaults of the
    parameters. Tasks run as the job's executor runs steps, one at a time or in processes, unless a
    `task_runner` of Prefect or the name of one is given. `report_to` is a Dagster instance that
    records the run and its events, and that knows dynamic partitions.

    With `caches_results`, a step does not run again while its code version, configuration,
    partitions, resources' configuration and upstream data versions are those of an earlier run.
    With `makes_artifacts`, numbers, markdown, images, tables, JSON and addresses in the metadata
    become Prefect artifacts.

    A range over assets whose backfill policy is not `single_run` runs as in Dagster's backfill:
    one subflow for each chunk of partitions, in order.

    Raises DefinitionError for a definition that cannot be carried over, ConfigError for a run
    config that Dagster would refuse.
    """
    return build_flow(
        JobSource(defs, JobChoice(job, selection), report_to),
        run_config=run_config,
        tags=tags,
        task_runner=task_runner,
        caches_results=caches_results,
        makes_artifacts=makes_artifacts,
    )


@uncollected()
def build_flow(
    source: JobSource,
    *,
    run_config: Mapping[str, Any] | dg.RunConfig | None = None,
    tags: Mapping[str, str] | None = None,
    task_runner: TaskRunner[Any] | Name | None = None,
    caches_results: bool = False,
    makes_artifacts: bool = False,
    resource_config: Mapping[str, Any] | None = None,
) -> "DerivedFlow":
    """The flow of a job; `as_flow` tells about the parameters.

    `resource_config` is a run config that is merged into that of every run, whichever partition it
    has.
    """
    job_def = source.job
    validate_carried_over(job_def)
    base = run_config.to_config_dict() if isinstance(run_config, dg.RunConfig) else run_config or {}
    if base:
        validate_run_config(job_def, base)
    plan = source.plan
    if not plan.steps:
        raise DefinitionError(f"'{plan.name}' has nothing to run: it selects no executable asset.")
    choice: RunnerChoice | None = None
    if task_runner is None:
        choice = declared_runner(source, base)
    elif isinstance(task_runner, str):
        choice = RunnerChoice(task_runner, "it was asked for")
    runner: Any = choice.task_runner() if choice else task_runner
    in_threads = isinstance(runner, ThreadPoolTaskRunner)
    options = TaskOptions(
        caches_results=caches_results,
        makes_artifacts=makes_artifacts,
        leaves_process=not in_threads,
        one_at_a_time=choice is not None and choice.name == "sequential",
        # With an instance, Dagster's compute logs get what a step prints.
        logs_prints=source.instance is None,
    )
    build = _Build(source, options)
    _ = build.wiring  # made here, before the first run

    # What it holds can be pickled, so that the flow can be sent to other processes.
    def run(**parameters: Any) -> FlowResult:
        keys = run_keys(source.job, parameters.pop(PARTITION, None), source.instance)
        limit = build.plan.partitions_per_run
        if keys is not None and limit is not None and len(keys) > limit:
            return _run_chunks(keys, limit, parameters)
        # The caller's instance stays open after the run; one of our own is closed.
        with nullcontext(source.instance) if source.instance else run_instance() as instance:
            request = RunRequest(
                job=source.job,
                run_config=merged_config(
                    run_config_of(source.job, base, parameters, keys), resource_config or {}
                ),
                tags=run_tags(source.job, keys, tags, instance),
                repository=source.repository,
                reports=source.instance is not None,
            )
            with open_run(request, instance) as opened:
                return run_graph(opened, build.wiring, source)

    run.__name__ = run.__qualname__ = plan.name
    run.__doc__ = docstring(source, plan)
    set_signature(run, flow_parameters(source, plan, base))
    flow = DerivedFlow(
        run,
        name=plan.name.replace("_", "-"),
        description=job_def.description,
        # Gives `name {partition}`, a template that Prefect fills with the run's parameter.
        flow_run_name=f"{plan.name} {{{PARTITION}}}" if plan.is_partitioned else plan.name,
        task_runner=runner,
    )
    flow.runner_choice = choice
    return flow


class DerivedFlow(prefect.Flow[..., FlowResult]):
    """A Prefect flow that starts our temporary server if the settings name no server.

    `runner_choice` says which task runner the job got and why; None if one was passed.
    """

    runner_choice: RunnerChoice | None = None

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._validate_call(arguments, named)
        call = super().__call__

        def run() -> Any:
            with prefect_api():
                return call(*arguments, **named)

        return outside_of_loops(run)

    def _validate_call(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        """Raises PartitionError or ConfigError for what the call lacks."""
        required = [
            name
            for name, entry in inspect.signature(self.fn).parameters.items()
            if entry.default is inspect.Parameter.empty and name not in named
        ]
        if PARTITION in required:
            raise missing_partition(self.name)
        if required and not arguments:
            raise missing_config(required)

    def with_options(self, **options: Any) -> "DerivedFlow":
        # Prefect makes a flow of its own class of it.
        flow = super().with_options(**options)
        flow.__class__ = DerivedFlow
        flow.runner_choice = None if "task_runner" in options else self.runner_choice  # type: ignore[attr-defined]  # it has just become one
        return flow  # type: ignore[return-value]  # it has just become one


class _Build:
    """The tasks, made once for all runs of a flow.

    A process pool and Dask pickle it with every task: it then holds only what it is made from.
    """

    def __init__(self, source: JobSource, options: TaskOptions) -> None:
        self._source = source
        self._options = options

    @property
    def plan(self) -> Plan:
        return self._source.plan

    @cached_property
    def wiring(self) -> Wiring:
        return Wiring(self.plan, self._options)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Build, (self._source, self._options)


def _run_chunks(keys: tuple[str, ...], limit: int, parameters: Mapping[str, Any]) -> FlowResult:
    """Runs a subflow for each chunk, as Dagster's backfill starts a run for each.

    The others run on after one has failed. Raises StepError after all have ended.
    """
    context = FlowRunContext.get()
    assert context is not None  # in the flow's own run
    # Called within its own run, a flow starts a subflow.
    flow: Any = context.flow
    together = FlowResult(())
    errors: list[StepError] = []
    for chunk in chunks(keys, limit):
        text = chunk[0] if len(chunk) == 1 else f"{chunk[0]}{RANGE}{chunk[-1]}"
        try:
            result = flow(**{PARTITION: text}, **parameters)
        except StepError as error:
            errors.append(error)
            result = error.result
        together += result
    if errors:
        of_all = StepError("\n".join(map(str, errors)))
        of_all.result = together
        raise of_all from errors[0]
    return together
