"""Each step of a job, as what will be written: a task around a function of the project."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from prefect_compat.eject.extraction import Extraction
from prefect_compat.eject.job_config import op_config
from prefect_compat.eject.literals import is_literal, literals_of
from prefect_compat.eject.shape import Shape, requested_retries, shape_of
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
    def is_configured(self) -> bool:
        """True if the task takes a configuration."""
        return self.arguments.config is not None and self.refusal is None

    @property
    def io_managers(self) -> tuple[str, ...]:
        """The IO managers of its inputs and of the assets that it makes."""
        reads = [entry.facts.io_manager for entry in self.loaded]
        writes = [entry.facts.io_manager for entry in self.saved if entry.asset is not None]
        return tuple(dict.fromkeys([*reads, *writes]))

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
    job: dg.JobDefinition, plan: Plan, extraction: Extraction
) -> tuple[EjectedStep, ...]:
    """The steps of a job in an order in which they can run.

    The function of each is added to the extraction. What cannot be carried over is a refusal.
    """
    return tuple(_read(job, plan, step, extraction) for step in plan.steps)


def _read(job: dg.JobDefinition, plan: Plan, step: Step, extraction: Extraction) -> EjectedStep:
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
        with extraction.undone_if_refused():
            rules, node = extraction.add_function(function)
            uses = extraction.context_uses(function, arguments.context)
            if arguments.config_class is not None:
                config = arguments.config_class
                extraction.add_name(config.__module__, config.__qualname__)
            return EjectedStep(
                step,
                function,
                arguments,
                shape_of(node, function.place),
                tuple(loaded),
                tuple(passed),
                _in_order(saved, op_def),
                tuple(given),
                _waits_for(plan, step, passed),
                captured,
                tuple(sorted(op_def.required_resource_keys)) if "resources" in uses else (),
                op_config(job, step, op_def) if "op_config" in uses else None,
                tuple(sorted(rules)),
                requested_retries(node, step.retry, function.place),
            )
    except EjectError as error:
        waits = _waits_for(plan, step, ())
        return EjectedStep(step, function, arguments, Shape(), waits_for=waits, refusal=str(error))


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
    if any(not o.is_required for o in outputs if output in (None, o.name)):
        raise _may_be_missing(step, upstream)
    return Passed(entry.name, upstream, output, is_mapped, is_collected)


def _output_for(job: dg.JobDefinition, step: Step, entry: Input, upstream: str) -> str:
    names = read_outputs_of(job, step.name, entry.name, upstream)
    if len(names) != 1:
        raise EjectError(
            f"{step.name}: its input '{entry.name}' takes several outputs of {upstream}. Give each"
            " output a step of its own."
        )
    return names[0]


def _may_be_missing(step: Step, upstream: str) -> EjectError:
    return EjectError(
        f"{step.name}: an output of {upstream} that it needs may not be made. Make it required."
    )


def _validate(plan: Plan, step: Step) -> None:
    """Raises EjectError for a step that waits for an output that may not be made."""
    read = {entry.asset_key for entry in step.inputs if entry.asset_key is not None}
    for edge in plan.upstream_of(step.name):
        optional = (o for o in plan.step(edge.upstream).outputs if not o.is_required)
        if any(output.asset_key in read for output in optional):
            raise _may_be_missing(step, edge.upstream)
    if step.is_dynamic and len([o for o in step.outputs if o.check_key is None]) > 1:
        raise EjectError(f"{step.name}: it has other outputs beside the dynamic one. Split it.")


def _waits_for(plan: Plan, step: Step, passed: Iterable[Passed]) -> tuple[str, ...]:
    taken = {entry.upstream for entry in passed}
    names = (edge.upstream for edge in plan.upstream_of(step.name))
    return tuple(name for name in dict.fromkeys(names) if name not in taken)


def written_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that an IO manager can be given: plain values, without Dagster's own."""
    plain = {
        name: getattr(value, "value", value)
        for name, value in metadata.items()
        if not name.startswith("dagster/")
    }
    return literals_of(plain)
