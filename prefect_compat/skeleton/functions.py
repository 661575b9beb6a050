"""Finds a task's function by its name, and the names of Prefect that it uses."""

import inspect
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

from prefect import Flow, Task

from prefect_compat.errors import SkeletonError
from prefect_compat.skeleton.facts import FunctionPlace

LOGGER = "get_run_logger"
# Names by which a function reads of its run, which Dagster does not have.
RUNTIME = "prefect.runtime"
RUN_CONTEXT = (RUNTIME, "get_run_context", "TaskRunContext", "FlowRunContext", "AssetContext")


def function_place(task: Task[..., Any], flow: Flow[..., Any]) -> FunctionPlace:
    """The place of a task's function: by a name of the flow's module, or of its own.

    Raises SkeletonError if it is not at the top level of a module, or cannot run without Prefect.
    """
    function = task.fn
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise SkeletonError("its function is a generator, whose values are no single result")
    used = names_used(function)
    reasons = sorted(used.intersection(RUN_CONTEXT))
    if reasons:
        raise SkeletonError(
            f"its function uses {', '.join(reasons)}, and Dagster has no run of Prefect's"
        )
    for is_place, is_task in _places(task):
        for module, names in _modules(function, flow):
            attribute = next((name for name, value in names.items() if is_place(value)), None)
            if attribute is not None:
                is_async, uses_logger = inspect.iscoroutinefunction(function), LOGGER in used
                return FunctionPlace(module, attribute, is_task, is_async, uses_logger)
    raise SkeletonError(
        f"its function {function.__qualname__} is not at the top level of a module. Move it there"
    )


def _places(task: Task[..., Any]) -> Iterator[tuple[Callable[[Any], bool], bool]]:
    """The task, another task of its function, the function itself; and if that is a task."""
    yield lambda value: value is task, True
    yield lambda value: isinstance(value, Task) and value.fn is task.fn, True
    yield lambda value: value is task.fn, False


def _modules(function: Any, flow: Flow[..., Any]) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """The names of the flow's module, and of the function's own."""
    yield None, dict(_names_in(inspect.unwrap(flow.fn)))
    if function.__module__ in sys.modules:
        yield function.__module__, dict(vars(sys.modules[function.__module__]))


def _names_in(function: Any) -> Mapping[str, Any]:
    return getattr(function, "__globals__", {})


def names_used(function: Any) -> frozenset[str]:
    """The global names and attributes that a function and those that it calls by name use.

    Functions of installed packages are not looked into.
    """
    found: set[str] = set()
    seen: set[CodeType] = set()
    open_functions = [inspect.unwrap(function)]
    while open_functions:
        current = open_functions.pop()
        code = getattr(current, "__code__", None)
        if code is None or code in seen or "site-packages" in code.co_filename:
            continue
        seen.add(code)
        names = {name for part in _with_inner(code) for name in part.co_names}
        known = _names_in(current)
        found |= names
        if any(_is_runtime(known.get(name), names) for name in names):
            found.add(RUNTIME)
        open_functions += [
            inspect.unwrap(value)
            for name in sorted(names)
            if isinstance(value := known.get(name), FunctionType)
        ]
    return frozenset(found)


def _is_runtime(value: Any, names: Collection[str]) -> bool:
    """True for the module, one in it, or `prefect` if `prefect.runtime` is read from it."""
    module = getattr(value, "__name__", "") if isinstance(value, ModuleType) else ""
    is_whole = module == "prefect" and "runtime" in names
    return is_whole or module == RUNTIME or module.startswith(f"{RUNTIME}.")


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for entry in code.co_consts:
        if isinstance(entry, CodeType):
            yield from _with_inner(entry)
