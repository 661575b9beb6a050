"""The code of one asset: it calls the task's own function."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prefect_compat.eject.literals import literal
from prefect_compat.skeleton.asset_names import AssetName
from prefect_compat.skeleton.constants import container_code
from prefect_compat.skeleton.facts import (
    ISO_TEXT,
    Argument,
    Container,
    FlowParameter,
    FunctionPlace,
    Plain,
    RecordedFlow,
    RecordedTask,
    TaskOptions,
    TaskResult,
    Value,
    leaves,
)

PARTITION_KEY = "context.partition_key"
INDENT = "    "


@dataclass(frozen=True)
class AssetWriter:
    """Writes assets. `modules` has the name of each imported module in the written one; None is
    the flow's own."""

    flow: RecordedFlow
    names: Sequence[AssetName]
    modules: Mapping[str | None, str]

    def write(self, number: int) -> str:
        """The definition of an asset, with its decorator."""
        task, name = self.flow.tasks[number], self.names[number]
        inputs = () if task.refusal else tuple(self._inputs(task))
        options = dict(self._options(task, name, inputs))
        called = ", ".join(f"{option}={code}" for option, code in options.items())
        decorator = f"@dg.asset({called})" if options else "@dg.asset"
        is_async = task.refusal is None and task.place is not None and task.place.is_async
        head = f"{'async ' if is_async else ''}def {name.identifier}"
        returned = "None" if self._is_without_value(number) else "Any"
        lines = [
            decorator,
            f"{head}({', '.join(self._parameters(task, inputs))}) -> {returned}:",
            *_docstring(task.options.description),
            *(INDENT + line for line in self._body(number)),
        ]
        return "\n".join(lines)

    def _is_without_value(self, number: int) -> bool:
        is_used = any(
            number in _runs(argument.value)
            for task in self.flow.tasks
            for argument in task.arguments
        )
        return self.flow.tasks[number].returns_none and not is_used

    def _inputs(self, task: RecordedTask) -> Iterator[int]:
        """The task runs whose results are arguments."""
        yield from dict.fromkeys(
            run for argument in task.arguments for run in _runs(argument.value)
        )

    def _options(
        self, task: RecordedTask, name: AssetName, inputs: Sequence[int]
    ) -> Iterator[tuple[str, str]]:
        if name.identifier != name.asset:
            yield "name", literal(name.asset)
        renamed = [self.names[run] for run in inputs]
        ins = [
            f"{literal(entry.identifier)}: dg.AssetIn({literal(entry.asset)})"
            for entry in renamed
            if entry.identifier != entry.asset
        ]
        if ins:
            yield "ins", f"{{{', '.join(ins)}}}"
        deps = [self.names[run].identifier for run in task.upstream if run not in inputs]
        if deps:
            yield "deps", f"[{', '.join(deps)}]"
        if self.flow.partition is not None:
            yield "partitions_def", partitions_name(self.flow)
        if task.options.retries:
            yield "retry_policy", _retry_policy(task.options)
        if task.options.tags:
            yield "tags", literal(dict.fromkeys(task.options.tags, ""))
        description = task.options.description
        if description is not None and not _is_docstring(description):
            yield "description", literal(description)

    def _parameters(self, task: RecordedTask, inputs: Sequence[int]) -> Iterator[str]:
        values = () if task.refusal else task.arguments
        if any(PARTITION_KEY in self._code(argument.value) for argument in values):
            yield "context: dg.AssetExecutionContext"
        yield from (f"{self.names[run].identifier}: Any" for run in inputs)

    def _body(self, number: int) -> Iterator[str]:
        task = self.flow.tasks[number]
        if task.refusal is not None:
            yield f"raise NotImplementedError({literal(task.refusal)})"
            return
        assert task.place is not None  # a task without one is refused
        call = self._call(task.place, task.arguments)
        statement = call if self._is_without_value(number) else f"return {call}"
        if task.place.uses_logger:
            yield "with disable_run_logger():"
            yield INDENT + statement
        else:
            yield statement

    def _call(self, place: FunctionPlace, arguments: Sequence[Argument]) -> str:
        function = f"{self.modules[place.module]}.{place.attribute}"
        if place.is_task:
            function += ".fn"
        given = ", ".join(
            self._code(argument.value)
            if argument.name is None
            else f"{argument.name}={self._code(argument.value)}"
            for argument in arguments
        )
        return f"{'await ' if place.is_async else ''}{function}({given})"

    def _code(self, value: Value) -> str:
        match value:
            case Plain():
                return value.code
            case TaskResult():
                name = self.names[value.run].identifier
                return name if value.index is None else f"{name}[{value.index}]"
            case FlowParameter():
                return self._parameter(value)
            case Container():
                items = [self._code(item) for item in value.items]
                return container_code(value.type, items, value.keys)
            case _:
                raise AssertionError(value)  # its task is refused

    def _parameter(self, value: FlowParameter) -> str:
        if value.name != self.flow.partition:
            return constant_name(value.name) + value.access
        if self.flow.partition_is_date and value.access != ISO_TEXT:
            return f"dt.date.fromisoformat({PARTITION_KEY})"
        return PARTITION_KEY


def constant_name(parameter: str) -> str:
    """The name of the constant with the value of a parameter of the flow."""
    return parameter.upper()


def partitions_name(flow: RecordedFlow) -> str:
    """The name of the constant with the partitions; a parameter may have the usual one."""
    taken = {constant_name(parameter.name) for parameter in flow.parameters}
    return "DAY_PARTITIONS" if "DAYS" in taken else "DAYS"


def used_parameters(flow: RecordedFlow) -> frozenset[str]:
    """The parameters of the flow that arguments of the carried tasks are made from."""
    return frozenset(
        leaf.name
        for task in flow.tasks
        if task.refusal is None
        for argument in task.arguments
        for leaf in leaves(argument.value)
        if isinstance(leaf, FlowParameter)
    )


def _runs(value: Value) -> Iterator[int]:
    return (leaf.run for leaf in leaves(value) if isinstance(leaf, TaskResult))


def _retry_policy(options: TaskOptions) -> str:
    delay = f", delay={options.delays_s[0]:g}" if options.delays_s else ""
    return f"dg.RetryPolicy(max_retries={options.retries}{delay})"


def _is_docstring(text: str) -> bool:
    return '"""' not in text and "\\" not in text and not text.endswith('"')


def _docstring(text: str | None) -> list[str]:
    if text is None or not text.strip() or not _is_docstring(text):
        return []
    first, *rest = text.strip().splitlines()
    if not rest:
        return [f'{INDENT}"""{first}"""']
    return [f'{INDENT}"""{first}', *(f"{INDENT}{line}".rstrip() for line in rest), f'{INDENT}"""']
