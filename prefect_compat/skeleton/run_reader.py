"""From what was seen of a flow's run to its record."""

import ast
import datetime as dt
import inspect
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import TaskRun

from prefect_compat.comparison.sources.candidate_steps import task_name
from prefect_compat.errors import SkeletonError
from prefect_compat.skeleton.arguments import ArgumentReader
from prefect_compat.skeleton.constants import constant
from prefect_compat.skeleton.facts import (
    Argument,
    FunctionPlace,
    Plain,
    RecordedFlow,
    RecordedParameter,
    RecordedTask,
    TaskOptions,
    Unwritable,
    Value,
    leaves,
)
from prefect_compat.skeleton.functions import function_place
from prefect_compat.skeleton.task_calls import NO_RESULT, TaskCall, TaskCalls
from prefect_compat.skeleton.task_options import read_options


class RunReader:
    """Reads the record of a run that succeeded.

    `runs` are all of its task runs, as they were made; `partition` is the parameter with the key.
    Raises SkeletonError if its value cannot be a partition.
    """

    def __init__(
        self,
        flow: Flow[..., Any],
        calls: TaskCalls,
        runs: Sequence[TaskRun],
        partition: str | None,
    ) -> None:
        self._flow = flow
        self._calls = calls.by_id
        self._runs = runs
        self._partition = partition
        self._numbers = {run.id: number for number, run in enumerate(runs)}
        results = {
            number: self._calls[run.id].result
            for number, run in enumerate(runs)
            if run.id in self._calls and self._calls[run.id].result is not NO_RESULT
        }
        first = next(iter(self._calls.values()), None)
        self._parameters = dict(first.flow_parameters) if first else {}
        _validate_partition(partition, self._parameters)
        self._arguments = ArgumentReader(results, self._known_parameters())

    def _known_parameters(self) -> dict[str, Any]:
        """The parameters, that of the partition first: its value is taken for no other's."""
        first = {self._partition: self._parameters[self._partition]} if self._partition else {}
        known = {**first, **self._parameters}
        return {name: value for name, value in known.items() if constant(value) is not None}

    def read(self) -> RecordedFlow:
        """The record."""
        positions: Counter[str] = Counter()
        tasks = []
        for run in self._runs:
            name = task_name(run)
            tasks.append(self._task(run, positions[name]))
            positions[name] += 1
        parameters = tuple(
            RecordedParameter(name, constant(value)) for name, value in self._parameters.items()
        )
        return RecordedFlow(
            name=self._flow.name,
            description=self._flow.description,
            parameters=parameters,
            partition=self._partition,
            partition_is_date=type(self._parameters.get(self._partition or "")) is dt.date,
            tasks=tuple(tasks),
            computed=tuple(self._computed(tasks)),
        )

    def _task(self, run: TaskRun, position: int) -> RecordedTask:
        call = self._calls.get(run.id)
        inputs = {
            name: sorted(
                self._numbers[entry.id]
                for entry in entries
                if entry.input_type == "task_run" and entry.id in self._numbers
            )
            for name, entries in run.task_inputs.items()
        }
        upstream = tuple(sorted({number for numbers in inputs.values() for number in numbers}))
        place: FunctionPlace | None = None
        arguments: tuple[Argument, ...] = ()
        refusal = self._refusal(run, call)
        if call is not None and refusal is None:
            try:
                place = function_place(call.task, self._flow)
                arguments = self._arguments.read(call.task.fn, call.arguments, inputs, position)
            except SkeletonError as error:
                refusal = str(error)
            unwritable = (_unwritable(argument.value) for argument in arguments)
            refusal = refusal or next(filter(None, unwritable), None)
        return RecordedTask(
            name=task_name(run),
            place=place,
            arguments=arguments,
            upstream=upstream,
            options=read_options(call.task, run) if call else TaskOptions(),
            returns_none=call is not None and call.result is None,
            refusal=refusal,
        )

    def _refusal(self, run: TaskRun, call: TaskCall | None) -> str | None:
        if call is None:
            return (
                "its function was not seen in the process of the flow: it ran in another process,"
                " yields its values, or came from a cache"
            )
        if call.result is NO_RESULT:
            return f"it failed in the recorded run: {type(call.error).__name__}: {call.error}"
        if _parents(run):
            return "another task calls it; call it in the flow"
        called = [
            task_name(other)
            for other in self._runs
            if run.id in (getattr(entry, "id", None) for entry in _parents(other))
        ]
        if called:
            return f"it calls the task {', '.join(sorted(set(called)))}; call it in the flow"
        return None

    def _computed(self, tasks: Sequence[RecordedTask]) -> Iterator[tuple[int, str, str]]:
        """Plain arguments that the code of the flow does not contain."""
        known = _constants_in(self._flow)
        for number, task in enumerate(tasks):
            for argument in task.arguments:
                for code in _plain(argument.value):
                    if code not in known:
                        yield number, argument.name or "a positional argument", code


def _parents(run: TaskRun) -> Sequence[Any]:
    """The task runs that have called this one."""
    return run.task_inputs.get("__parents__", [])


def _validate_partition(partition: str | None, parameters: Mapping[str, Any]) -> None:
    if partition is None or type(parameters.get(partition)) in (str, dt.date):
        return
    raise SkeletonError(
        f"The parameter {partition} is a {type(parameters.get(partition)).__qualname__}; expected"
        " a text or a date to be a partition."
    )


def _unwritable(value: Value) -> str | None:
    reasons = (leaf.reason for leaf in leaves(value) if isinstance(leaf, Unwritable))
    return next(reasons, None)


def _plain(value: Value) -> Iterator[str]:
    return (leaf.code for leaf in leaves(value) if isinstance(leaf, Plain))


def _constants_in(flow: Flow[..., Any]) -> frozenset[str]:
    """The constants in the flow's code, and the values of the global names that it reads."""
    function = inspect.unwrap(flow.fn)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return frozenset()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(constant(function.__globals__.get(node.id)))
        elif isinstance(node, ast.expr):
            try:
                found.add(constant(ast.literal_eval(node)))
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue
    return frozenset(code for code in found if code is not None)
