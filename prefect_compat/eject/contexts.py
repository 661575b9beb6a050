"""Checks what functions read of their contexts: in the written project these are plain objects."""

import ast
from collections.abc import Iterator
from functools import cache

import libcst as cst

from prefect_compat.eject.modules import SourceModule
from prefect_compat.eject.templates import template
from prefect_compat.errors import EjectError

# The template that defines each.
CONTEXTS = {"StepContext": "context", "OutputContext": "storage", "InputContext": "storage"}
# Attributes that Dagster has for the context within another one.
SAME = ("op_execution_context", "asset_execution_context")
USUAL_NAMES = ("context", "_context")


def validate_contexts(
    module: SourceModule, node: cst.FunctionDef | cst.ClassDef, line: int, *, is_step: bool
) -> None:
    """Raises EjectError for an attribute that the written context does not have.

    A step's function may leave out the annotation of its context.
    """
    tree = ast.parse(module.tree.code_for_node(node))
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for argument in (*function.args.posonlyargs, *function.args.args):
            kind = _kind_of(argument, is_step=is_step and function is tree.body[0])
            if kind is None:
                continue
            for attribute in read_of(function, argument.arg):
                if attribute.attr not in attributes(kind):
                    raise EjectError(
                        f"{module.file.name}:{_line(module, line, attribute)}: the context has no"
                        f" `{attribute.attr}` in Prefect. Pass what is needed as a parameter, or"
                        " write the step by hand."
                    )


def _kind_of(argument: ast.arg, *, is_step: bool) -> str | None:
    match argument.annotation:
        case ast.Name(id=name) | ast.Constant(value=str(name)) if name in CONTEXTS:
            return name
        case None if is_step and argument.arg in USUAL_NAMES:
            return "StepContext"
    return None


def read_of(function: ast.AST, name: str) -> Iterator[ast.Attribute]:
    """The attributes that are read of a context, also of the same one within it."""
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and _is_context(node.value, name):
            yield node


def _is_context(node: ast.expr, name: str) -> bool:
    match node:
        case ast.Name(id=found):
            return found == name
        case ast.Attribute(value=value, attr=attribute):
            return attribute in SAME and _is_context(value, name)
    return False


def _line(module: SourceModule, first: int, attribute: ast.Attribute) -> int:
    """The line in the file: the first at or below the statement that has the same text."""
    text = ast.unparse(attribute)
    for node in ast.walk(ast.parse(module.text)):
        if isinstance(node, ast.Attribute) and node.lineno >= first and ast.unparse(node) == text:
            return node.lineno
    return first


@cache
def attributes(kind: str) -> frozenset[str]:
    """The attributes and methods of a context, those of its base class included."""
    tree = ast.parse(template(CONTEXTS[kind]))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found: set[str] = set()
    names = [kind]
    while names:
        node = classes[names.pop()]
        names += [base.id for base in node.bases if isinstance(base, ast.Name)]
        for entry in node.body:
            match entry:
                case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                    found.add(name)
    return frozenset(found)
