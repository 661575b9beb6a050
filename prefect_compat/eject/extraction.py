"""Takes from a project's modules what its steps need, and applies the rules to it."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import libcst as cst

from prefect_compat.eject.contexts import read_of, validate_contexts
from prefect_compat.eject.modules import Modules, SourceModule, Statement, is_dagster
from prefect_compat.eject.names import BUILTINS, Imported, attributes_of, imports_of
from prefect_compat.eject.rules.all_rules import HOMES, RULES, STEP_RULES
from prefect_compat.eject.rules.rule import Rule, apply_rules
from prefect_compat.eject.scopes import global_reads
from prefect_compat.eject.source import SourceFunction
from prefect_compat.errors import EjectError


@dataclass
class NeededModule:
    """The statements of a module that are written, in their order, by their first line.

    `imports` has what its statements need from elsewhere; `rules` the rules that were applied.
    """

    source: SourceModule
    statements: dict[int, cst.BaseStatement] = field(default_factory=dict)
    imports: dict[str, Imported] = field(default_factory=dict)
    types_only: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)

    def copy(self) -> "NeededModule":
        return NeededModule(
            self.source,
            self.statements.copy(),
            self.imports.copy(),
            self.types_only.copy(),
            self.rules.copy(),
        )


class Extraction:
    """Collects what the functions of the steps need, module by module.

    A module of the project that does not need Dagster is imported as it is, unless the project
    `is_vendored`. Functions that are `left_out`, as `module:function`, have no body.
    """

    def __init__(
        self, modules: Modules, *, is_vendored: bool, left_out: Iterable[str] = ()
    ) -> None:
        self._modules = modules
        self._is_vendored = is_vendored
        self._left_out = frozenset(left_out)
        self._seen: set[tuple[str, str]] = set()
        self._functions: dict[tuple[str, int], tuple[frozenset[str], cst.FunctionDef]] = {}
        self.needed: dict[str, NeededModule] = {}
        self.kept: set[str] = set()

    def add_function(self, source: SourceFunction) -> tuple[frozenset[str], cst.FunctionDef]:
        """Adds a step's function without its decorators.

        Returns the rules that changed it, and the function as it is written.

        Raises EjectError, which names file and line, if something of Dagster's is left in it.
        """
        module = self._modules.at(source.module, source.file)
        node, line = find_function(module, source.path, source.line), source.line
        plain = node.with_changes(decorators=[], leading_lines=node.leading_lines or [])
        if source.is_nested:
            plain = _lifted(plain, source, module)
        known = self._functions.get((module.name, line))
        if known is None:
            entry = Statement(plain, "", line, frozenset({source.name}))
            rules = self._add(module, entry, STEP_RULES)
            written = cst.ensure_type(self._needed(module).statements[line], cst.FunctionDef)
            known = self._functions[module.name, line] = (rules, written)
        return known

    def add_name(self, module_name: str, name: str) -> None:
        """Adds a class or another name of a module."""
        module = self._modules.of_project(module_name)
        if module is not None:
            self._need(module, name)

    def context_uses(self, source: SourceFunction, name: str | None) -> frozenset[str]:
        """The attributes that a function reads of the context, its parameter of this name."""
        if name is None:
            return frozenset()
        module = self._modules.at(source.module, source.file)
        node = find_function(module, source.path, source.line)
        tree = ast.parse(module.tree.code_for_node(node))
        return frozenset(attribute.attr for attribute in read_of(tree, name))

    @contextmanager
    def undone_if_refused(self) -> Iterator[None]:
        """Takes back what is added meanwhile if an EjectError is raised.

        Otherwise the next step that needs a refused helper would find it there, and be carried.
        """
        needed = {name: module.copy() for name, module in self.needed.items()}
        others = self._seen.copy(), self._functions.copy(), self.kept.copy()
        try:
            yield
        except EjectError:
            self.needed = needed
            self._seen, self._functions, self.kept = others
            raise

    def _needed(self, module: SourceModule) -> NeededModule:
        return self.needed.setdefault(module.name, NeededModule(module))

    def _add(
        self,
        module: SourceModule,
        entry: Statement,
        kinds: Sequence[type[Rule]] = RULES,
    ) -> frozenset[str]:
        needed = self._needed(module)
        if entry.line in needed.statements:
            return frozenset()
        node, rules = self._rewritten(module, entry, kinds)
        needed.statements[entry.line] = node
        needed.rules |= set(rules)
        code = module.tree.code_for_node(node)
        reads = global_reads(code)
        if "__file__" in reads:
            line, _ = _place_of(module, code, "__file__", entry)
            raise EjectError(
                f"{module.file.name}:{line}: it looks for files beside `__file__`, and the written"
                " project has its files elsewhere. Pass the path as configuration."
            )
        for name in sorted(reads - entry.binds):
            self._resolve(module, name, code, entry)
        for imported in imports_of(code, module.package).values():
            self._import_inside(module, imported, entry)
        return frozenset(rules)

    def _rewritten(
        self, module: SourceModule, entry: Statement, kinds: Sequence[type[Rule]]
    ) -> tuple[cst.BaseStatement, tuple[str, ...]]:
        """A statement after the rules, and those that changed it.

        Raises EjectError for what no rule can see by itself.
        """
        node = entry.node
        if isinstance(node, cst.FunctionDef) and self._is_left_out(module, node):
            node = _without_body(node)
        rules: tuple[str, ...] = ()
        is_step = kinds is STEP_RULES
        if is_step or module.dagster.may_be_in(module.tree.code_for_node(node)):
            node, rules = apply_rules(node, module.dagster, kinds)
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            validate_contexts(module, node, entry.line, is_step=is_step)
        asks = "failure" in rules and "RetryRequested(" in module.tree.code_for_node(node)
        if asks and not is_step:
            raise EjectError(
                f"{module.file.name}:{entry.line}: a helper asks for retries by `RetryRequested`."
                " Raise it in the step's own function."
            )
        if isinstance(node, cst.ClassDef) and _is_its_own_base(node):
            raise EjectError(
                f"{module.file.name}:{entry.line}: the class has the name of its base in the"
                " written project. Rename it."
            )
        return node, rules

    def _is_left_out(self, module: SourceModule, node: cst.FunctionDef) -> bool:
        return f"{module.name}:{node.name.value}" in self._left_out

    def _resolve(self, module: SourceModule, name: str, code: str, entry: Statement) -> None:
        if name in HOMES and module.dagster.members.get(name) == name:
            return  # rules have put in the project's own type of the same name
        if name in module.imports and not _is_defined(module, name):
            chosen = [e for e in module.binding(name) if isinstance(e.node, cst.If | cst.Try)]
            if chosen and name not in module.types_only:
                # Of `import fcntl` and `import msvcrt`, only one can be imported: both branches
                # are kept.
                for choice in chosen:
                    self._add(module, choice)
                return
            self._import(module, name, module.imports[name], code, entry)
        elif module.binding(name):
            self._need(module, name)
        elif name in HOMES:
            return
        elif name not in BUILTINS:
            self._from_star_import(module, name, code, entry)

    def _need(self, module: SourceModule, name: str) -> None:
        if (module.name, name) in self._seen:
            return
        self._seen.add((module.name, name))
        bindings = module.binding(name)
        if not bindings:
            raise EjectError(f"{module.file.name} has no '{name}', which another module imports.")
        if name in module.imports and not _is_defined(module, name):
            # The module passes on what it imports.
            self._import(module, name, module.imports[name], "", bindings[0])
            return
        for entry in bindings:
            self._add(module, entry)

    def _import(
        self, module: SourceModule, name: str, imported: Imported, code: str, entry: Statement
    ) -> None:
        if is_dagster(imported.module):
            raise self._left_over(module, name, code, entry)
        needed = self._needed(module)
        needed.imports[name] = imported
        if name in module.types_only:
            needed.types_only.add(name)
        self._follow(imported, code, name)

    def _follow(self, imported: Imported, code: str, local: str) -> None:
        """Adds what an import of the project's own needs in turn."""
        target, attribute = imported.module, imported.name
        if attribute and self._modules.is_submodule(target, attribute):
            target, attribute = f"{target}.{attribute}", None
        other = self._modules.of_project(target)
        if other is None:
            return
        if not self._is_written(target):
            self.kept.add(target)
        elif attribute is not None:
            self._need(other, attribute)
        else:
            self._needed(other)
            for used in sorted(attributes_of(code, local)):
                self._need(other, used)

    def _import_inside(self, module: SourceModule, imported: Imported, entry: Statement) -> None:
        """Follows an import in a function's body."""
        if is_dagster(imported.module):
            raise EjectError(
                f"{module.file.name}:{entry.line}: it imports {imported.module} in its body, which"
                " no rule replaces. Rewrite the function, or pass --stub."
            )
        self._follow(imported, "", "")

    def _is_written(self, name: str) -> bool:
        return self._is_vendored or self._modules.needs_dagster(name)

    def _from_star_import(
        self, module: SourceModule, name: str, code: str, entry: Statement
    ) -> None:
        for target in reversed(module.star_imports()):
            other = self._modules.of_project(target)
            if other is not None and other.binding(name):
                self._import(module, name, Imported(target, name), code, entry)
                return
        if module.star_imports():
            raise EjectError(
                f"{module.file.name}:{entry.line}: '{name}' comes from a star import of a library."
                " Import it by its name."
            )

    def _left_over(
        self, module: SourceModule, name: str, code: str, entry: Statement
    ) -> EjectError:
        """The error for something of Dagster's that no rule has replaced."""
        line, text = _place_of(module, code, name, entry)
        return EjectError(
            f"{module.file.name}:{line}: no rule replaces {text}. Rewrite it without Dagster, pass"
            " --stub to write the step as a stub, or write it by hand."
        )


def _is_its_own_base(node: cst.ClassDef) -> bool:
    names = (base.value for base in node.bases)
    return any(isinstance(base, cst.Name) and base.value == node.name.value for base in names)


def _without_body(node: cst.FunctionDef) -> cst.FunctionDef:
    line = cst.parse_statement('"""Does nothing: it served Dagster alone."""')
    return node.with_changes(body=cst.IndentedBlock([line]), decorators=[])


def _is_defined(module: SourceModule, name: str) -> bool:
    """True if a module binds a name otherwise than by an import."""
    return any(not _is_import(entry.node) for entry in module.binding(name))


def _is_import(node: cst.CSTNode) -> bool:
    match node:
        case cst.SimpleStatementLine(body=[cst.Import() | cst.ImportFrom()]):
            return True
        case cst.If() | cst.Try():
            return "import " in cst.Module([]).code_for_node(node)
    return False


def _place_of(module: SourceModule, code: str, name: str, entry: Statement) -> tuple[int, str]:
    """The line in the file of the first use of a name that is left in code, and its text."""
    left = {ast.unparse(node) for node in ast.walk(ast.parse(code or "pass")) if _names(node, name)}
    # `dg.Output` says more than `dg`, which is a part of it.
    for text in sorted(left, key=len, reverse=True):
        for node in ast.walk(ast.parse(module.text)):
            line = getattr(node, "lineno", 0)
            if line >= entry.line and _names(node, name) and ast.unparse(node) == text:
                return line, f"`{text}`"
    return entry.line, f"`{name}`"


def _names(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id=found)) | ast.Name(id=found):
            return found == name
    return False


def find_function(
    module: SourceModule, path: tuple[str, ...], line: int | None = None
) -> cst.FunctionDef:
    """The definition of a function at a path of names, on a line if there are several.

    Raises EjectError if the file has changed since it was imported.
    """
    found = [node for names, node in module.functions if names == path]
    if len(found) > 1 and line is not None:
        found = [node for node in found if line in module.lines_of(node)]
    if len(found) != 1:
        raise EjectError(
            f"{module.file.name}: found {len(found)} definitions of {'.'.join(path)}, expected"
            " one. Save the file, and give functions different names."
        )
    return found[0]


def _lifted(node: cst.FunctionDef, source: SourceFunction, module: SourceModule) -> cst.FunctionDef:
    """A nested function as one of the module, with what it has captured as parameters."""
    factory = find_function(module, source.path[:-1])
    types = {
        entry.name.value: entry.annotation
        for entry in (*factory.params.params, *factory.params.kwonly_params)
    }
    more = [
        cst.Param(cst.Name(name), annotation=types.get(name)) for name in sorted(source.captured)
    ]
    if not more:
        return node
    parameters = node.params
    star = parameters.star_arg
    return node.with_changes(
        params=parameters.with_changes(
            kwonly_params=[*parameters.kwonly_params, *more],
            star_arg=cst.ParamStar() if isinstance(star, cst.MaybeSentinel) else star,
        )
    )
