"""The base of all rules, and the names under which a module knows Dagster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import libcst as cst

DAGSTER = "dagster"


@dataclass(frozen=True)
class DagsterNames:
    """The names of Dagster in a module: those of the package, and those imported from it."""

    packages: frozenset[str]
    members: Mapping[str, str]

    def may_be_in(self, code: str) -> bool:
        """False for code that has none of the names."""
        return any(name in code for name in (*self.packages, *self.members))

    def of(self, node: cst.CSTNode | None) -> str | None:
        """Dagster's own name of what an expression names: `Output` for `dg.Output`."""
        match node:
            case cst.Attribute(value=cst.Name(value=package), attr=cst.Name(value=name)):
                return name if package in self.packages else None
            case cst.Name(value=name):
                return self.members.get(name)
            case cst.Subscript(value=value):
                return self.of(value)
        return None

    def called(self, node: cst.CSTNode | None) -> str | None:
        """Dagster's own name of what a call calls."""
        return self.of(node.func) if isinstance(node, cst.Call) else None


class Rule(cst.CSTTransformer):
    """A replacement of one thing of Dagster's. `what` says what becomes of it."""

    name: ClassVar[str]
    what: ClassVar[str]

    def __init__(self, names: DagsterNames) -> None:
        super().__init__()
        self.names = names
        self.is_used = False


def argument(call: cst.Call, name: str, place: int | None = None) -> cst.BaseExpression | None:
    """The value of a call's argument, by its name or its place."""
    for number, given in enumerate(call.args):
        if given.keyword is not None and given.keyword.value == name:
            return given.value
        if given.keyword is None and not given.star and number == place:
            return given.value
    return None


def statement(code: str, **values: cst.BaseExpression) -> cst.BaseStatement:
    """A statement made of code, with expressions put in for its names."""
    node: cst.BaseStatement = cst.parse_statement(code)
    filled = node.visit(_Filled(values))
    assert isinstance(filled, cst.BaseStatement)
    return filled


class _Filled(cst.CSTTransformer):
    def __init__(self, values: Mapping[str, cst.BaseExpression]) -> None:
        super().__init__()
        self._values = values

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self._values.get(updated_node.value, updated_node)


def apply_rules(
    node: cst.BaseStatement, names: DagsterNames, rules: Sequence[type[Rule]]
) -> tuple[cst.BaseStatement, tuple[str, ...]]:
    """The statement after all rules, in their order, and the names of those that changed it."""
    used = []
    for kind in rules:
        rule = kind(names)
        changed = node.visit(rule)
        assert isinstance(changed, cst.BaseStatement)  # no rule removes a whole definition
        node = changed
        if rule.is_used:
            used.append(kind.name)
    return node, tuple(used)
