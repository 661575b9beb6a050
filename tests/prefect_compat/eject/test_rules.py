"""Each rule, before and after."""

import libcst as cst
import pytest

from prefect_compat.eject.rules.all_rules import RULES, STEP_RULES
from prefect_compat.eject.rules.rule import DagsterNames, apply_rules

NAMES = DagsterNames(frozenset({"dg"}), {"Output": "Output", "MetadataValue": "MetadataValue"})

CASES = [
    (
        "simple context",
        "def f(context: dg.AssetExecutionContext) -> str:\n    return context.partition_key\n",
        "def f(partition_key: str) -> str:\n    return partition_key\n",
    ),
    (
        "simple context",
        "def f(context, x):\n    context.log.info('x')\n    return x\n",
        "def f(x):\n    get_run_logger().info('x')\n    return x\n",
    ),
    (
        "context",
        "def f(context: dg.AssetExecutionContext) -> str:\n    return context.run_id\n",
        "def f(context: StepContext) -> str:\n    return context.run_id\n",
    ),
    (
        "context",
        "def f(context: dg.OpExecutionContext | dg.AssetExecutionContext):\n"
        "    return context.run_id | context.run_id\n",
        "def f(context: StepContext):\n    return context.run_id | context.run_id\n",
    ),
    (
        "context",  # a key of several dimensions is more than text
        "def f(context: dg.AssetExecutionContext):\n"
        "    return context.partition_key.keys_by_dimension\n",
        "def f(context: StepContext):\n    return context.partition_key.keys_by_dimension\n",
    ),
    (
        "returned result",
        "def f():\n    return dg.MaterializeResult(value=1, metadata={'n': 2})\n",
        "def f():\n    log_metadata({'n': 2})\n    return 1\n",
    ),
    (
        "returned result",
        "def f():\n    # Why.\n    return dg.MaterializeResult(metadata={'n': 2})\n",
        "def f():\n    # Why.\n    log_metadata({'n': 2})\n    return None\n",
    ),
    (
        "returned result",
        "def f():\n    return Output(1)\n",
        "def f():\n    return 1\n",
    ),
    (
        "returned result",
        "def f():\n    yield Output(1, 'a')\n    yield Output(value=2, output_name='b')\n",
        "def f():\n    yield 'a', 1\n    yield 'b', 2\n",
    ),
    (
        "returned result",
        "def f():\n    yield dg.DynamicOutput(1, mapping_key='k')\n",
        "def f():\n    yield 'k', 1\n",
    ),
    (
        "returned result",
        "def f():\n    return dg.MaterializeResult(value=1, check_results=[c])\n",
        "def f():\n    report_checks([c])\n    return 1\n",
    ),
    (
        "dynamic element",
        "def f():\n    return [dg.DynamicOutput(1, mapping_key='k')]\n",
        "def f():\n    return [('k', 1)]\n",
    ),
    (
        "check result",
        "def f():\n    return dg.AssetCheckResult(passed=x, severity=dg.AssetCheckSeverity.WARN)\n",
        'def f():\n    return CheckResult(passed=x, severity="WARN")\n',
    ),
    (
        "check result",
        "def f():\n    yield dg.AssetCheckResult(passed=x)\n",
        "def f():\n    report_checks([CheckResult(passed=x)])\n",
    ),
    (
        "failure",
        "def f():\n    raise dg.Failure('no', allow_retries=False) from e\n",
        "def f():\n    raise Failure('no', allow_retries=False) from e\n",
    ),
    (
        "generic annotation",
        "def f() -> dg.MaterializeResult[int]:\n    return 1\n",
        "def f() -> int:\n    return 1\n",
    ),
    (
        "generic annotation",
        "def f(r: dg.ResourceParam[Client]) -> dg.MaterializeResult:\n    return r\n",
        "def f(r: Client) -> Any:\n    return r\n",
    ),
    (
        "annotation of a generator",
        "def f() -> Iterator[Output[int]]:\n    yield Output(1, 'a')\n",
        "def f() -> Iterator[tuple[str, Any]]:\n    yield 'a', 1\n",
    ),
    (
        "metadata value",
        "def f():\n    return {'a': MetadataValue.md('x'), 'b': dg.MetadataValue.int(3)}\n",
        "def f():\n    return {'a': 'x', 'b': 3}\n",
    ),
    (
        "table description",
        "x = dg.TableSchema([dg.TableColumn('n', 'int', description='d')])\n",
        "x = [('n', 'int', 'd')]\n",
    ),
    ("type of Dagster's", "T = dg.PythonObjectDagsterType((A, B), name='T')\n", "T = Any\n"),
    ("environment variable", "x = dg.EnvVar('TOKEN')\n", "x = os.environ['TOKEN']\n"),
    (
        "environment variable",
        "x = dg.EnvVar('TOKEN').get_value('none')\n",
        "x = os.environ.get('TOKEN', 'none')\n",
    ),
    ("log", "log = dg.get_dagster_logger()\n", "log = RunLogger()\n"),
    ("base class", "class A(dg.Config):\n    n: int = 1\n", "class A(Config):\n    n: int = 1\n"),
    (
        "base class",
        "class A(dg.ConfigurableResource['A'], Mixin):\n    pass\n",
        "class A(Resource, Mixin):\n    pass\n",
    ),
    ("key type", "k = dg.AssetKey(['a', 'b'])\n", "k = AssetKey(['a', 'b'])\n"),
]


def rewritten(code: str, rules: tuple[object, ...]) -> tuple[str, tuple[str, ...]]:
    (statement,) = cst.parse_module(code).body
    assert isinstance(statement, cst.BaseStatement)
    node, used = apply_rules(statement, NAMES, rules)  # type: ignore[arg-type]
    return cst.Module([node]).code, used


@pytest.mark.parametrize(("name", "before", "after"), CASES)
def test_a_rule_replaces_what_is_dagsters_and_leaves_the_rest(
    name: str, before: str, after: str
) -> None:
    code, used = rewritten(before, STEP_RULES)
    assert code == after
    assert name in used


def test_every_rule_has_a_case_and_says_what_it_does() -> None:
    assert {rule.name for rule in STEP_RULES} == {name for name, _, _ in CASES}
    assert all(rule.what for rule in STEP_RULES)


def test_code_without_dagster_stays_as_it_is() -> None:
    code = "def f(context, partition_key):  # odd   spacing\n    return  [ context.x ]\n"
    assert rewritten(code, STEP_RULES) == (code, ())


def test_a_helper_keeps_its_context_parameter_because_its_callers_pass_it() -> None:
    code = "def f(context: dg.AssetExecutionContext):\n    return context.partition_key\n"
    after, _ = rewritten(code, RULES)
    assert "context: StepContext" in after
    assert "context.partition_key" in after


def test_names_of_other_packages_are_no_names_of_dagsters() -> None:
    code = "def f():\n    return other.MaterializeResult(value=1)\n"
    assert rewritten(code, STEP_RULES) == (code, ())
