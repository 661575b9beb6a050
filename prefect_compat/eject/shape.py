"""The shape of a written function: how it gives its results, and what it asks of its task."""

import ast
from dataclasses import dataclass

import libcst as cst

from prefect_compat.eject.rules.types import yields
from prefect_compat.errors import EjectError
from prefect_compat.graph.plan import Retry


@dataclass(frozen=True)
class Shape:
    """The written function: its parameters, and how it gives its results."""

    parameters: frozenset[str] = frozenset()
    is_generator: bool = False
    is_async: bool = False
    has_no_value: bool = False


def shape_of(node: cst.FunctionDef, place: str) -> Shape:
    """Reads the shape of a function; `place` is its file and line.

    Raises EjectError for an async generator.
    """
    returns = _Returns()
    node.body.visit(returns)
    parameters = (*node.params.params, *node.params.kwonly_params, *node.params.posonly_params)
    is_async = node.asynchronous is not None
    if is_async and yields(node):
        raise EjectError(f"{place}: an async generator; yield from a plain function instead.")
    return Shape(
        parameters=frozenset(entry.name.value for entry in parameters),
        is_generator=yields(node),
        is_async=is_async,
        has_no_value=returns.are_none,
    )


class _Returns(cst.CSTVisitor):
    """The values that a function's own body returns."""

    def __init__(self) -> None:
        super().__init__()
        self._are_none: list[bool] = []

    @property
    def are_none(self) -> bool:
        """True if each `return` gives None: a result that has metadata and no value."""
        return bool(self._are_none) and all(self._are_none)

    def visit_Return(self, node: cst.Return) -> None:
        match node.value:
            case cst.Name(value="None"):
                self._are_none.append(True)
            case _:
                self._are_none.append(False)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False  # another function's own

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False


def requested_retries(node: cst.FunctionDef, policy: Retry, place: str) -> tuple[int, float] | None:
    """The number of retries that the function itself asks for, and the wait before each.

    Raises EjectError if they are not the same plain numbers each time, or if the step has a retry
    policy beside them.
    """
    calls = [
        call
        for call in ast.walk(ast.parse(cst.Module([node]).code))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "RetryRequested"
    ]
    if not calls:
        return None
    found = {_numbers(call) for call in calls}
    if len(found) != 1 or None in found or policy.delays_s:
        raise EjectError(
            f"{place}: it asks for retries by `RetryRequested`. Prefect's task needs to"
            " know their number and wait beforehand: write plain numbers, the same each time, and"
            " no retry policy beside them."
        )
    return found.pop()


def _numbers(call: ast.Call) -> tuple[int, float] | None:
    given = dict(zip(("max_retries", "seconds_to_wait"), call.args, strict=False))
    given |= {entry.arg: entry.value for entry in call.keywords if entry.arg}
    try:
        values = {name: ast.literal_eval(node) for name, node in given.items()}
    except ValueError:
        return None
    return int(values.get("max_retries", 1)), float(values.get("seconds_to_wait") or 0)
