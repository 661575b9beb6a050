"""From a job to the files of a Prefect project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import dagster as dg
import libcst as cst

from prefect_compat.eject.extraction import Extraction
from prefect_compat.eject.flow_file import FlowWriter
from prefect_compat.eject.flow_scope import FlowScope, identifiers
from prefect_compat.eject.formatting import formatted
from prefect_compat.eject.header import Origin
from prefect_compat.eject.job_config import config_function, declared_config
from prefect_compat.eject.left_out import left_out
from prefect_compat.eject.module_files import module_files, written_names
from prefect_compat.eject.modules import Modules
from prefect_compat.eject.partitions import PartitionNames
from prefect_compat.eject.project_files import not_carried, prefect_yaml, pyproject, test_file
from prefect_compat.eject.resource_code import ResourceCode
from prefect_compat.eject.resources import ResourceWriter
from prefect_compat.eject.source import SourceFunction
from prefect_compat.eject.steps import EjectedStep, read_steps
from prefect_compat.eject.support_files import (
    imported_libraries,
    partitions_file,
    resources_file,
    template_files,
)
from prefect_compat.eject.task_code import TaskWriter
from prefect_compat.engine.dagster_port.executors import declared_executor
from prefect_compat.errors import EjectError
from prefect_compat.graph.job_source import JobSource
from prefect_compat.graph.plan import Plan

# Types of IO managers that load what was stored, to the last bit.
FAITHFUL = ("PickledFiles", "InMemory")


@dataclass(frozen=True)
class Ejection:
    """The files of the project by their path, and the steps with what became of each."""

    files: Mapping[str, str]
    steps: tuple[EjectedStep, ...]
    flow: str

    @property
    def refused(self) -> tuple[EjectedStep, ...]:
        return tuple(step for step in self.steps if step.refusal is not None)


@dataclass(frozen=True)
class EjectOptions:
    """Options: copies of all modules, stubs for what is refused, functions that are left out.

    `deferred` steps, each with its reason, are stubs for now.
    """

    is_vendored: bool = False
    has_stubs: bool = False
    left_out: tuple[str, ...] = ()
    deferred: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Carried:
    """What is carried over of a job: its steps, and the code that they need."""

    steps: tuple[EjectedStep, ...]
    modules: Modules
    extraction: Extraction
    resources: Mapping[str, ResourceCode]


def eject(source: JobSource, origin: Origin, options: EjectOptions = EjectOptions()) -> Ejection:
    """The project of a job.

    Raises EjectError, which names every step that cannot be carried over, unless those become
    stubs.
    """
    carried = _carried(source, options)
    function = config_function(source.job, carried.extraction)
    refused = {
        step.name: step.refusal
        for step in carried.steps
        if step.refusal and step.name not in options.deferred
    }
    if refused and not options.has_stubs:
        raise EjectError(
            f"{source.plan.name}: {len(refused)} of {len(carried.steps)} steps cannot be carried"
            " over:\n  "
            + "\n  ".join(f"{name}: {reason}" for name, reason in sorted(refused.items()))
            + "\nPass --stub to write them as stubs that raise."
        )
    return _written(source, origin, carried, function)


def read_ejectable(
    source: JobSource, options: EjectOptions = EjectOptions()
) -> tuple[EjectedStep, ...]:
    """The steps of a job, each with the rules that carry it over or with its refusal."""
    return _carried(source, options).steps


def _carried(source: JobSource, options: EjectOptions) -> Carried:
    modules = Modules()
    extraction = Extraction(modules, is_vendored=options.is_vendored, left_out=options.left_out)
    read = read_steps(source.job, source.plan, extraction)
    writer = ResourceWriter(extraction, modules, declared_config(source.job))
    resources, steps = _with_resources(writer, _with_deferred(read, options.deferred), source.job)
    return Carried(steps, modules, extraction, resources)


def _with_deferred(
    steps: tuple[EjectedStep, ...], deferred: Mapping[str, str]
) -> tuple[EjectedStep, ...]:
    """The steps, some as stubs for now. Raises EjectError for the name of no step."""
    known = {step.name for step in steps}
    for name in deferred:
        if name not in known:
            raise EjectError(
                f"--defer {name}: there is no such step; there are {', '.join(sorted(known))}."
            )
    return tuple(
        replace(step, refusal=f"deferred: {deferred[step.name]}") if step.name in deferred else step
        for step in steps
    )


def _with_resources(
    writer: ResourceWriter, steps: Sequence[EjectedStep], job: dg.JobDefinition
) -> tuple[dict[str, ResourceCode], tuple[EjectedStep, ...]]:
    """The code of the resources in use, and the steps, some refused because of theirs."""
    written: dict[str, ResourceCode] = {}
    faults: dict[str, str] = {}
    for name in _used_resources(steps):
        try:
            written[name] = writer.write(name, job.resource_defs[name])
        except EjectError as error:
            faults[name] = str(error)
    checked = tuple(_refused_by(faults, step) for step in steps)
    used = _used_resources(checked)
    return {name: code for name, code in written.items() if name in used}, checked


def _refused_by(faults: Mapping[str, str], step: EjectedStep) -> EjectedStep:
    """The step, refused if it uses a resource with a fault."""
    fault = next((faults[name] for name in _used_resources([step]) if name in faults), None)
    return replace(step, refusal=fault) if fault else step


def _used_resources(steps: Sequence[EjectedStep]) -> list[str]:
    """The resources of the steps that are not refused, IO managers first."""
    return list(
        dict.fromkeys(
            name
            for step in steps
            if step.refusal is None
            for name in (*step.io_managers, *step.resources)
        )
    )


def _written(
    source: JobSource, origin: Origin, carried: Carried, function: SourceFunction | None
) -> Ejection:
    names = written_names(carried.extraction)
    flow = _flow_writer(source, carried, function, names)
    name = flow.scope.flow_name
    entrypoint = f"flows/{name}.py:{name}"
    modules = _code_files(carried, flow, names)
    places = sorted({place for code in carried.resources.values() for place in code.variables})
    modules["tests/test_flow.py"] = test_file(
        name, f"flows.{name}", source.plan, _example_partition(source.job), places
    )
    documented = {
        path: text or f'"""{_title(path, source.plan)}"""\n' for path, text in modules.items()
    }
    libraries = imported_libraries(modules)
    files = {
        **formatted(documented),
        "pyproject.toml": pyproject(
            source.plan.name, libraries, places, _moved(carried.extraction, names)
        ),
        "prefect.yaml": prefect_yaml(
            source.plan.name, entrypoint, _schedules(source, source.plan.name)
        ),
    }
    headed = {path: f"{origin.comment()}\n{text}" for path, text in files.items()}
    headed["NOT_CARRIED.md"] = not_carried(
        origin,
        {step.name: step.refusal for step in carried.steps if step.refusal},
        left_out(source, carried.steps),
        carried.extraction.kept,
    )
    return Ejection(headed, carried.steps, entrypoint)


def _flow_writer(
    source: JobSource, carried: Carried, function: SourceFunction | None, names: Mapping[str, str]
) -> FlowWriter:
    job, plan = source.job, source.plan
    partitions = PartitionNames()
    if job.partitions_def is not None:
        partitions.name_of(job.partitions_def, "partitions")
    scope = FlowScope(job, plan, carried.steps, names, partitions, identifiers(plan, plan.name))
    needed = carried.extraction.needed.values()
    faithful = frozenset(name for name, code in carried.resources.items() if code.type in FAITHFUL)
    tasks = TaskWriter(scope, any("failure" in entry.rules for entry in needed), faithful)
    is_sequential = declared_executor(job, {}).kind == "in process"
    return FlowWriter(scope, tasks, is_sequential, function, declared_config(job))


def _code_files(carried: Carried, flow: FlowWriter, names: Mapping[str, str]) -> dict[str, str]:
    """The modules of the project, without their tests, as they are before formatting."""
    files = module_files(carried.extraction, carried.modules, names)
    name = flow.scope.flow_name
    files[f"flows/{name}.py"] = flow.write() + _main(name)
    files["flows/__init__.py"] = ""
    if carried.resources:
        files["resources.py"] = resources_file(carried.resources, names)
    if flow.scope.partitions.by_code:
        files["partitions.py"] = partitions_file(flow.scope.partitions)
    return files | template_files(files)


def _moved(extraction: Extraction, names: Mapping[str, str]) -> dict[str, str]:
    """The written modules with classes that a stored value may be of, and their sources."""
    return {
        names[name]: name
        for name, needed in extraction.needed.items()
        if any(isinstance(node, cst.ClassDef) for node in needed.statements.values())
    }


def _title(name: str, plan: Plan) -> str:
    return f"The functions of {plan.name}." if name.startswith("tasks") else f"{plan.name}."


def _main(flow: str) -> str:
    return f'\n\nif __name__ == "__main__":\n    {flow}()\n'


def _schedules(source: JobSource, name: str) -> list[dg.ScheduleDefinition]:
    return [schedule for schedule in source.repository.schedule_defs if schedule.job_name == name]


def _example_partition(job: dg.JobDefinition) -> str | None:
    """The first partition, for the tests."""
    partitions = job.partitions_def
    if partitions is None:
        return None
    if isinstance(partitions, dg.DynamicPartitionsDefinition):
        return "example"
    key = partitions.get_first_partition_key()
    return str(key) if key is not None else None
