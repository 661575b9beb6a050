"""The tasks of the flow's file, one for each step."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from prefect_compat.eject.flow_scope import FlowScope, by_input, one_line
from prefect_compat.eject.literals import literal
from prefect_compat.eject.partitions import keys_code
from prefect_compat.eject.steps import EjectedStep, Loaded, Saved, written_metadata
from prefect_compat.engine.dagster_port.step_facts import (
    InputFacts,
    has_check_partitions,
    partitions_of_asset,
    partitions_of_step,
)
from prefect_compat.graph.plan import AssetPath


@dataclass
class TaskWriter:
    """Writes the task of a step.

    `forbids_retries` says that some failure may forbid a retry. `faithful_managers` load what was
    stored, to the last bit.
    """

    scope: FlowScope
    forbids_retries: bool
    faithful_managers: frozenset[str]

    def write(self, step: EjectedStep) -> str:
        """The code of the task."""
        name = self.scope.identifiers[step.name]
        parameters = ", ".join(self._parameters(step))
        description = step.step.description
        doc = f'    """{one_line(description)}"""\n' if description else ""
        if step.refusal is not None:
            text = literal(f"{step.name} is to be written by hand: {step.refusal}")
            body = f"raise NotImplementedError({text})"
        else:
            body = "\n".join(self._body(step))
        self.scope.imports.add("from typing import Any")
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
                self.scope.imports.add("from failures import may_retry")
                yield "retry_condition_fn=may_retry"
        if step.requested_retries is not None:
            number, wait_s = step.requested_retries
            self.scope.imports.add("from failures import is_requested")
            yield f"retries={number}"
            if wait_s:
                yield f"retry_delay_seconds={wait_s}"
            yield "retry_condition_fn=is_requested"
        tags = [f"{n}={v}" for n, v in step.step.tags if not n.startswith("dagster/")]
        tags += [step.step.pool] if step.step.pool else []
        if tags:
            yield f"tags={literal(tags)}"

    def _parameters(self, step: EjectedStep) -> Iterator[str]:
        if step.step.partitions is not None:
            yield "partition_keys: list[str]" if self.scope.covers_ranges else "partition_key: str"
        names = (self.scope.passed_name(entries[0]) for entries in by_input(step))
        yield from (f"{name}: Any" for name in dict.fromkeys(names))
        yield from (f"{name}: Any" for name in step.given)
        if step.is_configured:
            yield f"config: {self.scope.config_type(step)}"
        if step.step.kind == "mapped":
            yield "mapping_key: str"

    def _body(self, step: EjectedStep) -> Iterator[str]:
        managers = self._managers(step)
        opened = list(dict.fromkeys([*managers, *step.resources]))
        inner = list(self._inner(step))
        if len(inner) > 1 and inner[-1] == "return value" and inner[-2].startswith("value = "):
            inner[-2:] = [f"return {inner[-2].removeprefix('value = ')}"]
        managed = [f"opened(resources.{name}()) as {_local(name)}" for name in opened]
        if opened:
            self.scope.imports |= {"import resources", "from resource_base import opened"}
        if step.checks:
            self.scope.imports.add("from checks import reporting")
            managed.append(self._reporting(step))
        if managed:
            inner = [f"with ({', '.join(managed)}):", *_indented(inner)]
        yield from inner

    def _inner(self, step: EjectedStep) -> Iterator[str]:
        assert step.function is not None
        module = self.scope.module(step.function.module)
        arguments = ", ".join(self._arguments(step))
        call = f"{module}.{step.function.name}({arguments})"
        if step.shape.is_async:
            self.scope.imports.add("import asyncio")
            call = f"asyncio.run({call})"
        if step.checks and not step.saved:
            yield from self._checked(step, call)
        elif self._has_no_value(step):
            yield f"list({call})" if step.shape.is_generator else call
        else:
            yield from self._value(step, call)
            for entry in step.saved:
                if entry.asset is not None and not entry.facts.is_nothing:
                    yield from self._save(step, entry, entry.asset)
            yield f"return {self._returned(step)}"

    def _checked(self, step: EjectedStep, call: str) -> Iterator[str]:
        """The lines of a step that only checks."""
        if step.shape.is_generator:  # its results are reported where they were yielded
            yield f"list({call})"
            return
        self.scope.imports.add("from checks import report_checks")
        yield f"result = {call}"
        yield "report_checks([result])"

    def _save(self, step: EjectedStep, entry: Saved, asset: AssetPath) -> Iterator[str]:
        self.scope.imports.add("from storage import save")
        value = f"value[{literal(entry.name)}]" if self._is_named(step) else "value"
        options = [_local(entry.facts.io_manager), literal("/".join(asset)), value]
        if keys := self._own_keys(step):
            options.append(keys)
        if plain := written_metadata(entry.facts.metadata):
            options.append(f"metadata={literal(plain)}")
        line = f"save({', '.join(options)})"
        is_optional = any(o.name == entry.name and not o.is_required for o in step.step.outputs)
        if is_optional and self._is_named(step):
            yield f"if {literal(entry.name)} in value:"
            line = f"    {line}"
        yield line

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
            frozenset(entry.facts.io_manager for step in self.scope.steps for entry in step.loaded)
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

    def _own_keys(self, step: EjectedStep) -> str | None:
        if step.step.partitions is None:
            return None
        return "partition_keys" if self.scope.covers_ranges else "[partition_key]"

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
        for entries in by_input(step):
            name = self.scope.passed_name(entries[0])
            output = entries[0].output
            taken = f"{name}[{literal(output)}]" if output else name
            yield f"{entries[0].name}={taken}"
        yield from (f"{name}={name}" for name in step.given)
        for name, value in sorted(step.captured.items()):
            yield f"{name}={literal(value)}"

    def _context(self, step: EjectedStep) -> str:
        self.scope.imports.add("from context import StepContext")
        options = [literal(step.name)]
        assets = ["/".join(key) for key in step.step.asset_keys]
        if assets or step.step.partitions is not None:
            options.append(literal(assets))
        if keys := self._own_keys(step):
            own = partitions_of_step(self.scope.job, step.step)
            assert own is not None
            self.scope.imports.add("import partitions")
            name = self.scope.partitions.name_of(own, "partitions")
            options += [keys, f"partitions.{name}"]
        if step.step.kind == "mapped":
            options.append("mapping_key=mapping_key")
        if step.context_resources:
            self.scope.imports.add("from types import SimpleNamespace")
            given = ", ".join(f"{name}={_local(name)}" for name in step.context_resources)
            options.append(f"resources=SimpleNamespace({given})")
        if step.op_config is not None:
            options.append(f"op_config={literal(step.op_config)}")
        return f"StepContext({', '.join(options)})"

    def _load(self, step: EjectedStep, entry: Loaded) -> str:
        self.scope.imports.add("from storage import load")
        own = partitions_of_step(self.scope.job, step.step)
        keys = keys_code(
            own,
            partitions_of_asset(self.scope.job, entry.asset),
            entry.facts.mapping,
            self._own_keys(step) or "[]",
            self.scope.partitions,
            "_".join(entry.asset),
        )
        if keys is not None and "partitions." in keys:
            self.scope.imports.add("import partitions")
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
        keys = self._own_keys(step)
        if keys and has_check_partitions(self.scope.job, step.step):
            options.append(f"partition_keys={keys}")
        return f"reporting({', '.join(options)})"


def _local(resource: str) -> str:
    """The variable of an opened resource."""
    return re.sub(r"\W", "_", resource)


def _indented(lines: Sequence[str]) -> list[str]:
    return [textwrap.indent(line, "    ") for line in lines]
