"""Where a task's function is found by its name, and what of Prefect it uses."""

import inspect
import sys
from collections.abc import Collection, Iterator, Mapping
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
    names = _names_in(inspect.unwrap(flow.fn))
    reasons = {name for name in names_used(function) if name in RUN_CONTEXT}
    if reasons:
        raise SkeletonError(
            f"its function uses {', '.join(sorted(reasons))}, and Dagster has no run of Prefect's"
        )
    own = vars(sys.modules[function.__module__]) if function.__module__ in sys.modules else {}
    for module, known in ((None, names), (function.__module__, own)):
        found = next(_attributes(known, task), None)
        if found is not None:
            attribute, is_task = found
            return FunctionPlace(
                module,
                attribute,
                is_task,
                is_async=inspect.iscoroutinefunction(function),
                uses_logger=LOGGER in names_used(function),
            )
    raise SkeletonError(
        f"its function {function.__qualname__} is not at the top level of a module. Move it there"
    )


def _names_in(function: Any) -> Mapping[str, Any]:
    return getattr(function, "__globals__", {})


def _attributes(names: Mapping[str, Any], task: Task[..., Any]) -> Iterator[tuple[str, bool]]:
    """The names of the task, or of another one of its function, or of the function itself."""
    yield from ((name, True) for name, value in names.items() if value is task)
    yield from (
        (name, True)
        for name, value in names.items()
        if isinstance(value, Task) and value.fn is task.fn
    )
    yield from ((name, False) for name, value in names.items() if value is task.fn)


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
