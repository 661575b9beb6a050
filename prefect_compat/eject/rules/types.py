"""Rules for annotations and for the base classes of the user's own classes."""

import libcst as cst

from prefect_compat.eject.rules.rule import DagsterNames, Rule

# Generic types of Dagster's that stand for their argument.
TRANSPARENT = (
    "MaterializeResult",
    "Output",
    "DynamicOutput",
    "ResourceParam",
    "ResourceDependency",
)
CONTEXTS = {
    "AssetExecutionContext": "StepContext",
    "OpExecutionContext": "StepContext",
    "AssetCheckExecutionContext": "StepContext",
    "InitResourceContext": "StepContext",
    "OutputContext": "OutputContext",
    "InputContext": "InputContext",
}
BASES = {
    "Config": "Config",
    "PermissiveConfig": "PermissiveConfig",
    "ConfigurableResource": "Resource",
    "ConfigurableIOManager": "IOManager",
    "IOManager": "PlainIOManager",
}
OTHER_TYPES = {
    "AssetKey": "AssetKey",
    "MultiPartitionKey": "MultiPartitionKey",
    "DagsterLogManager": "Logger",
    "DuckDBResource": "DuckDBDatabase",
    "DynamicOutput": "Any",
}


class GenericResults(Rule):
    """`MaterializeResult[T]` in an annotation becomes `T`."""

    name = "generic annotation"
    what = "the type that it holds"

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        if self.names.of(updated_node.value) in TRANSPARENT and len(updated_node.slice) == 1:
            (element,) = updated_node.slice
            if isinstance(element.slice, cst.Index):
                self.is_used = True
                return element.slice.value
        return updated_node

    def leave_Annotation(
        self, original_node: cst.Annotation, updated_node: cst.Annotation
    ) -> cst.Annotation:
        if self.names.of(updated_node.annotation) in TRANSPARENT:
            self.is_used = True
            return updated_node.with_changes(annotation=cst.Name("Any"))
        return updated_node


class GeneratedEvents(Rule):
    """A generator's annotation: it yields pairs of an output's name and its value."""

    name = "annotation of a generator"
    what = "an iterator over names and values"

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        if updated_node.returns is None or not yields(original_node):
            return updated_node
        if not _Mentions.any_of(updated_node.returns, self.names):
            return updated_node
        self.is_used = True
        pairs = cst.parse_expression("Iterator[tuple[str, Any]]")
        return updated_node.with_changes(returns=cst.Annotation(pairs))


def yields(function: cst.FunctionDef) -> bool:
    """True for a generator function."""
    finder = _Yields()
    function.body.visit(finder)
    return finder.found


class _Yields(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def visit_Yield(self, node: cst.Yield) -> None:
        self.found = True

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False  # another function's own


class _Mentions(cst.CSTVisitor):
    """Looks for one of Dagster's names."""

    def __init__(self, names: DagsterNames) -> None:
        super().__init__()
        self._names = names
        self.found = False

    def on_visit(self, node: cst.CSTNode) -> bool:
        self.found = self.found or self._names.of(node) is not None
        return True

    @classmethod
    def any_of(cls, node: cst.CSTNode, names: DagsterNames) -> bool:
        finder = cls(names)
        node.visit(finder)
        return finder.found


class _Renamed(Rule):
    """Puts the project's own name in the place of Dagster's."""

    new: dict[str, str]

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        return self._renamed(updated_node)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self._renamed(updated_node)

    def _renamed(self, node: cst.BaseExpression) -> cst.BaseExpression:
        name = self.names.of(node)
        if name not in self.new:
            return node
        self.is_used = True
        return cst.Name(self.new[name])


class Contexts(_Renamed):
    """`AssetExecutionContext` becomes `StepContext`."""

    name = "context"
    what = "a plain object with the same attributes"
    new = CONTEXTS

    def leave_BinaryOperation(
        self, original_node: cst.BinaryOperation, updated_node: cst.BinaryOperation
    ) -> cst.BaseExpression:
        """A union of two contexts is one type."""
        left, right = updated_node.left, updated_node.right
        is_context = isinstance(left, cst.Name) and left.value in CONTEXTS.values()
        is_union = is_context and isinstance(updated_node.operator, cst.BitOr)
        return left if is_union and left.deep_equals(right) else updated_node


class KnownTypes(_Renamed):
    """`AssetKey` and `MultiPartitionKey` become small types, `DuckDBResource` a plain one."""

    name = "key type"
    what = "a small type with the same attributes"
    new = OTHER_TYPES


class BaseClasses(Rule):
    """`class Oven(ConfigurableResource)` becomes `class Oven(Resource)`."""

    name = "base class"
    what = "a pydantic model with the same fields"

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef:
        bases = [
            base.with_changes(value=cst.Name(BASES[name]))
            if (name := self.names.of(base.value)) in BASES
            else base
            for base in updated_node.bases
        ]
        if all(new is old for new, old in zip(bases, updated_node.bases, strict=True)):
            return updated_node
        self.is_used = True
        return updated_node.with_changes(bases=bases)
