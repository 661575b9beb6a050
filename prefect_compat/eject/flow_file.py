"""The flow's file: a task for each step, and the flow that calls them."""

import keyword
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_args

import dagster as dg

from prefect_compat.eject.literals import is_literal, literal
from prefect_compat.eject.partitions import PartitionNames, keys_code
from prefect_compat.eject.source import SourceFunction
from prefect_compat.eject.steps import EjectedStep, Loaded, Passed, written_metadata
from prefect_compat.engine.dagster_port.step_facts import (
    InputFacts,
    has_check_partitions,
    partitions_of_asset,
    partitions_of_step,
)
from prefect_compat.graph.plan import Plan

# Names that the file uses itself.
RESERVED = frozenset(
    {"flow", "task", "load", "save", "opened", "quote", "reporting", "tasks", "Any", "asyncio"}
    | {"partitions", "resources", "checks", "context", "partition", "partition_key"}
    | {"partition_keys", "value", "config", "key", "keys", "name", "element"}
)


def identifiers(plan: Plan, flow_name: str) -> dict[str, str]:
    """A Python name for each step, all of them different."""
    found: dict[str, str] = {}
    for step in plan.steps:
        name = re.sub(r"\W", "_", step.name)
        if keyword.iskeyword(name) or name in RESERVED or name == flow_name or name[:1].isdigit():
            name = f"{name}_task" if not name[:1].isdigit() else f"step_{name}"
        while name in found.values():
            name += "_"
        found[step.name] = name
    return found


@dataclass
class FlowWriter:
    """Writes the tasks and the flow of a job.

    `modules` has the written module of each of the project's. `forbids_retries` says that some
    failure may forbid a retry. `faithful_managers` load what was stored, to the last bit.
    `config_function` gives the configuration of each partition, or else `declared_config` is that
    of all runs.
    """

    job: dg.JobDefinition
    plan: Plan
    steps: Sequence[EjectedStep]
    modules: Mapping[str, str]
    names: PartitionNames
    identifiers: Mapping[str, str]
    is_sequential: bool
    forbids_retries: bool
    faithful_managers: frozenset[str]
    config_function: SourceFunction | None
    declared_config: Mapping[str, Any]
    description: str | None
    imports: set[str] = field(default_factory=set)

    @property
    def flow_name(self) -> str:
        name = re.sub(r"\W", "_", self.plan.name)
        return f"{name}_flow" if keyword.iskeyword(name) else name

    @property
    def covers_ranges(self) -> bool:
        """True if one run of the flow can cover several partitions."""
        return self.plan.is_partitioned and self.plan.partitions_per_run is None

    def write(self) -> str:
        """The code of the file, without its header."""
        tasks = [self._task(step) for step in self.steps]
        flow = self._flow()
        self.imports |= {"from prefect import flow, task"}
        lines = "\n".join(sorted(self.imports))
        return f"{lines}\n\n\n" + "\n\n".join([*tasks, flow])

    # --- tasks -------------------------------------------------------------------------------

    def _task(self, step: EjectedStep) -> str:
        name = self.identifiers[step.name]
        parameters = ", ".join(self._task_parameters(step))
        description = step.step.description
        doc = f'    """{_one_line(description)}"""\n' if description else ""
        if step.refusal is not None:
            text = literal(f"{step.name} is to be written by hand: {step.refusal}")
            body = f"raise NotImplementedError({text})"
        else:
            body = "\n".join(self._body(step))
        self.imports.add("from typing import Any")
        returns = "Any" if step.saved and not self._has_no_value(step) else "None"
        return (
            f"@task({', '.join(self._options(step))})\n"
            f"def {name}({parameters}) -> {returns}:\n{doc}{textwrap.indent(body, '    ')}\n"
        )

    def _options(self, step: EjectedStep) -> Iterator[str]:
        yield f"name={literal(step.name)}"
        if step.step.kind == "mapped":
            yield f'task_run_name="{step.name}[{{mapping_key}}]"'
        delays = step.step.retry.delays_s
        if delays:
            yield f"retries={len(delays)}"
            if any(delays):
                same = len(set(delays)) == 1
                yield f"retry_delay_seconds={delays[0] if same else list(delays)}"
            if self.forbids_retries or step.blocking:
                self.imports.add("from failures import may_retry")
                yield "retry_condition_fn=may_retry"
        if step.requested_retries is not None:
            number, wait_s = step.requested_retries
            self.imports.add("from failures import is_requested")
            yield f"retries={number}"
            if wait_s:
                yield f"retry_delay_seconds={wait_s}"
            yield "retry_condition_fn=is_requested"
        tags = [f"{n}={v}" for n, v in step.step.tags if not n.startswith("dagster/")]
        tags += [step.step.pool] if step.step.pool else []
        if tags:
            yield f"tags={literal(tags)}"

    def _task_parameters(self, step: EjectedStep) -> Iterator[str]:
        if step.step.partitions is not None:
            yield "partition_keys: list[str]" if self.covers_ranges else "partition_key: str"
        names = (self._passed_name(entries[0]) for entries in _by_input(step))
        yield from (f"{name}: Any" for name in dict.fromkeys(names))
        yield from (f"{name}: Any" for name in step.given)
        if step.arguments.config is not None and step.refusal is None:
            yield f"config: {self._config_type(step)}"
        if step.step.kind == "mapped":
            yield "mapping_key: str"

    def _passed_name(self, entry: Passed) -> str:
        """The parameter: the input's name, or (of several outputs) the upstream step's."""
        return self.identifiers[entry.upstream] if entry.output else entry.name

    def _config_type(self, step: EjectedStep) -> str:
        config = step.arguments.config_class
        assert config is not None
        return f"{self._module(config.__module__)}.{config.__qualname__}"

    def _module(self, source: str) -> str:
        """The name under which the flow's file knows a written module, which it imports."""
        written = self.modules[source]
        package, _, last = written.rpartition(".")
        lasts = [name.rpartition(".")[2] for name in self.modules.values()]
        is_shared = lasts.count(last) > 1
        if is_shared or last in self.identifiers.values() or last in {*RESERVED, self.flow_name}:
            distinct = written.partition(".")[2].replace(".", "_") if is_shared else last
            self.imports.add(f"from {package} import {last} as {distinct}_module")
            return f"{distinct}_module"
        self.imports.add(f"from {package} import {last}")
        return last

    def _body(self, step: EjectedStep) -> Iterator[str]:
        managers = self._managers(step)
        opened = list(dict.fromkeys([*managers, *step.resources]))
        inner = list(self._inner(step))
        if len(inner) > 1 and inner[-1] == "return value" and inner[-2].startswith("value = "):
            inner[-2:] = [f"return {inner[-2].removeprefix('value = ')}"]
        managed = [f"opened(resources.{name}()) as {_local(name)}" for name in opened]
        if opened:
            self.imports |= {"import resources", "from resource_base import opened"}
        if step.checks:
            self.imports.add("from checks import reporting")
            managed.append(self._reporting(step))
        if managed:
            inner = [f"with ({', '.join(managed)}):", *_indented(inner)]
        yield from inner

    def _inner(self, step: EjectedStep) -> Iterator[str]:
        assert step.function is not None
        module = self._module(step.function.module)
        arguments = ", ".join(self._arguments(step))
        call = f"{module}.{step.function.name}({arguments})"
        if step.shape.is_async:
            self.imports.add("import asyncio")
            call = f"asyncio.run({call})"
        is_check = not step.saved and step.checks
        if is_check and step.shape.is_generator:
            yield f"list({call})"
            return
        if is_check:
            self.imports.add("from checks import report_checks")
            yield f"result = {call}"
            yield "report_checks([result])"
            return
        if self._has_no_value(step):
            yield f"list({call})" if step.shape.is_generator else call
            return
        yield from self._value(step, call)
        for entry in step.saved:
            if entry.asset is None or entry.facts.is_nothing:
                continue
            self.imports.add("from storage import save")
            value = f"value[{literal(entry.name)}]" if self._is_named(step) else "value"
            rest = self._save_rest(step, entry.facts.metadata)
            line = (
                f"save({_local(entry.facts.io_manager)}, {literal('/'.join(entry.asset))},"
                f" {value}{rest})"
            )
            is_optional = any(o.name == entry.name and not o.is_required for o in step.step.outputs)
            if is_optional and self._is_named(step):
                yield f"if {literal(entry.name)} in value:"
                line = f"    {line}"
            yield line
        yield f"return {self._returned(step)}"

    def _returned(self, step: EjectedStep) -> str:
        """The value, as later steps load it: an IO manager may store it in another form."""
        (entry, *others) = step.saved
        manager = entry.facts.io_manager
        if others or entry.asset is None or manager not in self.reading_managers:
            return "value"
        loaded = Loaded(entry.name, entry.asset, InputFacts(manager, {}, entry.facts.metadata))
        return self._load(step, loaded)

    @cached_property
    def reading_managers(self) -> frozenset[str]:
        """The IO managers of the project's own that some step loads from."""
        return (
            frozenset(entry.facts.io_manager for step in self.steps for entry in step.loaded)
            - self.faithful_managers
        )

    def _value(self, step: EjectedStep, call: str) -> Iterator[str]:
        names = [entry.name for entry in step.saved]
        if step.step.is_dynamic or (step.shape.is_generator and self._is_named(step)):
            yield f"value = dict({call})"
        elif step.shape.is_generator:
            yield f"((_, value),) = {call}"
        elif self._is_named(step):
            yield f"value = dict(zip({literal(names)}, {call}, strict=True))"
        else:
            yield f"value = {call}"

    @staticmethod
    def _is_named(step: EjectedStep) -> bool:
        return len(step.saved) > 1

    @staticmethod
    def _has_no_value(step: EjectedStep) -> bool:
        return step.shape.has_no_value or all(entry.facts.is_nothing for entry in step.saved)

    def _save_rest(self, step: EjectedStep, metadata: Mapping[str, object]) -> str:
        keys = self._own_keys(step)
        plain = written_metadata(metadata)
        rest = f", {keys}" if keys else ""
        return rest + (f", metadata={literal(plain)}" if plain else "")

    def _own_keys(self, step: EjectedStep) -> str | None:
        if step.step.partitions is None:
            return None
        return "partition_keys" if self.covers_ranges else "[partition_key]"

    def _arguments(self, step: EjectedStep) -> Iterator[str]:
        context = step.arguments.context
        if context is not None and context in step.shape.parameters:
            yield f"{context}={self._context(step)}"
        elif context is not None and "partition_key" in step.shape.parameters:
            yield "partition_key=partition_key"
        if step.arguments.config is not None:
            yield f"{step.arguments.config}=config"
        for name in step.arguments.resources:
            yield f"{name}={_local(name)}"
        for entry in step.loaded:
            yield f"{entry.name}={self._load(step, entry)}"
        for entries in _by_input(step):
            name = self._passed_name(entries[0])
            output = entries[0].output
            taken = f"{name}[{literal(output)}]" if output else name
            yield f"{entries[0].name}={taken}"
        yield from (f"{name}={name}" for name in step.given)
        for name, value in sorted(step.captured.items()):
            yield f"{name}={literal(value)}"

    def _context(self, step: EjectedStep) -> str:
        self.imports.add("from context import StepContext")
        options = [literal(step.name)]
        assets = ["/".join(key) for key in step.step.asset_keys]
        if assets or step.step.partitions is not None:
            options.append(literal(assets))
        if keys := self._own_keys(step):
            own = partitions_of_step(self.job, step.step)
            assert own is not None
            self.imports.add("import partitions")
            name = self.names.name_of(own, "partitions")
            options += [keys, f"partitions.{name}"]
        if step.step.kind == "mapped":
            options.append("mapping_key=mapping_key")
        if step.context_resources:
            self.imports.add("from types import SimpleNamespace")
            given = ", ".join(f"{name}={_local(name)}" for name in step.context_resources)
            options.append(f"resources=SimpleNamespace({given})")
        if step.op_config is not None:
            options.append(f"op_config={literal(step.op_config)}")
        return f"StepContext({', '.join(options)})"

    def _load(self, step: EjectedStep, entry: Loaded) -> str:
        self.imports.add("from storage import load")
        own = partitions_of_step(self.job, step.step)
        keys = keys_code(
            own,
            partitions_of_asset(self.job, entry.asset),
            entry.facts.mapping,
            self._own_keys(step) or "[]",
            self.names,
            "_".join(entry.asset),
        )
        if keys is not None and "partitions." in keys:
            self.imports.add("import partitions")
        options = "".join(
            f", {name}={literal(plain)}"
            for name, values in (
                ("metadata", entry.facts.metadata),
                ("output_metadata", entry.facts.output_metadata),
            )
            if (plain := written_metadata(values))
        )
        where = f", {keys}" if keys else ""
        manager = _local(entry.facts.io_manager)
        return f"load({manager}, {literal('/'.join(entry.asset))}{where}{options})"

    def _managers(self, step: EjectedStep) -> list[str]:
        reads = [entry.facts.io_manager for entry in step.loaded]
        writes = [
            entry.facts.io_manager
            for entry in step.saved
            if entry.asset is not None and not self._has_no_value(step)
        ]
        return list(dict.fromkeys([*reads, *writes]))

    def _reporting(self, step: EjectedStep) -> str:
        checks = {"/".join(asset): names for asset, names in step.checks.items()}
        options = [literal(checks)]
        if step.blocking:
            options.append(f"blocking={literal([check.name for check in step.blocking])}")
        if keys := self._own_keys(step) if has_check_partitions(self.job, step.step) else None:
            options.append(f"partition_keys={keys}")
        return f"reporting({', '.join(options)})"

    # --- the flow ----------------------------------------------------------------------------

    def _flow(self) -> str:
        options = [f"name={literal(self.plan.name)}"]
        if self.is_sequential:
            self.imports.add("from prefect.task_runners import ThreadPoolTaskRunner")
            options.append("task_runner=ThreadPoolTaskRunner(max_workers=1)")
        self.imports.add("from prefect.futures import PrefectFuture")
        signature = ", ".join(self._flow_parameters())
        lines = list(self._flow_body())
        doc = self.description or f"The job {self.plan.name}."
        body = textwrap.indent("\n".join(lines), "    ")
        return (
            f"@flow({', '.join(options)})\n"
            f"def {self.flow_name}({signature}) -> list[PrefectFuture[Any]]:\n"
            f'    """{_one_line(doc)}"""\n{body}\n'
        )

    def _flow_parameters(self) -> Iterator[str]:
        if self.plan.is_partitioned:
            yield f"{self._partition}: str | None = None"
        configured = [step for step in self.steps if step.arguments.config and step.refusal is None]
        given = [(step, name) for step in self.steps for name in step.given]
        if configured or given:
            yield "*"
        for step, name in given:
            yield f"{self.identifiers[step.name]}_{name}: Any"
        for step in configured:
            name, kind = self._config_parameter(step), self._config_type(step)
            if self.config_function is not None:
                yield f"{name}: {kind} | None = None"
                continue
            default = self._config_default(step)
            yield f"{name}: {kind}" + (f" = {default}" if default else "")

    def _config_default(self, step: EjectedStep) -> str | None:
        """The configuration that the job declares, or that of its class; None if it has none."""
        config = step.arguments.config_class
        assert config is not None
        given = self.declared_config
        for part in _config_path(step):
            given = given.get(part, {})
        fields = config.model_fields.items()
        required = [name for name, info in fields if _must_be_given(info) and name not in given]
        if required or not is_literal(given):
            return None
        arguments = ", ".join(f"{name}={literal(value)}" for name, value in given.items())
        return f"{self._config_type(step)}({arguments})"

    def _config_argument(self, step: EjectedStep) -> str:
        """What is passed to the task: the parameter, or else the partition's configuration."""
        name, function = self._config_parameter(step), self.config_function
        if function is None:
            return name
        call = f"{self._module(function.module)}.{function.name}(key.unquote())"
        path = "".join(f"[{literal(part)}]" for part in _config_path(step))
        return f"{name} or {self._config_type(step)}(**{call}{path})"

    def _config_parameter(self, step: EjectedStep) -> str:
        """The flow's parameter with a step's configuration; pydantic has its own `model_config`."""
        name = self.identifiers[step.name]
        return f"config_of_{name}" if name == "model" else f"{name}_config"

    @property
    def _partition(self) -> str:
        return "partition" if self.covers_ranges else "partition_key"

    def _flow_body(self) -> Iterator[str]:
        if self.plan.is_partitioned:
            yield from self._flow_keys()
        for step in self.steps:
            yield from self._submission(step)
        runs = (self._futures(step.name) for step in self.steps)
        yield f"return [{', '.join(runs)}]"

    def _flow_keys(self) -> Iterator[str]:
        partitions = self.job.partitions_def
        assert partitions is not None
        self.imports.add("import partitions")
        own = f"partitions.{self.names.name_of(partitions, 'partitions')}"
        self.imports.add("from prefect.utilities.annotations import quote")
        yield "# Quoted: Prefect would else infer that a task with the key depends on each one"
        yield "# whose result has the same text in it."
        if self.covers_ranges:
            yield f"keys = quote({own}.keys_of(partition or {own}.latest()))"
        else:
            yield f"key = quote({own}.validated(partition_key or {own}.latest()))"

    def _submission(self, step: EjectedStep) -> Iterator[str]:
        name, run = self.identifiers[step.name], self._run(step.name)
        arguments = []
        if step.step.partitions is not None:
            arguments.append("keys" if self.covers_ranges else "key")
        mapped = [entry for entry in step.passed if entry.is_mapped]
        for parameter, entries in {self._passed_name(e[0]): e for e in _by_input(step)}.items():
            taken = ", ".join(map(self._taken, entries))
            taken = f"[{taken}]" if len(entries) > 1 else taken
            arguments.append(f"{parameter}={taken}")
        arguments += [f"{entry}={name}_{entry}" for entry in step.given]
        if step.arguments.config is not None and step.refusal is None:
            arguments.append(f"config={self._config_argument(step)}")
        # A value of a dynamic step is no future: Prefect would infer where it comes from, also from
        # an equal small number or text elsewhere.
        dynamic = [e.upstream for e in step.passed if self._is_value_of_dynamic(e)]
        if waited := dict.fromkeys([*step.waits_for, *dynamic]):
            arguments.append(f"wait_for=[{', '.join(map(self._futures, waited))}]")
        if step.step.kind != "mapped":
            yield f"{run} = {name}.submit({', '.join(arguments)})"
            return
        (source, *_) = mapped
        items = self._run(source.upstream)
        items += ".items()" if self._is_mapped(source.upstream) else ".result().items()"
        self.imports.add("from prefect.utilities.annotations import quote")
        yield f"{run} = {{"
        yield f"    name: {name}.submit({', '.join([*arguments, 'mapping_key=quote(name)'])})"
        yield f"    for name, element in {items}"
        yield "}"

    def _taken(self, entry: Passed) -> str:
        run = self._run(entry.upstream)
        if entry.is_mapped:
            return "quote(element)" if self._is_value_of_dynamic(entry) else "element"
        if entry.is_collected:
            return (
                f"list({run}.values())"
                if self._is_mapped(entry.upstream)
                else f"list({run}.result().values())"
            )
        return run

    def _is_value_of_dynamic(self, entry: Passed) -> bool:
        """True for an element that a dynamic step has returned, not the future of a mapped one."""
        return entry.is_mapped and not self._is_mapped(entry.upstream)

    def _futures(self, name: str) -> str:
        """The future of a step, or those of a mapped one, in a list."""
        return f"*{self._run(name)}.values()" if self._is_mapped(name) else self._run(name)

    def _is_mapped(self, name: str) -> bool:
        return self.plan.step(name).kind == "mapped"

    def _run(self, name: str) -> str:
        return f"{self.identifiers[name]}_run"


def _config_path(step: EjectedStep) -> tuple[str, ...]:
    """Where a run config has the configuration of a step."""
    return (*(part for name in step.step.node for part in ("ops", name)), "config")


def _by_input(step: EjectedStep) -> list[list[Passed]]:
    """What is passed to each input: of several, the function gets a list."""
    found: dict[str, list[Passed]] = {}
    for entry in step.passed:
        found.setdefault(entry.name, []).append(entry)
    return list(found.values())


def _must_be_given(field: Any) -> bool:
    """True for a field without a default, unless it may be None, as Dagster has it."""
    return field.is_required() and type(None) not in get_args(field.annotation)


def _local(resource: str) -> str:
    """The variable of an opened resource."""
    return re.sub(r"\W", "_", resource)


def _one_line(text: str) -> str:
    first, *_ = text.strip().splitlines()
    return first.replace("\\", "\\\\").replace('"', "'").strip()


def _indented(lines: Sequence[str]) -> list[str]:
    return [textwrap.indent(line, "    ") for line in lines]
