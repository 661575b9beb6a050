"""Modules of a project: their statements, what these bind, and whether they need Dagster."""

import ast
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from prefect_compat.eject.names import Imported, bound_names, imports_of
from prefect_compat.eject.rules.rule import DAGSTER, DagsterNames
from prefect_compat.eject.source import is_of_project


@dataclass(frozen=True)
class Statement:
    """A top-level statement of a module, with the names that it binds and its first line."""

    node: cst.BaseStatement
    code: str
    line: int
    binds: frozenset[str]


@dataclass(frozen=True)
class SourceModule:
    """A module of the project, read from its file."""

    name: str
    file: Path
    text: str = field(repr=False)

    @cached_property
    def tree(self) -> cst.Module:
        return cst.parse_module(self.text)

    @cached_property
    def is_package(self) -> bool:
        return self.file.name == "__init__.py"

    @cached_property
    def package(self) -> str:
        """The package from which its relative imports start."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @cached_property
    def functions(self) -> tuple[tuple[tuple[str, ...], cst.FunctionDef], ...]:
        """All functions, with the names that lead to them."""
        finder = _Functions()
        self.tree.visit(finder)
        return tuple(finder.found)

    @cached_property
    def _positions(self) -> Mapping[cst.CSTNode, Any]:
        return MetadataWrapper(self.tree, unsafe_skip_copy=True).resolve(PositionProvider)

    def lines_of(self, node: cst.FunctionDef) -> range:
        """The lines from a function's first decorator to its `def`."""
        first = node.decorators[0] if node.decorators else node
        return range(self._positions[first].start.line, self._positions[node.name].start.line + 1)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        found = []
        # LibCST's own positions take longer than all rules together.
        line = 1 + len(self.tree.header)
        for node in self.tree.body:
            code = self.tree.code_for_node(node)
            leading = len(getattr(node, "leading_lines", ()))
            found.append(Statement(node, code, line + leading, bound_names(code)))
            line += code.count("\n")
        return tuple(found)

    @cached_property
    def _bindings(self) -> Mapping[str, tuple[Statement, ...]]:
        found: dict[str, list[Statement]] = defaultdict(list)
        for entry in self.statements:
            for name in entry.binds:
                found[name].append(entry)
        return {name: tuple(entries) for name, entries in found.items()}

    @cached_property
    def imports(self) -> dict[str, Imported]:
        """The names that its top-level imports bind."""
        return imports_of(
            "".join(
                entry.code
                for entry in self.statements
                if not isinstance(entry.node, cst.FunctionDef | cst.ClassDef)
            ),
            self.package,
        )

    @cached_property
    def dotted(self) -> dict[str, frozenset[str]]:
        """The submodules that `import a.b` imports, by the name `a` that it binds."""
        found: dict[str, set[str]] = {}
        for node in ast.walk(ast.parse(self.text)):
            for alias in node.names if isinstance(node, ast.Import) else ():
                if "." in alias.name and not alias.asname:
                    found.setdefault(alias.name.partition(".")[0], set()).add(alias.name)
        return {name: frozenset(modules) for name, modules in found.items()}

    @cached_property
    def types_only(self) -> frozenset[str]:
        """The names that are imported for type checkers alone."""
        blocks = [
            entry.code
            for entry in self.statements
            if isinstance(entry.node, cst.If) and "TYPE_CHECKING" in entry.code.split(":")[0]
        ]
        return frozenset(name for code in blocks for name in imports_of(code, self.package))

    @cached_property
    def dagster(self) -> DagsterNames:
        """The names under which it knows Dagster, imports within functions included."""
        known = imports_of(self.text, self.package)
        return DagsterNames(
            frozenset(n for n, i in known.items() if i.name is None and i.module == DAGSTER),
            {n: i.name for n, i in known.items() if i.name and is_dagster(i.module)},
        )

    @property
    def postpones_annotations(self) -> bool:
        return self.imports.get("annotations") == Imported("__future__", "annotations")

    def binding(self, name: str) -> tuple[Statement, ...]:
        """The statements that bind a name or change its object."""
        return self._bindings.get(name, ())

    def star_imports(self) -> tuple[str, ...]:
        return tuple(i.module for n, i in self.imports.items() if n.startswith("*"))


class _Functions(cst.CSTVisitor):
    """Collects functions with the names of the functions and classes around them."""

    def __init__(self) -> None:
        super().__init__()
        self._at: list[str] = []
        self.found: list[tuple[tuple[str, ...], cst.FunctionDef]] = []

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._at.append(node.name.value)
        self.found.append((tuple(self._at), node))

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self._at.pop()

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self._at.append(node.name.value)

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:
        self._at.pop()


class Modules:
    """The modules of a project, each read once."""

    def __init__(self) -> None:
        self._known: dict[str, SourceModule | None] = {}
        self._needs_dagster: dict[str, bool] = {}

    def of_project(self, name: str) -> SourceModule | None:
        """The module, or None for one of a library."""
        if name not in self._known:
            file = _file_of(name)
            text = file.read_text(encoding="utf-8-sig") if file and is_of_project(file) else None
            self._known[name] = (
                SourceModule(name, file, text) if file and text is not None else None
            )
        return self._known[name]

    def at(self, name: str, file: Path) -> SourceModule:
        """The module of a file that is known already."""
        if self._known.get(name) is None:
            self._known[name] = SourceModule(name, file, file.read_text(encoding="utf-8-sig"))
        module = self._known[name]
        assert module is not None
        return module

    def needs_dagster(self, name: str) -> bool:
        """True if importing the module imports Dagster, by itself or by what it imports."""
        if name not in self._needs_dagster:
            self._needs_dagster[name] = False  # for a circle of imports
            self._needs_dagster[name] = self._imports_dagster(name)
        return self._needs_dagster[name]

    def _imports_dagster(self, name: str) -> bool:
        module = self.of_project(name)
        if module is None:
            return is_dagster(name)
        targets = set()
        for imported in imports_of(module.text, module.package).values():
            targets.add(imported.module)
            if imported.name and imported.name != "*":
                submodule = f"{imported.module}.{imported.name}"
                if self.is_submodule(imported.module, imported.name):
                    targets.add(submodule)
        parent = name.rpartition(".")[0]
        return any(map(self.needs_dagster, filter(None, {*targets, parent} - {name})))

    def is_submodule(self, package: str, name: str) -> bool:
        """True if a package's name is a module of its own."""
        parent = self.of_project(package)
        if parent is None or not parent.is_package or parent.binding(name):
            return False
        return self.of_project(f"{package}.{name}") is not None


@cache
def is_dagster(module: str) -> bool:
    """True for a module of Dagster's or of its libraries.

    Many projects have a package of their own named `dagster_…`: they are told apart by the file.
    """
    root = module.partition(".")[0]
    if root == DAGSTER:
        return True
    if not root.startswith("dagster_"):
        return False
    file = _file_of(module)
    return file is None or not is_of_project(file)


def _file_of(name: str) -> Path | None:
    loaded = sys.modules.get(name)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        origin = spec.origin if spec else None
    file = Path(origin) if origin else None
    return file if file is not None and file.suffix == ".py" and file.is_file() else None
