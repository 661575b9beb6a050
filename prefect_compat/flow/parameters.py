"""The flow's parameters: the partition, and the configuration of each node that has one."""

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
import yaml
from pydantic import AfterValidator, BeforeValidator, ValidationError

from prefect_compat.engine.dagster_port.definitions import has_config_schema
from prefect_compat.engine.dagster_port.graph import config_class
from prefect_compat.engine.dagster_port.run_config import merged_config, parse_run_config
from prefect_compat.errors import ConfigError
from prefect_compat.graph.job_source import JobSource
from prefect_compat.graph.partitions import PARTITION, partition_help, run_keys
from prefect_compat.graph.plan import Plan

CONFIG = "config"
SECTIONS = {"ops", "resources", "execution", "loggers", "inputs"}


def merged_run_config(paths: Iterable[str]) -> dict[str, Any]:
    """Run-config files merged as Dagster merges them; the last wins.

    Raises ConfigError if one cannot be read or holds no mapping.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        merged = merged_config(merged, read_run_config(path))
    return merged


def read_run_config(path: str) -> dict[str, Any]:
    """A run-config file (YAML or JSON). Raises ConfigError if it holds no mapping."""
    try:
        content = parse_run_config(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} cannot be read as run config: {reason}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds {type(content).__name__}; expected a mapping with `ops`.")
    return content


def flow_parameters(
    source: JobSource, plan: Plan, run_config: Mapping[str, Any]
) -> list[inspect.Parameter]:
    """The flow's parameters: `partition` if the job is partitioned, and one per configurable node.

    A node's parameter is named after it, and its default is what `run_config` has for the node. A
    job that maps its whole configuration has the one parameter `config`. Their validators run
    before the flow run enters its first task.
    """
    job = source.job
    parameters = []
    if plan.is_partitioned:

        def validate_partition(text: str) -> str:
            run_keys(source.job, text, source.instance)
            return text

        known = AfterValidator(_as_value_error(validate_partition))
        parameters.append(parameter(PARTITION, Annotated[str, known]))
    if job.config_mapping is not None:
        return [*parameters, parameter(CONFIG, Any, dict(run_config))]
    # In the order of each node's first step.
    nodes = {node.name: node for node in job.graph.nodes}
    for node in (nodes[name] for name in dict.fromkeys(step.node[0] for step in plan.steps)):
        given = run_config.get("ops", {}).get(node.name, {}).get("config")
        model = config_class(node.definition)
        if model is None and not has_config_schema(node.definition):
            continue
        field = node.definition.config_field
        # A job that configures its partitions has the values when the partition is known.
        is_given = given is not None or job.partitioned_config is not None
        is_required = field is not None and field.is_required and not is_given
        if model is not None:
            parameters.append(_of_model(node.name, model, given, is_required))
        else:
            default = inspect.Parameter.empty if is_required else given
            parameters.append(parameter(node.name, Any, default))
    return parameters


def missing_config(names: Iterable[str]) -> ConfigError:
    """The error of a call without the configuration that these nodes need."""
    listed = ", ".join(names)
    example = json.dumps({"ops": {name: {"config": {}} for name in names}})
    return ConfigError(
        f"Configuration is missing for {listed}. Pass it in a run-config file (-c FILE), or as"
        f" --config-json '{example}' with the values filled in; in Python as an argument of that"
        " name."
    )


def docstring(source: JobSource, plan: Plan) -> str:
    """The flow's, from which Prefect takes the description of a parameter that has none."""
    text = source.job.description or plan.name
    if not plan.is_partitioned:
        return text
    return f"{text}\n\nArgs:\n    {PARTITION}: {partition_help(source.job, source.instance)}"


def run_config_of(
    job: dg.JobDefinition,
    base: Mapping[str, Any],
    parameters: Mapping[str, Any],
    keys: tuple[str, ...] | None,
) -> dict[str, Any]:
    """The run's configuration: the job's own for the partitions, else `base`, then the parameters.

    Raises ConfigError for what Dagster itself refuses, and if one run cannot serve all the
    partitions.
    """
    if job.partitioned_config and not base and keys:
        first, *others = (
            job.partitioned_config.get_run_config_for_partition_key(key) for key in keys
        )
        if any(other != first for other in others):
            raise ConfigError(
                f"{job.name} configures its partitions differently, so one run covers one"
                " partition. Pass a single key."
            )
        base = first
    return _with_parameters(job, base, parameters)


def _with_parameters(
    job: dg.JobDefinition, run_config: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    """`run_config` with the values of the flow's parameters put in."""
    if job.config_mapping is not None:
        return validate_run_config(job, values.get(CONFIG) or run_config)
    # None is the default of a parameter without a value: what `run_config` has stays.
    configs = {name: value for name, value in values.items() if value is not None}
    models = {name: v for name, v in configs.items() if isinstance(v, dg.Config)}
    ops = dict(run_config.get("ops", {}))
    # By Dagster's own conversion: it writes an EnvVar as `{"env": NAME}` and an enum by name.
    for name, config in dg.RunConfig(ops=models).to_config_dict().get("ops", {}).items():
        ops[name] = {**ops.get(name, {}), **config}
    for name in configs.keys() - models.keys():
        ops[name] = {**ops.get(name, {}), "config": configs[name]}
    merged = {**run_config, **({"ops": ops} if ops else {})}
    return validate_run_config(job, merged)


def validate_run_config(job: dg.JobDefinition, run_config: Mapping[str, Any]) -> dict[str, Any]:
    """The run config, if Dagster itself accepts it for this job. Raises ConfigError if not."""
    unsupported = sorted(set(run_config) - SECTIONS)
    # A job that maps its configuration takes what its mapping declares, without sections.
    if unsupported and job.config_mapping is None:
        raise ConfigError(
            f"Run config has the section '{unsupported[0]}'; expected ops or resources."
        )
    try:
        dg.validate_run_config(job, dict(run_config))
    except dg.DagsterInvalidConfigError as error:
        raise ConfigError(f"Dagster refuses this run config for {job.name}: {error}") from error
    return dict(run_config)


def parameter(
    name: str, annotation: Any, default: Any = inspect.Parameter.empty
) -> inspect.Parameter:
    """A parameter that is passed by its name."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, annotation=annotation, default=default)


def set_signature(function: Any, parameters: list[inspect.Parameter]) -> None:
    """Sets the parameters that Prefect shows, validates and records for the function."""
    function.__signature__ = inspect.Signature(parameters)
    function.__annotations__ = {entry.name: entry.annotation for entry in parameters}


def _of_model(
    name: str, model: type[dg.Config], given: Any, is_required: bool
) -> inspect.Parameter:
    known = BeforeValidator(_no_unknown_fields(name, model))
    annotation = Annotated[model, known]  # type: ignore[valid-type]  # made at run time
    if is_required:
        return parameter(name, annotation)
    try:
        return parameter(name, annotation, model(**(given or {})))
    except ValidationError:
        # A nested class whose fields all have defaults is required in pydantic and not in Dagster.
        # `{"env": NAME}` is no value of the model; Dagster resolves it when the run starts.
        return parameter(name, annotation | None, None)


def _as_value_error(validate: Any) -> Any:
    """Pydantic reports a ValueError as the parameter's fault; other errors it lets through."""

    def validator(value: Any) -> Any:
        try:
            return validate(value)
        except Exception as error:
            raise ValueError(str(error)) from error

    return validator


def _no_unknown_fields(name: str, model: type[dg.Config]) -> Any:
    """Prefect would drop an unknown field in silence, Dagster refuses it: so does the flow."""

    def validator(value: Any) -> Any:
        known = set(_field_names(model))
        unknown = sorted(set(value) - known) if isinstance(value, dict) else []
        if unknown and model.model_config.get("extra") != "allow":
            raise ValueError(
                f"{name} has no field '{unknown[0]}'; it has: {', '.join(model.model_fields)}"
            )
        return value

    return validator


def _field_names(model: type[dg.Config]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        if field.alias:
            yield field.alias
