"""Each step of a job, as what will be written: a task around a function of the project."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import libcst as cst

from prefect_compat.eject.context_uses import context_uses, op_config
from prefect_compat.eject.extraction import Extraction
from prefect_compat.eject.literals import is_literal, literals_of
from prefect_compat.eject.modules import Modules
from prefect_compat.eject.source import SourceFunction, source_of_op
from prefect_compat.engine.dagster_port.graph import op_definition, read_outputs_of
from prefect_compat.engine.dagster_port.step_facts import (
    FunctionArguments,
    InputFacts,
    OutputFacts,
    asset_input_facts,
    function_arguments,
    input_has_default,
    output_facts,
)
from prefect_compat.errors import EjectError
from prefect_compat.graph.ids import CheckId
from prefect_compat.graph.plan import AssetPath, Input, Plan, Step


@dataclass(frozen=True)
class Loaded:
    """An input that is loaded from the store."""

    name: str
    asset: AssetPath
    facts: InputFacts


@dataclass(frozen=True)
class Passed:
    """An input that another step of the run passes on; of several, a list."""

    name: str
    upstream: str
    output: str | None
    is_mapped: bool = False
    is_collected: bool = False


@dataclass(frozen=True)
class Saved:
    """An output: an asset, with where it is stored, or (None) a value for other steps."""

    name: str
    asset: AssetPath | None
    facts: OutputFacts


@dataclass(frozen=True)
class Shape:
    """The written function: its parameters, and how it gives its results."""

    parameters: frozenset[str] = frozenset()
    is_generator: bool = False
    is_async: bool = False
    has_no_value: bool = False


@dataclass(frozen=True)
class EjectedStep:
    """A step that is written.

    `given` are inputs that a run is started with. `context_resources` are read of the context, and
    so is `op_config`, the configuration of an op without a class for it. With a `refusal` the step
    is a stub, or nothing is written.
    """

    step: Step
    function: SourceFunction | None
    arguments: FunctionArguments
    shape: Shape
    loaded: tuple[Loaded, ...] = ()
    passed: tuple[Passed, ...] = ()
    saved: tuple[Saved, ...] = ()
    given: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    captured: Mapping[str, Any] = field(default_factory=dict, compare=False)
    context_resources: tuple[str, ...] = ()
    op_config: Any = field(default=None, compare=False)
    rules: tuple[str, ...] = ()
    requested_retries: tuple[int, float] | None = None
    refusal: str | None = None

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def resources(self) -> tuple[str, ...]:
        """The resources that its function reads, as parameters or of the context."""
        return tuple(dict.fromkeys((*self.arguments.resources, *self.context_resources)))

    @property
    def checks(self) -> dict[AssetPath, list[str]]:
        """The checks whose results the step reports, by asset."""
        found: dict[AssetPath, list[str]] = {}
        for check in self.step.check_keys:
            found.setdefault(check.asset_key, []).append(check.name)
        return found

    @property
    def blocking(self) -> tuple[CheckId, ...]:
        return tuple(o.check_key for o in self.step.outputs if o.is_blocking and o.check_key)


def read_steps(
    job: dg.JobDefinition, plan: Plan, extraction: Extraction, modules: Modules
) -> tuple[EjectedStep, ...]:
    """The steps of a job in an order in which they can run.

    The function of each is added to the extraction. What cannot be carried over is a refusal.
    """
    return tuple(_read(job, plan, step, extraction, modules) for step in plan.steps)


def _read(
    job: dg.JobDefinition, plan: Plan, step: Step, extraction: Extraction, modules: Modules
) -> EjectedStep:
    op_def = op_definition(job, step.node)
    arguments = function_arguments(op_def)
    function: SourceFunction | None = None
    try:
        function = source_of_op(op_def)
        captured = _captured(function)
        loaded, passed, given = _inputs(job, plan, step)
        saved = tuple(
            Saved(output.name, output.asset_key, output_facts(job, step, output.name))
            for output in step.outputs
            if output.check_key is None
        )
        _validate(plan, step)
        rules, node = extraction.add_function(function)
        uses = context_uses(function, arguments.context, modules)
        if arguments.config_class is not None:
            config = arguments.config_class
            extraction.add_name(config.__module__, config.__qualname__)
        return EjectedStep(
            step,
            function,
            arguments,
            _shape(node, modules.at(function.module, function.file).dagster, function),
            tuple(loaded),
            tuple(passed),
            _in_order(saved, op_def),
            tuple(given),
            _waits_for(plan, step, passed),
            captured,
            tuple(sorted(op_def.required_resource_keys)) if "resources" in uses else (),
            op_config(job, step, op_def) if "op_config" in uses else None,
            tuple(sorted(rules)),
            _requested_retries(step, function, node),
        )
    except EjectError as error:
        waits = _waits_for(plan, step, ())
        return EjectedStep(step, function, arguments, Shape(), waits_for=waits, refusal=str(error))


def _requested_retries(
    step: Step, function: SourceFunction, node: cst.FunctionDef
) -> tuple[int, float] | None:
    """The number of retries that the function itself asks for, and the wait before each.

    Raises EjectError if they are not the same plain numbers each time, or if the step has a retry
    policy beside them.
    """
    calls = [
        call
        for call in ast.walk(ast.parse(cst.Module([node]).code))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "RetryRequested"
    ]
    if not calls:
        return None
    found = {_numbers(call) for call in calls}
    if len(found) != 1 or None in found or step.retry.delays_s:
        raise EjectError(
            f"{function.place}: it asks for retries by `RetryRequested`. Prefect's task needs to"
            " know their number and wait beforehand: write plain numbers, the same each time, and"
            " no retry policy beside them."
        )
    return found.pop()


def _numbers(call: ast.Call) -> tuple[int, float] | None:
    given = dict(zip(("max_retries", "seconds_to_wait"), call.args, strict=False))
    given |= {entry.arg: entry.value for entry in call.keywords if entry.arg}
    try:
        values = {name: ast.literal_eval(node) for name, node in given.items()}
    except ValueError:
        return None
    return int(values.get("max_retries", 1)), float(values.get("seconds_to_wait") or 0)


def _in_order(saved: tuple[Saved, ...], op_def: dg.OpDefinition) -> tuple[Saved, ...]:
    """In the order of the definition: a function returns its values in that order."""
    places = {output.name: number for number, output in enumerate(op_def.output_defs)}
    return tuple(sorted(saved, key=lambda entry: places[entry.name]))


def _captured(function: SourceFunction) -> Mapping[str, Any]:
    for name, value in function.captured.items():
        if not is_literal(value):
            raise EjectError(
                f"{function.place}: it reads '{name}' of the function around it, a"
                f" {type(value).__name__}, which cannot be written down. Pass a plain value, or"
                " define the function at the module's top."
            )
    return function.captured


def _inputs(
    job: dg.JobDefinition, plan: Plan, step: Step
) -> tuple[list[Loaded], list[Passed], list[str]]:
    loaded: list[Loaded] = []
    given: list[str] = []
    passed: list[Passed] = []
    for entry in step.inputs:
        if not entry.is_value:
            continue
        edges = [
            edge
            for edge in plan.upstream_of(step.name)
            if edge.input_name == entry.name and edge.kind == "value"
        ]
        if entry.asset_key is not None:
            facts = asset_input_facts(job, step, entry.name, entry.asset_key)
            if facts.has_input_manager:
                raise EjectError(
                    f"{step.name}: the input '{entry.name}' has an input manager, which no rule"
                    " replaces. Load it in the function."
                )
            loaded.append(Loaded(entry.name, entry.asset_key, facts))
        elif edges:
            sources = [_passed(job, plan, step, entry, edge.upstream) for edge in edges]
            if len(sources) > 1 and any(source.output for source in sources):
                raise EjectError(
                    f"{step.name}: its input '{entry.name}' is a list of outputs of a step that"
                    " has several. Give each output a step of its own."
                )
            passed += sources
        elif not input_has_default(job, step, entry.name):
            given.append(entry.name)
    return loaded, passed, given


def _passed(job: dg.JobDefinition, plan: Plan, step: Step, entry: Input, upstream: str) -> Passed:
    other = plan.step(upstream)
    outputs = [output for output in other.outputs if output.check_key is None]
    is_mapped = step.kind == "mapped" and (other.is_dynamic or other.kind == "mapped")
    is_collected = step.kind == "collected" and (other.is_dynamic or other.kind == "mapped")
    # With several outputs the task returns them by name.
    output = _output_for(job, step, entry, upstream) if len(outputs) > 1 else None
    return Passed(entry.name, upstream, output, is_mapped, is_collected)


def _output_for(job: dg.JobDefinition, step: Step, entry: Input, upstream: str) -> str:
    names = read_outputs_of(job, step.name, entry.name, upstream)
    if len(names) != 1:
        raise EjectError(
            f"{step.name}: its input '{entry.name}' takes several outputs of {upstream}. Give each"
            " output a step of its own."
        )
    return names[0]


def _validate(plan: Plan, step: Step) -> None:
    """Raises EjectError for a step that waits for an output that may not be made."""
    for edge in plan.upstream_of(step.name):
        other = plan.step(edge.upstream)
        if any(not output.is_required and output.asset_key for output in other.outputs):
            read = {entry.asset_key for entry in step.inputs}
            if any(o.asset_key in read for o in other.outputs if not o.is_required):
                raise EjectError(
                    f"{step.name}: an output of {edge.upstream} that it needs may not be made."
                    " Make it required."
                )
    if step.is_dynamic and len([o for o in step.outputs if o.check_key is None]) > 1:
        raise EjectError(f"{step.name}: it has other outputs beside the dynamic one. Split it.")


def _waits_for(plan: Plan, step: Step, passed: Iterator[Passed] | Any) -> tuple[str, ...]:
    taken = {entry.upstream for entry in passed}
    names = (edge.upstream for edge in plan.upstream_of(step.name))
    return tuple(name for name in dict.fromkeys(names) if name not in taken)


def _shape(node: cst.FunctionDef, names: Any, function: SourceFunction) -> Shape:
    finder = _Body()
    node.body.visit(finder)
    parameters = (*node.params.params, *node.params.kwonly_params, *node.params.posonly_params)
    is_async = node.asynchronous is not None
    if is_async and finder.yields:
        raise EjectError(
            f"{function.place}: an async generator; yield from a plain function instead."
        )
    return Shape(
        parameters=frozenset(entry.name.value for entry in parameters),
        is_generator=finder.yields,
        is_async=is_async,
        has_no_value=finder.returns_none_only,
    )


class _Body(cst.CSTVisitor):
    """What a function's own body yields and returns."""

    def __init__(self) -> None:
        super().__init__()
        self.yields = False
        self._returns: list[bool] = []

    @property
    def returns_none_only(self) -> bool:
        """True if each `return` gives None: a result that has metadata and no value."""
        return bool(self._returns) and all(self._returns)

    def visit_Yield(self, node: cst.Yield) -> None:
        self.yields = True

    def visit_Return(self, node: cst.Return) -> None:
        match node.value:
            case cst.Name(value="None"):
                self._returns.append(True)
            case _:
                self._returns.append(False)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False


def written_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that an IO manager can be given: plain values, without Dagster's own."""
    plain = {
        name: getattr(value, "value", value)
        for name, value in metadata.items()
        if not name.startswith("dagster/")
    }
    return literals_of(plain)
