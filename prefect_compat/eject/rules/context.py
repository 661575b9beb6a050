"""Rules for a function that uses its context for the partition key or the log alone."""

import libcst as cst

from prefect_compat.eject.rules.rule import Rule
from prefect_compat.eject.rules.types import CONTEXTS

SIMPLE = {"partition_key": "partition_key", "log": "get_run_logger()"}


class SimpleContext(Rule):
    """`context.partition_key` becomes a parameter, `context.log` the log of the task run."""

    name = "simple context"
    what = "the partition key as a parameter, and the log of the task run"

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        first = updated_node.params.params[:1]
        if not first or not self._is_context(first[0]):
            return updated_node
        name = first[0].name.value
        uses = _Uses(name)
        updated_node.body.visit(uses)
        if uses.is_other or not uses.attributes <= SIMPLE.keys():
            return updated_node
        if uses.key_is_opened:  # `context.partition_key.keys_by_dimension`
            return updated_node
        self.is_used = True
        parameters = list(updated_node.params.params[1:])
        if "partition_key" in uses.attributes:
            annotation = cst.Annotation(cst.Name("str"))
            key = first[0].with_changes(name=cst.Name("partition_key"), annotation=annotation)
            parameters.insert(0, key)
        return updated_node.with_changes(
            params=updated_node.params.with_changes(params=parameters),
            body=updated_node.body.visit(_Replaced(name)),
        )

    def _is_context(self, parameter: cst.Param) -> bool:
        if parameter.annotation is None:
            return parameter.name.value in ("context", "_context", "_")
        name = self.names.of(parameter.annotation.annotation)
        return CONTEXTS.get(name or "") == "StepContext"


class _Uses(cst.CSTVisitor):
    """The attributes that are read of a name, and any other use of it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.attributes: set[str] = set()
        self.is_other = False
        self.key_is_opened = False

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        match node.value:
            case cst.Name(value=self._name):
                self.attributes.add(node.attr.value)
                return False
            case cst.Attribute(
                value=cst.Name(value=self._name), attr=cst.Name(value="partition_key")
            ):
                self.key_is_opened = node.attr.value == "keys_by_dimension" or self.key_is_opened
        return True

    def visit_Name(self, node: cst.Name) -> None:
        self.is_other = self.is_other or node.value == self._name

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)  # not the keyword, which may have the same name
        return False


class _Replaced(cst.CSTTransformer):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        match updated_node:
            case cst.Attribute(value=cst.Name(value=self._name), attr=cst.Name(value=attribute)):
                return cst.parse_expression(SIMPLE[attribute])
        return updated_node
