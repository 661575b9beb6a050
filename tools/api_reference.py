"""docs/reference.md, the reference of the Python API, from signatures and docstrings.

`python -m tools.api_reference` writes it.
"""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prefect_compat

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"
HEAD = """# Python API reference

`python -m tools.api_reference` writes this page from signatures and docstrings.
[Python API](api.md) shows the same functions with examples.
"""
# What the functions return and what users import from modules, by its home.
MORE = {
    "Comparison": "prefect_compat.comparison.comparison",
    "Verdict": "prefect_compat.comparison.verdict",
    "FlowResult": "prefect_compat.flow.result",
    "Explanation": "prefect_compat.graph.features",
    "Project": "prefect_compat.graph.project",
    "prefect_server": "prefect_compat.testing",
}


def reference() -> str:
    """The page."""
    public = {
        name: getattr(prefect_compat, name)
        for name in prefect_compat.__all__
        if not name.startswith("_")
    }
    functions = {name: it for name, it in public.items() if inspect.isfunction(it)}
    errors = {name: it for name, it in public.items() if name.endswith("Error")}
    classes = {name: it for name, it in public.items() if name not in {*functions, *errors}}
    rest = {name: getattr(importlib.import_module(home), name) for name, home in MORE.items()}
    sections = (
        ("Functions", functions),
        ("What is declared about rows", classes),
        ("Errors", errors),
        ("Results, and names of modules", rest),
    )
    return HEAD + "".join(
        f"\n## {title}\n" + "".join(_entry(name, it) for name, it in entries.items())
        for title, entries in sections
    )


def _entry(name: str, it: Any) -> str:
    home = importlib.import_module(it.__module__)
    node = next(
        node
        for node in ast.parse(inspect.getsource(home)).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name
    )
    code = "\n".join(_header(node))
    members = "".join(_members(node)) if isinstance(node, ast.ClassDef) else ""
    return f"\n### `{name}`\n\n```python\n{code}\n```\n\n{ast.get_docstring(node)}\n{members}"


def _header(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    """The definition's first lines, one for each parameter."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(map(ast.unparse, node.bases))
        yield f"class {node.name}({bases}): ..." if bases else f"class {node.name}: ..."
        return
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    parameters = list(_parameters(node.args))
    if not parameters:
        yield f"def {node.name}(){result}: ..."
        return
    yield f"def {node.name}("
    yield from (f"    {parameter}," for parameter in parameters)
    yield f"){result}: ..."


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    missing = [None] * (len(arguments.args) - len(arguments.defaults))
    yield from map(_parameter, arguments.args, [*missing, *arguments.defaults])
    if arguments.kwonlyargs:
        yield "*"
        yield from map(_parameter, arguments.kwonlyargs, arguments.kw_defaults)


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    named = argument.arg
    if argument.annotation:
        named += f": {ast.unparse(argument.annotation)}"
    # A default that is no constant would show how it is made, not what it is.
    plain = isinstance(default, ast.Constant | ast.Tuple)
    return named if default is None else f"{named} = {ast.unparse(default) if plain else '...'}"


def _members(node: ast.ClassDef) -> Iterator[str]:
    """The public fields and properties of a class, in order."""
    rows = [row for row in map(_row, node.body) if row]
    if rows:
        yield "\n| attribute | type | meaning |\n|---|---|---|\n"
        yield from (f"| `{name}` | `{kind}` | {meaning} |\n" for name, kind, meaning in rows)


def _row(member: ast.stmt) -> tuple[str, str, str] | None:
    if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
        name, kind, meaning = member.target.id, ast.unparse(member.annotation), ""
    elif isinstance(member, ast.FunctionDef) and any(
        ast.unparse(decorator) in ("property", "cached_property")
        for decorator in member.decorator_list
    ):
        name, kind = member.name, ast.unparse(member.returns) if member.returns else ""
        meaning = " ".join((ast.get_docstring(member) or "").split("\n\n")[0].split())
    else:
        return None
    return None if name.startswith("_") else (name, kind.replace("|", r"\|"), meaning)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
