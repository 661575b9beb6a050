"""The flow's file: its tasks, and the flow that submits them."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from prefect_compat.eject.flow_scope import FlowScope, by_input, one_line
from prefect_compat.eject.literals import is_literal, literal
from prefect_compat.eject.source import SourceFunction
from prefect_compat.eject.steps import EjectedStep, Passed
from prefect_compat.eject.task_code import TaskWriter


@dataclass
class FlowWriter:
    """Writes the file of a flow.

    `config_function` gives the configuration of each partition, or else `declared_config` is that
    of all runs.
    """

    scope: FlowScope
    tasks: TaskWriter
    is_sequential: bool
    config_function: SourceFunction | None
    declared_config: Mapping[str, Any]

    def write(self) -> str:
        """The code of the file, without its header."""
        tasks = [self.tasks.write(step) for step in self.scope.steps]
        flow = self._flow()
        self.scope.imports |= {"from prefect import flow, task"}
        lines = "\n".join(sorted(self.scope.imports))
        return f"{lines}\n\n\n" + "\n\n".join([*tasks, flow])

    def _flow(self) -> str:
        options = [f"name={literal(self.scope.plan.name)}"]
        if self.is_sequential:
            self.scope.imports.add("from prefect.task_runners import ThreadPoolTaskRunner")
            options.append("task_runner=ThreadPoolTaskRunner(max_workers=1)")
        self.scope.imports.add("from prefect.futures import PrefectFuture")
        signature = ", ".join(self._flow_parameters())
        lines = list(self._flow_body())
        doc = self.scope.job.description or f"The job {self.scope.plan.name}."
        body = textwrap.indent("\n".join(lines), "    ")
        return (
            f"@flow({', '.join(options)})\n"
            f"def {self.scope.flow_name}({signature}) -> list[PrefectFuture[Any]]:\n"
            f'    """{one_line(doc)}"""\n{body}\n'
        )

    def _flow_parameters(self) -> Iterator[str]:
        if self.scope.plan.is_partitioned:
            yield f"{self._partition}: str | None = None"
        configured = [step for step in self.scope.steps if step.is_configured]
        given = [(step, name) for step in self.scope.steps for name in step.given]
        if configured or given:
            yield "*"
        for step, name in given:
            yield f"{self.scope.identifiers[step.name]}_{name}: Any"
        for step in configured:
            name, kind = self._config_parameter(step), self.scope.config_type(step)
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
        return f"{self.scope.config_type(step)}({arguments})"

    def _config_argument(self, step: EjectedStep) -> str:
        """Code for the task's argument: the parameter, or else the partition's configuration."""
        name, function = self._config_parameter(step), self.config_function
        if function is None:
            return name
        call = f"{self.scope.module(function.module)}.{function.name}(key.unquote())"
        path = "".join(f"[{literal(part)}]" for part in _config_path(step))
        return f"{name} or {self.scope.config_type(step)}(**{call}{path})"

    def _config_parameter(self, step: EjectedStep) -> str:
        """The flow's parameter with a step's configuration; pydantic has its own `model_config`."""
        name = self.scope.identifiers[step.name]
        return f"config_of_{name}" if name == "model" else f"{name}_config"

    @property
    def _partition(self) -> str:
        return "partition" if self.scope.covers_ranges else "partition_key"

    def _flow_body(self) -> Iterator[str]:
        if self.scope.plan.is_partitioned:
            yield from self._flow_keys()
        for step in self.scope.steps:
            yield from self._submission(step)
        runs = (self._futures(step.name) for step in self.scope.steps)
        yield f"return [{', '.join(runs)}]"

    def _flow_keys(self) -> Iterator[str]:
        partitions = self.scope.job.partitions_def
        assert partitions is not None
        self.scope.imports.add("import partitions")
        own = f"partitions.{self.scope.partitions.name_of(partitions, 'partitions')}"
        self.scope.imports.add("from prefect.utilities.annotations import quote")
        yield "# Quoted: Prefect would else infer that a task with the key depends on each one"
        yield "# whose result has the same text in it."
        if self.scope.covers_ranges:
            yield f"keys = quote({own}.keys_of(partition or {own}.latest()))"
        else:
            yield f"key = quote({own}.validated(partition_key or {own}.latest()))"

    def _submission(self, step: EjectedStep) -> Iterator[str]:
        name, run = self.scope.identifiers[step.name], self._run(step.name)
        arguments = []
        if step.step.partitions is not None:
            arguments.append("keys" if self.scope.covers_ranges else "key")
        mapped = [entry for entry in step.passed if entry.is_mapped]
        by_parameter = {self.scope.passed_name(entries[0]): entries for entries in by_input(step)}
        for parameter, entries in by_parameter.items():
            taken = ", ".join(map(self._taken, entries))
            taken = f"[{taken}]" if len(entries) > 1 else taken
            arguments.append(f"{parameter}={taken}")
        arguments += [f"{entry}={name}_{entry}" for entry in step.given]
        if step.is_configured:
            arguments.append(f"config={self._config_argument(step)}")
        # A value of a dynamic step is no future: Prefect would infer where it comes from, also from
        # an equal small number or text elsewhere.
        dynamic = [e.upstream for e in step.passed if self._is_value_of_dynamic(e)]
        if waited := dict.fromkeys([*step.waits_for, *dynamic]):
            arguments.append(f"wait_for=[{', '.join(map(self._futures, waited))}]")
        if step.step.kind != "mapped" or not mapped:  # a stub takes nothing
            yield f"{run} = {name}.submit({', '.join(arguments)})"
            return
        (source, *_) = mapped
        items = self._run(source.upstream)
        items += ".items()" if self._is_mapped(source.upstream) else ".result().items()"
        self.scope.imports.add("from prefect.utilities.annotations import quote")
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
        return self.scope.plan.step(name).kind == "mapped"

    def _run(self, name: str) -> str:
        return f"{self.scope.identifiers[name]}_run"


def _config_path(step: EjectedStep) -> tuple[str, ...]:
    """The keys under which a run config has the configuration of a step."""
    return (*(part for name in step.step.node for part in ("ops", name)), "config")


def _must_be_given(field: Any) -> bool:
    """True for a field without a default, unless it may be None, as Dagster has it."""
    return field.is_required() and type(None) not in get_args(field.annotation)
