"""The files of `tasks/`: the project's modules, with what the steps need of them."""

import posixpath
import re
from collections.abc import Iterable, Mapping

import libcst as cst

from prefect_compat.eject.extraction import Extraction, NeededModule
from prefect_compat.eject.modules import Modules
from prefect_compat.eject.names import Imported, imports_of
from prefect_compat.eject.rules.all_rules import HOMES
from prefect_compat.eject.scopes import global_reads
from prefect_compat.errors import EjectError

TASKS = "tasks"


def written_names(extraction: Extraction) -> dict[str, str]:
    """The name in the written project of each module that is written."""
    names = sorted(extraction.needed)
    packages = [
        name if extraction.needed[name].source.is_package else name.rpartition(".")[0]
        for name in names
    ]
    # A package that is written itself keeps its name.
    above = [
        package.rpartition(".")[0] if package == name else package
        for name, package in zip(names, packages, strict=True)
    ]
    common = _common_prefix([entry.split(".") if entry else [] for entry in above])
    found: dict[str, str] = {}
    for name in names:
        # A file that is run by its path may have any name, such as `my-pipeline.py`.
        parts = [re.sub(r"\W", "_", part) for part in name.split(".")[len(common) :]]
        written = ".".join([TASKS, *(f"_{part}" if part[:1].isdigit() else part for part in parts)])
        while written in found.values():
            written += "_"
        found[name] = written
    return found


def _common_prefix(paths: list[list[str]]) -> list[str]:
    prefix = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) != 1:
            break
        prefix.append(parts[0])
    return prefix


def module_files(
    extraction: Extraction, modules: Modules, names: Mapping[str, str]
) -> dict[str, str]:
    """The code of each file by its path, packages' `__init__.py` included."""
    files = {}
    for name, needed in extraction.needed.items():
        path = names[name].replace(".", "/")
        path = f"{path}/__init__.py" if needed.source.is_package else f"{path}.py"
        files[path] = _code(needed, modules, names)
    for path in list(files):
        folder = posixpath.dirname(path)
        while folder:
            files.setdefault(f"{folder}/__init__.py", "")
            folder = posixpath.dirname(folder)
    return files


def _code(needed: NeededModule, modules: Modules, names: Mapping[str, str]) -> str:
    source = needed.source
    rewrite = _ImportsRewritten(source.package, modules, names)
    body = []
    for _, node in sorted(needed.statements.items()):
        written = node.visit(rewrite)
        assert isinstance(written, cst.BaseStatement)
        body.append(source.tree.code_for_node(written))
    text = "".join(body)
    lines = [_docstring(source.tree)]
    if source.postpones_annotations:
        lines.append("from __future__ import annotations\n")
    lines += sorted(_import_lines(needed, modules, names, for_types=False))
    lines += _generated_imports(needed, text)
    of_types = sorted(_import_lines(needed, modules, names, for_types=True))
    if of_types:
        lines.append("from typing import TYPE_CHECKING\n")
        lines.append("\nif TYPE_CHECKING:\n")
        lines += [f"    {line}" for line in of_types]
    return "".join(lines) + "\n\n" + text


def _docstring(tree: cst.Module) -> str:
    text = tree.get_docstring(clean=False)
    return f'"""{text}"""\n\n' if text else ""


def _import_lines(
    needed: NeededModule, modules: Modules, names: Mapping[str, str], *, for_types: bool
) -> Iterable[str]:
    read = global_reads("".join(map(needed.source.tree.code_for_node, needed.statements.values())))
    for local, imported in needed.imports.items():
        if (local in needed.types_only) == for_types:
            line = import_line(local, imported, modules, names)
            # `as` says that the module passes the name on.
            is_passed_on = local not in read and " as " not in line and "from " in line
            yield f"{line.rstrip()} as {local}\n" if is_passed_on else line
            if imported.name is None and imported.module == local:
                yield from (f"import {name}\n" for name in needed.source.dotted.get(local, ()))


def import_line(local: str, imported: Imported, modules: Modules, names: Mapping[str, str]) -> str:
    """The statement that imports a name under its local name, from where it is written."""
    module, name = imported.module, imported.name
    if name is not None and modules.is_submodule(module, name):
        module, name = f"{module}.{name}", None
    written = names.get(module, module)
    if name is not None:
        return f"from {written} import {name}{_as(name, local)}\n"
    package, _, last = written.rpartition(".")
    if local == written:
        return f"import {written}\n"
    if not package:
        return f"import {written} as {local}\n"
    return f"from {package} import {last}{_as(last, local)}\n"


def _as(name: str, local: str) -> str:
    return "" if name == local else f" as {local}"


def _generated_imports(needed: NeededModule, text: str) -> list[str]:
    """Imports of what rules have put in.

    Raises EjectError if the module has something else of that name.
    """
    bound = {name for entry in needed.source.statements for name in entry.binds}
    written = {
        name
        for entry in needed.source.statements
        if entry.line in needed.statements
        for name in entry.binds
    }
    lines = []
    for name in sorted(global_reads(text) & HOMES.keys()):
        if name in needed.imports or name in written:
            continue
        if name in bound and not needed.rules:
            raise EjectError(
                f"{needed.source.file.name} has its own '{name}', a name that the written project"
                " uses. Rename it."
            )
        home = HOMES[name]
        lines.append(f"from {home} import {name}\n" if home else f"import {name}\n")
    return lines


class _ImportsRewritten(cst.CSTTransformer):
    """Imports in a function's body name the module where it is written."""

    def __init__(self, package: str, modules: Modules, names: Mapping[str, str]) -> None:
        super().__init__()
        self._package = package
        self._modules = modules
        self._names = names

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine]:
        match updated_node.body:
            case [cst.ImportFrom() | cst.Import()]:
                code = cst.Module([]).code_for_node(updated_node).strip()
                found = imports_of(code, self._package)
                if not any(self._is_of_project(imported) for imported in found.values()):
                    return updated_node
                lines = [
                    cst.ensure_type(
                        cst.parse_statement(
                            import_line(local, imported, self._modules, self._names)
                        ),
                        cst.SimpleStatementLine,
                    )
                    for local, imported in found.items()
                ]
                first = lines[0].with_changes(leading_lines=updated_node.leading_lines)
                return cst.FlattenSentinel([first, *lines[1:]])
        return updated_node

    def _is_of_project(self, imported: Imported) -> bool:
        return self._modules.of_project(imported.module) is not None
