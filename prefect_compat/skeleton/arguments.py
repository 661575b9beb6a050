"""The arguments of a task run: which are results of others, parameters of the flow, or plain."""

import datetime as dt
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from prefect.futures import PrefectFutureList

from prefect_compat.eject.secret_values import has_secret_name, holds_secret
from prefect_compat.skeleton.constants import LONGEST, constant
from prefect_compat.skeleton.facts import (
    ISO_TEXT,
    Argument,
    Container,
    FlowParameter,
    Plain,
    TaskResult,
    Unwritable,
    Value,
)

# Prefect gives a task the results of `.map` in the list that had their futures.
CONTAINERS: Mapping[type[Any], Any] = {
    list: "list",
    tuple: "tuple",
    dict: "dict",
    PrefectFutureList: "list",
}
COMMON = (bool, int, float, type(None))
SHORTEST_TEXT = 2


@dataclass(frozen=True)
class ArgumentReader:
    """Reads the arguments of task runs.

    `results` has what each earlier task run returned, by its number; `parameters` the flow's.
    """

    results: Mapping[int, Any]
    parameters: Mapping[str, Any]

    def read(
        self,
        function: Callable[..., Any],
        given: Mapping[str, Any],
        inputs: Mapping[str, Sequence[int]],
        position: int = 0,
    ) -> tuple[Argument, ...]:
        """The arguments but those that are defaults of the function.

        `inputs` are the task runs that Prefect found in each argument; `position` is that of the
        run among those of its task: a mapped task takes the element of its position.
        """
        known = inspect.signature(function).parameters
        return tuple(self._arguments(known, given, inputs, position))

    def _arguments(
        self,
        known: Mapping[str, inspect.Parameter],
        given: Mapping[str, Any],
        inputs: Mapping[str, Sequence[int]],
        position: int,
    ) -> Iterator[Argument]:
        # What stands before `*names` cannot be passed by its name.
        has_rest = any(
            entry.kind is entry.VAR_POSITIONAL and given.get(name) for name, entry in known.items()
        )
        for name, value in given.items():
            entry = known.get(name)
            runs = tuple(inputs.get(name, ()))
            if entry is None or entry.kind is entry.KEYWORD_ONLY:
                pass
            elif entry.kind is entry.VAR_POSITIONAL:
                for element in value:
                    yield Argument(None, self._value(name, element, runs, position))
                continue
            elif entry.kind is entry.VAR_KEYWORD:
                for key, element in value.items():
                    yield Argument(key, self._value(key, element, runs, position))
                continue
            elif entry.kind is entry.POSITIONAL_ONLY or has_rest:
                yield Argument(None, self._value(name, value, runs, position))
                continue
            if entry is not None and value is entry.default and not runs:
                continue
            yield Argument(name, self._value(name, value, runs, position))

    def _value(self, name: str, value: Any, inputs: Sequence[int], position: int) -> Value:
        found = (
            self._result(value, inputs, position)
            or _secret(name, value)
            or self._parameter(name, value)
            or self._container(name, value, inputs, position)
            or self._element(value, position)
        )
        if found is not None:
            return found
        code = constant(value)
        if code is not None:
            return Plain(code)
        return Unwritable(
            f"its argument `{name}` is a {type(value).__qualname__} that is no task's result, no"
            f" parameter of the flow and no plain value of at most {LONGEST:,} characters"
        )

    def _result(self, value: Any, inputs: Sequence[int], position: int) -> TaskResult | None:
        """The result that the value is, or of which it is an element: Prefect looks so far too."""
        for run in inputs:
            if self.results.get(run) is value and run in self.results:
                return TaskResult(run)
        for run in inputs:
            index = _index_of(value, self.results.get(run), position)
            if index is not None:
                return TaskResult(run, index)
        return None

    def _container(
        self, name: str, value: Any, inputs: Sequence[int], position: int
    ) -> Container | None:
        """A container with a result, a parameter or something unwritable in it."""
        kind = CONTAINERS.get(type(value))
        if kind is None:
            return None
        keys = tuple(map(constant, value)) if kind == "dict" else ()
        elements = value.values() if kind == "dict" else value
        left = list(inputs)
        items: list[Value] = []
        names = (f"{name}[{key!r}]" for key in value) if kind == "dict" else repeat(name)
        for each, element in zip(names, elements, strict=False):
            item = self._value(each, element, left, position)
            # Two runs may have returned one object: each is used once, as the flow passed them.
            if isinstance(item, TaskResult) and item.index is None and len(left) > 1:
                left.remove(item.run)
                left.append(item.run)
            items.append(item)
        if all(isinstance(item, Plain) for item in items) or None in keys:
            return None
        return Container(kind, tuple(items), tuple(map(str, keys)))

    def _parameter(self, name: str, value: Any) -> FlowParameter | Unwritable | None:
        for parameter, known in self.parameters.items():
            if _is_common(value) and name != parameter:
                continue
            if type(value) is type(known) and (value is known or _is_equal(value, known)):
                return _secret(parameter, value) or FlowParameter(parameter)
            if isinstance(known, dt.date) and value == known.isoformat():
                return FlowParameter(parameter, ISO_TEXT)
        return None

    def _element(self, value: Any, position: int) -> FlowParameter | None:
        """The element of a parameter that the value is."""
        for parameter, known in self.parameters.items():
            index = None if _is_common(value) else _index_of(value, known, position)
            if index is not None:
                return FlowParameter(parameter, f"[{index}]")
        return None


def _secret(name: str, value: Any) -> Unwritable | None:
    if not has_secret_name(name, value) and not (isinstance(value, str) and holds_secret(value)):
        return None
    return Unwritable(
        f"its argument `{name}` may be a secret, which is not written down. Read it inside the task"
    )


def _is_common(value: Any) -> bool:
    """True if equal values are common by chance: only the parameter's name tells them apart."""
    if isinstance(value, str):
        return len(value) < SHORTEST_TEXT
    return type(value) in COMMON or (type(value) in CONTAINERS and not value)


def _is_equal(value: Any, known: Any) -> bool:
    """True for equal plain values; others, such as tables, are only themselves."""
    return constant(value) is not None and bool(value == known)


def _index_of(value: Any, whole: Any, position: int) -> str | None:
    """The code of the index at which a container has the value; its position, if it is there."""
    if type(whole) in (list, tuple) and position < len(whole) and whole[position] is value:
        return str(position)
    return next((index for index, element in _elements(whole) if element is value), None)


def _elements(result: Any) -> Iterator[tuple[str, Any]]:
    """The elements of a list, a tuple or a dict, each with the code of its index."""
    if type(result) in (list, tuple):
        for index, element in enumerate(result):
            yield str(index), element
    elif type(result) is dict:
        for key, element in result.items():
            if (code := constant(key)) is not None:
                yield code, element
