"""The names that a statement binds and reads, and where a module's names come from."""

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass

# Calls that change what their object holds: a statement of them belongs to the object's name.
CHANGING = frozenset({"append", "extend", "add", "update", "insert", "setdefault", "register"})
BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}


@dataclass(frozen=True)
class Imported:
    """An imported name: the module, and the name in it (None for the module itself)."""

    module: str
    name: str | None = None


def bound_names(code: str) -> frozenset[str]:
    """The names that a top-level statement defines, or whose objects it changes."""
    return frozenset(name for node in ast.parse(code).body for name in _bound(node))


def _bound(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Import() | ast.ImportFrom():
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0]
        case ast.Assign(targets=targets):
            for target in targets:
                yield from _targets(target)
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            yield from _targets(target)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method))):
            if method in CHANGING:
                yield name
        case ast.If() | ast.Try() | ast.With() | ast.For():
            for inner in ast.walk(node):
                if isinstance(inner, ast.stmt) and inner is not node:
                    yield from _bound(inner)
        case _:
            return


def _targets(target: ast.expr) -> Iterator[str]:
    match target:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for element in elements:
                yield from _targets(element)
        case ast.Starred(value=value) | ast.Attribute(value=value) | ast.Subscript(value=value):
            yield from _targets(value)


def names_in_text(tree: ast.AST) -> Iterator[str]:
    """The names in annotations that are text."""
    for node in ast.walk(tree):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if annotation is not None:
                yield from _in_text(annotation)


def _in_text(annotation: ast.AST) -> Iterator[str]:
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                inner = ast.parse(node.value, mode="eval")
            except SyntaxError:
                continue  # a `Literal["…"]`, no annotation
            yield from (name.id for name in ast.walk(inner) if isinstance(name, ast.Name))


def attributes_of(code: str, name: str) -> frozenset[str]:
    """The attributes that code reads of the object with this name."""
    return frozenset(
        node.attr
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute)
        if isinstance(node.value, ast.Name) and node.value.id == name
    )


def imports_of(code: str, package: str) -> dict[str, Imported]:
    """The names that the imports in code bind; `package` is that of its module.

    A star import is listed under `*` and its module's name.
    """
    found: dict[str, Imported] = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or whole] = Imported(whole)
        elif isinstance(node, ast.ImportFrom):
            module = absolute(node.module or "", node.level, package)
            for alias in node.names:
                key = f"*{module}" if alias.name == "*" else alias.asname or alias.name
                found[key] = Imported(module, alias.name)
    return found


def absolute(module: str, level: int, package: str) -> str:
    """The absolute name of a module that is imported from a package."""
    if not level:
        return module
    parts = package.split(".") if package else []
    kept = parts[: len(parts) - (level - 1)]
    return ".".join([*kept, *filter(None, [module])])
