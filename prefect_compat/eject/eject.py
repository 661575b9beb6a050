"""From a job to the files of a Prefect project."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg
import libcst as cst

from prefect_compat.eject.extraction import Extraction
from prefect_compat.eject.flow_file import FlowWriter, identifiers
from prefect_compat.eject.header import Origin
from prefect_compat.eject.left_out import left_out
from prefect_compat.eject.module_files import module_files, written_names
from prefect_compat.eject.modules import Modules
from prefect_compat.eject.partitions import PartitionNames
from prefect_compat.eject.project_files import (
    not_carried,
    prefect_yaml,
    pyproject,
    test_file,
)
from prefect_compat.eject.resource_code import ResourceCode
from prefect_compat.eject.resources import ResourceWriter
from prefect_compat.eject.source import SourceFunction, source_of_function
from prefect_compat.eject.steps import EjectedStep, read_steps
from prefect_compat.eject.templates import template
from prefect_compat.engine.dagster_port.executors import declared_executor
from prefect_compat.errors import EjectError
from prefect_compat.graph.job_source import JobSource
from prefect_compat.graph.plan import Plan

RUFF_SETTINGS = '[tool.ruff]\nline-length = 100\ntarget-version = "py311"\n'
# Templates that are written where something imports them.
TEMPLATES = (
    "checks",
    "config",
    "context",
    "duckdb_database",
    "duckdb_tables",
    "failures",
    "memory",
    "pickles",
    "resource_base",
    "storage",
)


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
    """How a project is written: with copies of all modules, with stubs, without some functions.

    `deferred` steps, each with its reason, are stubs for now.
    """

    is_vendored: bool = False
    has_stubs: bool = False
    left_out: tuple[str, ...] = ()
    deferred: Mapping[str, str] = field(default_factory=dict)


def eject(source: JobSource, origin: Origin, options: EjectOptions = EjectOptions()) -> Ejection:
    """The project of a job.

    Raises EjectError, which names every step that cannot be carried over, unless those become
    stubs.
    """
    job, plan = source.job, source.plan
    modules = Modules()
    extraction = _extraction(modules, options)
    steps = _with_deferred(read_steps(job, plan, extraction, modules), options.deferred)
    config_function = _config_function(job, extraction)
    resources, steps = _resources(job, steps, extraction, modules)
    refused = {
        step.name: step.refusal
        for step in steps
        if step.refusal and step.name not in options.deferred
    }
    if refused and not options.has_stubs:
        raise EjectError(
            f"{plan.name}: {len(refused)} of {len(steps)} steps cannot be carried over:\n  "
            + "\n  ".join(f"{name}: {reason}" for name, reason in sorted(refused.items()))
            + "\nPass --stub to write them as stubs that raise."
        )
    return _written(source, origin, steps, resources, extraction, modules, config_function)


def _config_function(job: dg.JobDefinition, extraction: Extraction) -> SourceFunction | None:
    """The function that gives the configuration of each partition, added to the extraction.

    Raises EjectError for a function of the partition's time window.
    """
    config = job.partitioned_config
    if config is None or _is_same_for_all(config):
        return None
    function = config.run_config_for_partition_key_fn
    if function.__module__.startswith("dagster."):
        raise EjectError(
            f"{job.name}: its configuration is made from the time window of a partition, which no"
            " rule carries over. Make it from the partition key, by `dg.partitioned_config`."
        )
    source = source_of_function(f"the configuration of {job.name}", function)
    extraction.add_function(source)
    return source


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


def _is_same_for_all(config: dg.PartitionedConfig[Any]) -> bool:
    """True for a value that the job was given: Dagster makes a function of it."""
    name = getattr(config.run_config_for_partition_key_fn, "__qualname__", "")
    return name.startswith("PartitionedConfig.from_flexible_config.")


def _declared_config(job: dg.JobDefinition) -> Mapping[str, Any]:
    """The configuration of all runs; empty if each partition has its own."""
    config = job.partitioned_config
    if config is None:
        run_config: Mapping[str, Any] | None = job.run_config
        return run_config or {}
    return config.get_run_config_for_partition_key("") if _is_same_for_all(config) else {}


def _extraction(modules: Modules, options: EjectOptions) -> Extraction:
    return Extraction(modules, is_vendored=options.is_vendored, left_out=options.left_out)


def read_ejectable(
    source: JobSource, options: EjectOptions = EjectOptions()
) -> tuple[EjectedStep, ...]:
    """The steps of a job, each with the rules that carry it over or with its refusal."""
    modules = Modules()
    extraction = _extraction(modules, options)
    steps = read_steps(source.job, source.plan, extraction, modules)
    steps = _with_deferred(steps, options.deferred)
    return _resources(source.job, steps, extraction, modules)[1]


def _resources(
    job: dg.JobDefinition,
    steps: Sequence[EjectedStep],
    extraction: Extraction,
    modules: Modules,
) -> tuple[dict[str, ResourceCode], tuple[EjectedStep, ...]]:
    """The code of the resources in use, and the steps, some refused because of theirs."""
    run_config = getattr(job, "run_config", None) or {}
    writer = ResourceWriter(extraction, modules, "store", run_config)
    written: dict[str, ResourceCode] = {}
    faults: dict[str, str] = {}
    checked = []
    for step in steps:
        for name in _resource_names(step):
            if name in written or name in faults:
                continue
            try:
                written[name] = writer.write(name, job.resource_defs[name])
            except EjectError as error:
                faults[name] = str(error)
        fault = next((faults[name] for name in _resource_names(step) if name in faults), None)
        checked.append(replace(step, refusal=fault) if fault and not step.refusal else step)
    used = {name for step in checked if not step.refusal for name in _resource_names(step)}
    return {n: code for n, code in written.items() if n in used}, tuple(checked)


def _resource_names(step: EjectedStep) -> list[str]:
    if step.refusal is not None:
        return []
    managers = [entry.facts.io_manager for entry in step.loaded]
    managers += [entry.facts.io_manager for entry in step.saved if entry.asset is not None]
    return list(dict.fromkeys([*managers, *step.resources]))


def _written(
    source: JobSource,
    origin: Origin,
    steps: tuple[EjectedStep, ...],
    resources: Mapping[str, ResourceCode],
    extraction: Extraction,
    modules: Modules,
    config_function: SourceFunction | None,
) -> Ejection:
    job, plan = source.job, source.plan
    names = written_names(extraction)
    files = module_files(extraction, modules, names)
    partition_names = PartitionNames()
    if job.partitions_def is not None:
        partition_names.name_of(job.partitions_def, "partitions")
    writer = FlowWriter(
        job=job,
        plan=plan,
        steps=steps,
        modules=names,
        names=partition_names,
        identifiers=identifiers(plan, plan.name),
        forbids_retries=any("failure" in entry.rules for entry in extraction.needed.values()),
        faithful_managers=frozenset(
            name for name, code in resources.items() if code.type in ("PickledFiles", "InMemory")
        ),
        config_function=config_function,
        declared_config=_declared_config(job),
        is_sequential=declared_executor(job, {}).kind == "in process",
        description=job.description,
    )
    flow_file = f"flows/{writer.flow_name}.py"
    files[flow_file] = writer.write() + _main(writer)
    files["flows/__init__.py"] = ""
    if resources:
        files["resources.py"] = _resources_file(resources, names)
    if partition_names.by_code:
        files["partitions.py"] = _partitions_file(partition_names)
    files |= _templates(files)
    variables = sorted({name for code in resources.values() for name in code.variables})
    partition = _example_partition(job)
    files["tests/test_flow.py"] = test_file(
        writer.flow_name, f"flows.{writer.flow_name}", plan, partition, variables
    )
    documented = {
        name: f'"""{_title(name, plan)}"""\n' if not text and name.endswith(".py") else text
        for name, text in files.items()
    }
    code = {
        name: text if not name.endswith(".py") else origin.comment() + "\n" + text
        for name, text in _formatted(documented).items()
    }
    others = {
        "pyproject.toml": origin.comment()
        + "\n"
        + pyproject(plan.name, _libraries(files), variables, _moved(extraction, names)),
        "prefect.yaml": origin.comment()
        + "\n"
        + prefect_yaml(plan.name, f"{flow_file}:{writer.flow_name}", _schedules(source, plan.name)),
        "NOT_CARRIED.md": not_carried(
            origin,
            {step.name: step.refusal for step in steps if step.refusal},
            left_out(source, steps),
            extraction.kept,
        ),
    }
    return Ejection({**code, **others}, steps, f"{flow_file}:{writer.flow_name}")


def _moved(extraction: Extraction, names: Mapping[str, str]) -> dict[str, str]:
    """The written modules with classes that a stored value may be of, and their sources."""
    return {
        names[name]: name
        for name, needed in extraction.needed.items()
        if any(isinstance(node, cst.ClassDef) for node in needed.statements.values())
    }


def _title(name: str, plan: Plan) -> str:
    return f"The functions of {plan.name}." if name.startswith("tasks") else f"{plan.name}."


def _main(writer: FlowWriter) -> str:
    return f'\n\nif __name__ == "__main__":\n    {writer.flow_name}()\n'


def _resources_file(resources: Mapping[str, ResourceCode], names: Mapping[str, str]) -> str:
    imports = {
        f"import {module}"
        if not name
        else f"from {names.get(module, module)} import {name.partition('.')[0]}"
        for code in resources.values()
        for module, name in code.imports
    }
    functions = "\n\n".join(
        f"def {name}() -> {code.type}:\n    return {code.body}\n"
        for name, code in sorted(resources.items())
    )
    doc = '"""The resources of the steps; environment variables say where values are stored."""'
    return f"{doc}\n\n" + "\n".join(sorted(imports)) + "\n\n\n" + functions


def _partitions_file(names: PartitionNames) -> str:
    text = template("partition_types")
    made = "\n".join(f"{name} = {code}" for code, name in names.by_code.items())
    return f"{text}\n\n{made}\n"


def _templates(files: Mapping[str, str]) -> dict[str, str]:
    """The files that the others import, and those that these import in turn."""
    found: dict[str, str] = {}
    text = "\n".join(files.values())
    while wanted := [name for name in TEMPLATES if f"{name}.py" not in found and _uses(text, name)]:
        found |= {f"{name}.py": template(name) for name in wanted}
        text = "\n".join((*files.values(), *found.values()))
    if _uses(text, "partitions") and "partitions.py" not in files:
        found["partitions.py"] = template("partition_types")
    return found


def _uses(text: str, module: str) -> bool:
    return f"from {module} import" in text or f"import {module}\n" in text


def _libraries(files: Mapping[str, str]) -> set[str]:
    """The modules that the written code imports."""
    from prefect_compat.eject.names import imports_of

    return {
        imported.module
        for name, text in files.items()
        if name.endswith(".py") and not name.startswith("tests/")
        for imported in imports_of(text, "").values()
    }


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


def _formatted(files: Mapping[str, str]) -> dict[str, str]:
    """The files as ruff formats them, with sorted imports and without unused ones."""
    with tempfile.TemporaryDirectory(prefix="prefect-compat-eject-") as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(RUFF_SETTINGS, encoding="utf-8")
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        python = [path for path in files if path.endswith(".py")]
        _ruff(folder, "check", "--quiet", "--fix", "--exit-zero", "--select", "I,F401", *python)
        _ruff(folder, "format", *python)
        return {path: (folder / path).read_text(encoding="utf-8") for path in files}


def _ruff(folder: Path, *arguments: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise EjectError(f"The written code cannot be formatted: {ran.stderr.strip()[:500]}")
