"""The module's names that a piece of code reads, told apart from its own local names."""

import ast
import symtable
from collections.abc import Iterator

from prefect_compat.eject.names import names_in_text


def global_reads(code: str) -> frozenset[str]:
    """The names that code reads of its module, also in annotations that are text.

    A parameter or a local variable is none, even if the module has something of the same name.
    """
    table = symtable.symtable(code, "<statement>", "exec")
    return frozenset({*_of_table(table), *names_in_text(ast.parse(code))})


def _of_table(table: symtable.SymbolTable) -> Iterator[str]:
    is_top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (is_top or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _of_table(child)
