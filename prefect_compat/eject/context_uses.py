"""What a step's function reads of its context."""

import ast
from typing import Any

import dagster as dg

from prefect_compat.eject.contexts import read_of
from prefect_compat.eject.literals import is_literal
from prefect_compat.eject.modules import Modules
from prefect_compat.eject.source import SourceFunction
from prefect_compat.engine.dagster_port.step_facts import processed_config
from prefect_compat.errors import EjectError
from prefect_compat.graph.plan import Step


def context_uses(function: SourceFunction, name: str | None, modules: Modules) -> frozenset[str]:
    """The attributes that a function reads of its context."""
    if name is None:
        return frozenset()
    tree = _definition(ast.parse(modules.at(function.module, function.file).text), function)
    return frozenset(node.attr for node in read_of(tree, name)) if tree else frozenset()


def _definition(module: ast.Module, function: SourceFunction) -> ast.AST | None:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function.name:
            first = min([node.lineno, *(entry.lineno for entry in node.decorator_list)])
            if first <= function.line <= node.lineno:
                return node
    return None


def op_config(job: dg.JobDefinition, step: Step, op_def: dg.OpDefinition) -> Any:
    """The configuration of an op that has a schema for it, as the job declares it.

    Raises EjectError if the job does not, or if it differs by partition.
    """
    if job.partitioned_config is not None and job.partitions_def is not None:
        raise EjectError(
            f"{step.name}: its configuration may differ by partition. Use a class for it, a"
            " dagster.Config."
        )
    given: Any = getattr(job, "run_config", None) or {}
    for part in step.node:
        given = (given.get("ops") or {}).get(part) or {}
    processed = processed_config(op_def, given.get("config") or {})
    mapped = op_def.apply_config_mapping({"config": processed.value}) if processed.success else None
    if mapped is None or not mapped.success or mapped.value is None:
        reasons = "; ".join(error.message.split(" You must")[0] for error in processed.errors or ())
        raise EjectError(f"{step.name}: the job does not declare its configuration: {reasons}")
    config = mapped.value.get("config")
    plain = dict(config) if hasattr(config, "keys") else config
    if not is_literal(plain):
        raise EjectError(f"{step.name}: its configuration is no plain value.")
    return plain
