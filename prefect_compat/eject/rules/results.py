"""Rules for what a function returns or yields."""

from collections.abc import Iterator

import libcst as cst

from prefect_compat.eject.rules.rule import Rule, argument, statement

# The calls whose value stands in an argument, at the first place.
RESULTS = ("MaterializeResult", "Output", "DynamicOutput")
# Events that say something of a value and are no value.
EVENTS = ("AssetMaterialization", "AssetObservation", "ExpectationResult")


class ReturnedResult(Rule):
    """`return MaterializeResult(value=x, metadata=m)` becomes `log_metadata(m)`, `return x`."""

    name = "returned result"
    what = "the value is returned, metadata are logged, check results are reported"

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        match updated_node.body:
            case [cst.Return(value=cst.Call() as call)] if self.names.called(call) in RESULTS:
                lines = [*self._facts(call), self._returned(call)]
            case [cst.Expr(value=cst.Yield(value=cst.Call() as call))]:
                name = self.names.called(call)
                if name in RESULTS:
                    lines = [*self._facts(call), self._yielded(call)]
                elif name == "AssetCheckResult":
                    lines = [statement("report_checks([result])", result=call)]
                elif name in EVENTS:
                    lines = list(self._facts(call)) or [cst.parse_statement("pass")]
                else:
                    return updated_node
            case _:
                return updated_node
        self.is_used = True
        first = lines[0].with_changes(leading_lines=updated_node.leading_lines)
        last = lines[-1] if len(lines) > 1 else first
        lines = [first, *lines[1:-1], *([last] if len(lines) > 1 else [])]
        lines[-1] = lines[-1].with_changes(trailing_whitespace=updated_node.trailing_whitespace)
        return cst.FlattenSentinel(lines)

    @staticmethod
    def _facts(call: cst.Call) -> Iterator[cst.BaseStatement]:
        if (metadata := argument(call, "metadata")) is not None:
            yield statement("log_metadata(metadata)", metadata=metadata)
        if (checks := argument(call, "check_results")) is not None:
            yield statement("report_checks(checks)", checks=checks)

    def _returned(self, call: cst.Call) -> cst.BaseStatement:
        place = None if self.names.called(call) == "MaterializeResult" else 0
        value = argument(call, "value", place)
        return statement("return value", value=value) if value else statement("return None")

    def _yielded(self, call: cst.Call) -> cst.BaseStatement:
        """A pair of the output's name and its value."""
        name = self.names.called(call)
        if name == "MaterializeResult":
            key, value = argument(call, "asset_key", 0), argument(call, "value")
        elif name == "DynamicOutput":
            key, value = argument(call, "mapping_key", 1), argument(call, "value", 0)
        else:
            key, value = argument(call, "output_name", 1), argument(call, "value", 0)
        return statement(
            "yield name, value",
            name=key or cst.SimpleString('"result"'),
            value=value or cst.Name("None"),
        )


class DynamicElements(Rule):
    """`[DynamicOutput(x, mapping_key=k)]` becomes `[(k, x)]`."""

    name = "dynamic element"
    what = "a pair of the mapping key and the value"

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if self.names.called(updated_node) != "DynamicOutput":
            return updated_node
        value = argument(updated_node, "value", 0)
        key = argument(updated_node, "mapping_key", 1)
        if value is None or key is None or argument(updated_node, "metadata") is not None:
            return updated_node  # its metadata have no place in an expression: it is refused
        self.is_used = True
        return cst.Tuple([cst.Element(key), cst.Element(value)])


class CheckResults(Rule):
    """`AssetCheckResult(…)` becomes `CheckResult(…)`, and a severity its name."""

    name = "check result"
    what = "a plain object, reported as one of Prefect's artifacts"

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        # Of the original: the inner name is replaced first.
        if self.names.of(original_node.value) == "AssetCheckSeverity":
            self.is_used = True
            return cst.SimpleString(f'"{updated_node.attr.value}"')
        return self._renamed(updated_node)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self._renamed(updated_node)

    def _renamed(self, node: cst.BaseExpression) -> cst.BaseExpression:
        new = {"AssetCheckResult": "CheckResult", "AssetCheckSeverity": "str"}
        name = self.names.of(node)
        if name not in new:
            return node
        self.is_used = True
        return cst.Name(new[name])


class Failures(Rule):
    """`raise Failure(…)` stays, of a class of the project's own."""

    name = "failure"
    what = "an exception of the same arguments; without retries if it says so"
    renamed = ("Failure", "RetryRequested")

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        name = self.names.called(updated_node)
        if name not in self.renamed:
            return updated_node
        self.is_used = True
        return updated_node.with_changes(func=cst.Name(name))
