"""Resources that a function makes, by `@resource` or `@io_manager`, and those that are objects."""

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import dagster as dg

from prefect_compat.eject.extraction import Extraction
from prefect_compat.eject.literals import is_literal, literal
from prefect_compat.eject.modules import Modules
from prefect_compat.eject.resource_code import ResourceCode
from prefect_compat.eject.secret_values import has_secret_name
from prefect_compat.eject.source import source_of_function
from prefect_compat.engine.dagster_port.step_facts import processed_config
from prefect_compat.errors import EjectError

REMEDY = "Make it a ConfigurableResource with dg.EnvVar, so that it is not written down."


def hardcoded_object(definition: dg.ResourceDefinition) -> tuple[Any] | None:
    """The object that was given as a resource as it is, in a tuple; None for any other resource."""
    function = definition.resource_fn
    if not function.__qualname__.startswith("ResourceDefinition.hardcoded_resource."):
        return None
    return (inspect.getclosurevars(function).nonlocals["value"],)


def code_of_object(name: str, value: Any, extraction: Extraction, modules: Modules) -> ResourceCode:
    """The code for an object: a plain value, or a name of a module of the project.

    Raises EjectError for an object without a name.
    """
    if is_literal(value):
        return ResourceCode(name, "Any", literal(value), {("typing", "Any")})
    for module_name in sorted(sys.modules):
        module = modules.of_project(module_name)
        for variable, found in sorted(vars(sys.modules[module_name]).items()) if module else ():
            if found is value and module is not None and module.binding(variable):
                extraction.add_name(module_name, variable)
                known = f"given_{variable}"
                imports = {(module_name, f"{variable} as {known}"), ("typing", "Any")}
                return ResourceCode(name, "Any", known, imports)
    raise EjectError(
        f"The resource '{name}' is a {type(value).__name__} without a name. Give it one at the top"
        " of a module, or make it a ConfigurableResource."
    )


def code_of_function(
    name: str,
    definition: dg.ResourceDefinition,
    given: Mapping[str, Any],
    extraction: Extraction,
    modules: Modules,
) -> ResourceCode:
    """The code that calls a function with the configuration of the resource.

    Raises EjectError if the function is a library's, or has no configuration, or needs another
    resource.
    """
    function = definition.resource_fn
    module = modules.of_project(function.__module__)
    if module is None:
        raise EjectError(
            f"The resource '{name}' is made by a function of a library, `{function.__module__}"
            f".{function.__qualname__}`. Make it a ConfigurableResource of your own."
        )
    if others := sorted(definition.required_resource_keys):
        raise EjectError(
            f"The resource '{name}' is made by a function that needs other resources,"
            f" {', '.join(others)}. Make it a ConfigurableResource."
        )
    source = source_of_function(f"the resource '{name}'", function)
    if source.is_nested:
        raise EjectError(f"{source.place}: the resource '{name}' is made by a nested function.")
    _, written = extraction.add_function(source)
    call = f"new_{source.name}"  # the resource itself is often named like its function
    imports = {(source.module, f"{source.name} as {call}"), ("typing", "Any")}
    code = ResourceCode(name, "Any", "", imports)
    code.is_io_manager = isinstance(definition, dg.IOManagerDefinition)
    config = _config_of(name, definition, given)
    context = ""
    if written.params.params:
        code.imports.add(("context", "StepContext"))
        options = f", resource_config={_config_code(code, config)}" if config else ""
        context = f"StepContext({literal(name)}{options})"
    code.body = f"{call}({context})"
    if inspect.isgeneratorfunction(function):
        code.imports |= {("contextlib", "contextmanager"), ("resource_base", "Yielded")}
        code.body = f"Yielded(contextmanager({call})({context}))"
    return code


def _config_of(name: str, definition: dg.ResourceDefinition, given: Mapping[str, Any]) -> Any:
    processed = processed_config(definition, dict(given))
    if not processed.success:
        reasons = "; ".join(error.message.split(" You must")[0] for error in processed.errors or ())
        raise EjectError(f"The resource '{name}' is not configured by the job: {reasons}")
    mapped = definition.apply_config_mapping({"config": processed.value})
    if not mapped.success or mapped.value is None:
        raise EjectError(f"The configuration of the resource '{name}' cannot be resolved.")
    return mapped.value.get("config")


def _config_code(code: ResourceCode, config: Any) -> str:
    if isinstance(config, Mapping):
        entries = (f"{literal(key)}: {_field(code, str(key), config[key])}" for key in config)
        return f"{{{', '.join(entries)}}}"
    return _field(code, "config", config)


def _field(code: ResourceCode, name: str, value: Any) -> str:
    if has_secret_name(name, value):
        code.imports.add(("os", ""))
        return f"os.environ[{literal(code.variable(name))}]"
    return code.plain(name, value, REMEDY)
