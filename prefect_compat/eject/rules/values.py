"""Rules for Dagster's values: metadata, environment variables, the log, data versions."""

import libcst as cst

from prefect_compat.eject.rules.rule import DagsterNames, Rule, argument

# Wrappers whose first argument is the value.
WRAPPERS = ("MetadataValue", "DataVersion")


class MetadataValues(Rule):
    """`MetadataValue.md(text)` becomes `text`."""

    name = "metadata value"
    what = "the plain value"

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        function = updated_node.func
        is_value = (
            isinstance(function, cst.Attribute) and self.names.of(function.value) == "MetadataValue"
        )
        if not is_value and self.names.of(function) not in WRAPPERS:
            return updated_node
        if len(updated_node.args) != 1:
            return updated_node
        self.is_used = True
        return updated_node.args[0].value


class EnvironmentVariables(Rule):
    """`EnvVar("X")` becomes `os.environ["X"]`."""

    name = "environment variable"
    what = "read where it is used"

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        # The original is asked: an inner call is replaced first.
        match original_node.func:
            case cst.Attribute(value=cst.Call() as inner, attr=cst.Name(value="get_value")):
                variable = argument(inner, "var", 0)
                if self.names.called(inner) == "EnvVar" and variable is not None:
                    self.is_used = True
                    return cst.Call(_environ("get"), [cst.Arg(variable), *updated_node.args])
        if self.names.called(original_node) == "EnvVar" and len(updated_node.args) == 1:
            self.is_used = True
            return cst.Subscript(
                cst.parse_expression("os.environ"),
                [cst.SubscriptElement(cst.Index(updated_node.args[0].value))],
            )
        return updated_node


def _environ(method: str) -> cst.BaseExpression:
    return cst.parse_expression(f"os.environ.{method}")


class Loggers(Rule):
    """`get_dagster_logger()` becomes `get_run_logger()`; for a whole module, `RunLogger()`."""

    name = "log"
    what = "the log of the task run"

    def __init__(self, names: DagsterNames) -> None:
        super().__init__(names)
        self._functions = 0

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._functions += 1

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        self._functions -= 1
        return updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if self.names.called(updated_node) != "get_dagster_logger":
            return updated_node
        self.is_used = True
        # A module is imported before any run: Prefect has no log for it then.
        return cst.Call(cst.Name("get_run_logger" if self._functions else "RunLogger"))


class TableDescriptions(Rule):
    """`TableColumn("n", "int")` becomes `("n", "int")`, a schema the list of its columns."""

    name = "table description"
    what = "lists and tuples"
    rows = ("TableColumn", "TableColumnDep")
    whole = ("TableSchema", "TableColumnLineage")

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        name = self.names.called(updated_node)
        if name in self.whole and len(updated_node.args) == 1:
            self.is_used = True
            return updated_node.args[0].value
        if name in self.rows:
            self.is_used = True
            elements = [
                cst.StarredElement(argument.value) if argument.star else cst.Element(argument.value)
                for argument in updated_node.args
            ]
            return cst.Tuple(elements)
        return updated_node


class UncheckedTypes(Rule):
    """A type that Dagster alone knows becomes `Any`: of metadata, or one that it checks."""

    name = "type of Dagster's"
    what = "`Any`"
    types = ("PythonObjectDagsterType", "DagsterType", "TableSchema", "TableColumnLineage")

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if self.names.called(original_node) in ("PythonObjectDagsterType", "DagsterType"):
            self.is_used = True
            return cst.Name("Any")
        return updated_node

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        name = self.names.of(updated_node) or ""
        if (name.endswith("MetadataValue") and name != "MetadataValue") or name in self.types[2:]:
            self.is_used = True
            return cst.Name("Any")
        return updated_node
