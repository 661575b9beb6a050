"""A Dagster job as a native Prefect flow: one task a step, ordered and recorded by Prefect."""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

import dagster as dg
import prefect
import yaml
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from prefect.assets import Asset, AssetProperties
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner
from prefect.tasks import MaterializingTask
from prefect.utilities.annotations import opaque
from pydantic import AfterValidator, BeforeValidator

from prefect_compat.errors import ConfigError, DefinitionError, StepError
from prefect_compat.execution import Execution
from prefect_compat.invocation import CheckEvaluation, Materialization, StepResult, run_step
from prefect_compat.partitions import run_keys
from prefect_compat.plan import Plan, Step, op_def_of, read_plan, resolve_job
from prefect_compat.resources import open_resources

PARTITION = "partition"


class FlowResult:
    """What each step of a flow run made, in the plan's order.

    Not a dataclass, because Prefect would search every field of one for futures.
    """

    def __init__(self, steps: tuple[StepResult, ...]) -> None:
        self.steps = steps

    @property
    def materializations(self) -> tuple[Materialization, ...]:
        return tuple(made for step in self.steps for made in step.materializations)

    @property
    def checks(self) -> tuple[CheckEvaluation, ...]:
        return tuple(check for step in self.steps for check in step.checks)


def as_flow(
    defs: dg.Definitions,
    *,
    job: str,
    run_config: Mapping[str, Any] | None = None,
    task_runner: TaskRunner[Any] | None = None,
) -> prefect.Flow[..., FlowResult]:
    """The job as a flow, named after it, with a parameter `partition` (a key, or `A...B`) where
    it is partitioned and one parameter for each step with a `Config`, named after the step.

    `run_config` is what `dagster job execute -c` takes: its `ops` become the defaults of the
    parameters, its `resources` configure the resources. The task runner is Prefect's thread pool
    unless another is given. The flow returns what each step made.
    Raises DefinitionError for what cannot be carried over, ConfigError for a run config that
    Dagster would refuse.
    """
    job_def = resolve_job(defs, job)
    plan = read_plan(job_def)
    config = _validated(job_def, run_config or {})

    def run(**parameters: Any) -> FlowResult:
        keys = run_keys(job_def, parameters.pop(PARTITION, None))
        _demand_single_run(plan, keys)
        with (
            dg.DagsterInstance.ephemeral() as instance,
            open_resources(job_def, instance, config.get("resources", {})) as resources,
        ):
            return _run_steps(Execution(job_def, plan, keys, resources, instance), parameters)

    run.__name__ = run.__qualname__ = plan.name
    run.__doc__ = job_def.description
    _set_signature(run, _parameters(job_def, plan, config.get("ops", {})))
    return prefect.Flow(
        run,
        name=plan.name.replace("_", "-"),
        description=job_def.description,
        flow_run_name=f"{plan.name} {{{PARTITION}}}" if plan.is_partitioned else plan.name,
        task_runner=task_runner,
    )


def read_run_config(path: str) -> dict[str, Any]:
    """A run-config file (YAML or JSON). Raises ConfigError if it holds no mapping."""
    try:
        with open(path, encoding="utf-8") as file:
            content = yaml.safe_load(file)
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as run config: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds {type(content).__name__}; expected a mapping with `ops`.")
    return content


def _validated(job: dg.JobDefinition, run_config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The run config, if Dagster itself accepts it for this job."""
    unsupported = sorted(set(run_config) - {"ops", "resources", "execution", "loggers"})
    if unsupported:
        raise ConfigError(
            f"Run config has the section '{unsupported[0]}'; expected ops or resources."
        )
    try:
        dg.validate_run_config(job, dict(run_config))
    except dg.DagsterInvalidConfigError as error:
        raise ConfigError(f"Dagster refuses this run config for {job.name}: {error}") from error
    return run_config


def _demand_single_run(plan: Plan, keys: tuple[str, ...] | None) -> None:
    """A range is one call of each function only where its backfill policy allows that."""
    if keys is None or len(keys) == 1:
        return
    for step in plan.steps:
        if step.partitions and not step.spans_partitions:
            raise DefinitionError(
                f"'{step.name}' cannot run {len(keys)} partitions at once: its backfill policy is"
                " not BackfillPolicy.single_run(). Run one partition at a time."
            )


def _set_signature(function: Any, parameters: list[inspect.Parameter]) -> None:
    """What Prefect shows, validates and records as the function's parameters."""
    function.__signature__ = inspect.Signature(parameters)
    function.__annotations__ = {entry.name: entry.annotation for entry in parameters}


def _parameters(
    job: dg.JobDefinition, plan: Plan, ops_config: Mapping[str, Any]
) -> list[inspect.Parameter]:
    """The flow's parameters. Their validators run before the flow run enters its first task."""
    parameters = []
    if plan.is_partitioned:

        def demand_known(text: str) -> str:
            run_keys(job, text)
            return text

        parameters.append(
            _parameter(PARTITION, Annotated[str, AfterValidator(_as_value_error(demand_known))])
        )
    for step in plan.steps:
        if step.config_model is not None:
            model = _config_class(job, step)
            given = ops_config.get(step.name, {}).get("config", {})
            known = BeforeValidator(_no_unknown_fields(step, model))
            annotation = Annotated[model, known]  # type: ignore[valid-type]  # made at run time
            has_default = given or not any(f.is_required() for f in model.model_fields.values())
            default = model(**given) if has_default else inspect.Parameter.empty
            parameters.append(_parameter(step.name, annotation, default))
    return parameters


def _parameter(
    name: str, annotation: Any, default: Any = inspect.Parameter.empty
) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, annotation=annotation, default=default)


def _as_value_error(validate: Any) -> Any:
    """Pydantic reports a ValueError as the parameter's fault; other errors it lets through."""

    def validator(value: Any) -> Any:
        try:
            return validate(value)
        except Exception as error:
            raise ValueError(str(error)) from error

    return validator


def _no_unknown_fields(step: Step, model: type[dg.Config]) -> Any:
    """Prefect would drop an unknown field in silence, Dagster refuses it: so does the flow."""

    def validator(value: Any) -> Any:
        unknown = sorted(set(value) - set(model.model_fields)) if isinstance(value, dict) else []
        if unknown:
            raise ValueError(
                f"{step.name} has no field '{unknown[0]}'; it has: {', '.join(model.model_fields)}"
            )
        return value

    return validator


def _config_class(job: dg.JobDefinition, step: Step) -> type[dg.Config]:
    compute_fn = op_def_of(job, step.name).compute_fn
    assert isinstance(compute_fn, DecoratedOpFunction)  # read_plan refuses others
    annotation: type[dg.Config] = compute_fn.get_config_arg().annotation
    return annotation


def _run_steps(execution: Execution, configs: Mapping[str, dg.Config]) -> FlowResult:
    """Submits every step, waits for all, and fails if one did.

    Steps that do not depend on the failed one run on; those that do never start.
    """
    futures: dict[str, PrefectFuture[StepResult]] = {}
    for step in execution.plan.steps:
        upstream = execution.plan.upstream_of(step.name)
        futures[step.name] = _task(execution, step, configs.get(step.name)).submit(
            # `opaque`: Prefect need not look for further futures inside a result.
            **{
                edge.input_name: opaque(futures[edge.upstream])
                for edge in upstream
                if edge.kind == "value"
            },
            wait_for=[futures[edge.upstream] for edge in upstream if edge.kind == "order"],
        )
    for future in futures.values():
        future.wait()
    failed = [name for name, future in futures.items() if future.state.is_failed()]
    skipped = [name for name, future in futures.items() if not future.state.is_final()]
    if failed:
        cause = futures[failed[0]].state.result(raise_on_failure=False)
        reason = getattr(cause, "description", None) or cause
        raise StepError(
            f"{', '.join(failed)} failed: {reason}"
            + (f" Not started, because they depend on it: {', '.join(skipped)}." if skipped else "")
        ) from (cause if isinstance(cause, BaseException) else None)
    return FlowResult(tuple(future.result() for future in futures.values()))


def _task(
    execution: Execution, step: Step, config: dg.Config | None
) -> prefect.Task[..., StepResult]:
    """The step as a Prefect task; what it takes from upstream tasks are their results, so that
    Prefect records the dependency, while the values themselves go through the IO managers."""
    fields = config._convert_to_config_dictionary() if config is not None else {}

    def run(**upstream: StepResult) -> StepResult:
        del upstream
        logger = prefect.get_run_logger()
        result = run_step(execution, step, fields, logger)
        for check in result.checks:
            if check.stops_downstream:
                raise StepError(f"Blocking check {check.check.name} failed: {check.description}")
            level = logger.info if check.passed else logger.warning
            level("check %s: %s", "passed" if check.passed else "failed", check.description)
        for asset in assets:
            asset.add_metadata(_summary(execution, result))
        return result

    run.__name__ = run.__qualname__ = step.name
    values = [edge for edge in execution.plan.upstream_of(step.name) if edge.kind == "value"]
    _set_signature(run, [_parameter(edge.input_name, StepResult) for edge in values])
    options: dict[str, Any] = {
        "name": step.name,
        "description": step.description,
        "task_run_name": step.name,
        "retries": len(step.retry.delays_s),
        "retry_delay_seconds": list(step.retry.delays_s) or None,
        "retry_condition_fn": _may_retry,
        # Unchanged inputs do not mean unchanged data: they are references.
        "cache_policy": NO_CACHE,
    }
    assets = [_asset(execution.job, key) for key in step.asset_keys]
    if assets:
        return MaterializingTask(run, assets=assets, materialized_by="dagster", **options)
    return prefect.Task(run, **options)


def _may_retry(task: Any, task_run: Any, state: prefect.State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return not (isinstance(error, dg.Failure) and not error.allow_retries)


def _asset(job: dg.JobDefinition, path: tuple[str, ...]) -> Asset:
    node = job.asset_layer.asset_graph.get(dg.AssetKey(path))
    return Asset(
        key="dagster://assets/" + "/".join(path),
        properties=AssetProperties(
            name="/".join(path), description=node.description, owners=list(node.owners) or None
        ),
    )


def _summary(execution: Execution, result: StepResult) -> dict[str, Any]:
    """Asset metadata for Prefect: what was made, and of a single partition its plain figures."""
    summary: dict[str, Any] = {"partitions": len(execution.keys or ()) or None}
    if len(result.materializations) == 1:
        (made,) = result.materializations
        summary["data_version"] = made.data_version
        for name, value in made.metadata.items():
            plain = value.value if isinstance(value, dg.MetadataValue) else value
            if isinstance(plain, (str, int, float, bool)):
                summary[name] = plain
    return summary
