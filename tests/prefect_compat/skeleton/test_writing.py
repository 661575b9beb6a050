"""From recorded facts to files: nothing is run."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_compat.errors import SkeletonError
from prefect_compat.skeleton.facts import (
    Argument,
    Container,
    FlowParameter,
    FunctionPlace,
    Plain,
    RecordedFlow,
    RecordedParameter,
    RecordedTask,
    TaskOptions,
    TaskResult,
)
from prefect_compat.skeleton.flow_module import FlowModule
from prefect_compat.skeleton.skeleton import Skeleton, SkeletonOptions, write_skeleton

pytest.importorskip("ruff", reason="needs prefect-compat[eject]")
NO_OPTIONS = TaskOptions()


def task(
    name: str,
    *arguments: Argument,
    upstream: tuple[int, ...] = (),
    options: TaskOptions = NO_OPTIONS,
    returns_none: bool = False,
    is_async: bool = False,
    refusal: str | None = None,
) -> RecordedTask:
    attribute = name.replace(" ", "_") if name[0].isalpha() else "renamed"
    place = FunctionPlace(None, attribute, is_async=is_async)
    return RecordedTask(name, place, arguments, upstream, options, returns_none, refusal)


def flow(*tasks: RecordedTask, partition: str | None = None) -> RecordedFlow:
    parameters = (RecordedParameter("day", '"2024-01-03"'), RecordedParameter("rate", "0.5"))
    return RecordedFlow("daily", "Each day.", parameters, partition, False, tasks)


def written(
    recorded: RecordedFlow, partition: str | None = None, *, stub: bool = False
) -> Skeleton:
    options = SkeletonOptions("flows.py:daily", "out", partition=partition, has_stubs=stub)
    assert RecordedFlow.from_json(recorded.as_json()) == recorded
    return write_skeleton(recorded, FlowModule("flows", Path.cwd()), "flows.py:daily", options)


def functions(skeleton: Skeleton) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(skeleton.files["definitions.py"])
    return {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def code_of(skeleton: Skeleton, name: str) -> str:
    """An asset's code in the spelling of `ast`."""
    return ast.unparse(functions(skeleton)[name])


CHAIN = (
    task("orders", Argument("day", FlowParameter("day")), Argument("limit", Plain("10"))),
    task("by product", Argument("orders", TaskResult(0)), upstream=(0,)),
)


def test_an_asset_calls_the_function_of_its_task() -> None:
    found = written(flow(*CHAIN))
    assert code_of(found, "orders") == (
        "@dg.asset\ndef orders() -> Any:\n    return flows.orders.fn(day=DAY, limit=10)"
    )
    assert code_of(found, "by_product") == (
        "@dg.asset\ndef by_product(orders: Any) -> Any:\n"
        "    return flows.by_product.fn(orders=orders)"
    )
    assert 'DAY = "2024-01-03"' in found.files["definitions.py"]
    assert "RATE" not in found.files["definitions.py"]
    assert found.assets == ("orders", "by_product")


def test_a_day_is_taken_from_the_context() -> None:
    found = written(flow(*CHAIN, partition="day"), "2024-01-03")
    assert code_of(found, "orders") == (
        "@dg.asset(partitions_def=DAYS)\n"
        "def orders(context: dg.AssetExecutionContext) -> Any:\n"
        "    return flows.orders.fn(day=context.partition_key, limit=10)"
    )
    assert 'start_date="2024-01-03"' in found.files["definitions.py"]
    assert "--partition 2024-01-03" in found.comparison


def test_a_date_is_made_of_the_key_again() -> None:
    dated = replace(flow(CHAIN[0], partition="day"), partition_is_date=True)
    assert "day=dt.date.fromisoformat(context.partition_key)" in code_of(
        written(dated, "2024-01-03"), "orders"
    )
    as_text = task("orders", Argument("day", FlowParameter("day", ".isoformat()")))
    dated = replace(flow(as_text, partition="day"), partition_is_date=True)
    assert "day=context.partition_key" in code_of(written(dated, "2024-01-03"), "orders")


def test_a_parameter_of_the_partitions_name_keeps_its_own() -> None:
    tasks = (task("a", Argument("days", FlowParameter("days"))),)
    parameters = (RecordedParameter("day", None), RecordedParameter("days", "7"))
    recorded = replace(flow(*tasks, partition="day"), parameters=parameters)
    text = written(recorded, "2024-01-03").files["definitions.py"]
    assert "DAYS = 7" in text
    assert 'DAY_PARTITIONS = dg.DailyPartitionsDefinition(start_date="2024-01-03")' in text
    assert "@dg.asset(partitions_def=DAY_PARTITIONS)" in text


def test_results_are_rebuilt_in_the_body() -> None:
    rows = Container("dict", (TaskResult(0), TaskResult(1, "0")), ('"a"', '"b"'))
    pair = Container("tuple", (TaskResult(0),))
    last = task("last", Argument(None, rows), Argument("pair", pair), upstream=(0, 1))
    found = written(flow(task("load"), task("load"), last))
    assert code_of(found, "last") == (
        "@dg.asset\ndef last(load_1: Any, load_2: Any) -> Any:\n"
        "    return flows.last.fn({'a': load_1, 'b': load_2[0]}, pair=(load_1,))"
    )


def test_a_wait_is_a_dependency_without_a_value() -> None:
    waiting = task("waiting", Argument("x", TaskResult(1)), upstream=(0, 1))
    found = written(flow(task("a"), task("b"), waiting))
    assert code_of(found, "waiting").startswith("@dg.asset(deps=[a])\ndef waiting(b: Any) -> Any:")


def test_none_is_a_value_only_where_it_is_used() -> None:
    first = task("first", returns_none=True)
    used = written(flow(first, task("second", Argument("x", TaskResult(0)), upstream=(0,))))
    assert code_of(used, "first").endswith("-> Any:\n    return flows.first.fn()")
    unused = written(flow(first, task("second", upstream=(0,))))
    assert code_of(unused, "first").endswith("-> None:\n    flows.first.fn()")


def test_options_are_carried_or_listed() -> None:
    options = TaskOptions(2, (10.0, 20.0), ("nightly",), "Two\nlines.", ("timeout of 60 s: none",))
    found = written(flow(task("load", options=options, is_async=True)))
    assert code_of(found, "load") == (
        "@dg.asset(retry_policy=dg.RetryPolicy(max_retries=2, delay=10), tags={'nightly': ''})\n"
        'async def load() -> Any:\n    """Two\n    lines.\n    """\n'
        "    return await flows.load.fn()"
    )
    assert "- **load**: timeout of 60 s: none" in found.files["NOT_CARRIED.md"]


def test_a_description_that_is_no_docstring_is_an_option() -> None:
    text = 'Says """so""".'
    found = functions(written(flow(task("load", options=TaskOptions(description=text)))))["load"]
    (decorator,) = found.decorator_list
    assert isinstance(decorator, ast.Call)
    assert [ast.literal_eval(entry.value) for entry in decorator.keywords] == [text]


def test_names_that_python_or_dagster_refuse_are_given_beside() -> None:
    taken = (task("dt"), task("2nd"), task("Load (S3)"))
    last = task("last", *(Argument(None, TaskResult(run)) for run in range(3)), upstream=(0, 1, 2))
    found = written(flow(*taken, last))
    assert code_of(found, "last").startswith(
        "@dg.asset(ins={'dt_': dg.AssetIn('dt'), '_2nd': dg.AssetIn('2nd')})\n"
        "def last(dt_: Any, _2nd: Any, load_s3: Any)"
    )
    assert found.comparison.endswith("--match 'Load (S3)=load_s3'")
    assert "--match" in found.files["definitions.py"]


def test_an_asset_of_the_module_s_name_leaves_it_its_own() -> None:
    found = written(
        flow(task("flows"), task("second", Argument("x", TaskResult(0)), upstream=(0,)))
    )
    assert "import flows as flows_module" in found.files["definitions.py"]
    assert "flows_module.second.fn(x=flows)" in code_of(found, "second")


REFUSED = task("load", upstream=(0,), refusal="its argument `x` is a Lock")


def test_what_is_refused_is_named_and_nothing_is_written() -> None:
    with pytest.raises(SkeletonError, match=r"1 of 2 tasks.*\n  load: its argument `x` is a Lock"):
        written(flow(task("first"), REFUSED))


def test_a_stub_raises_and_is_listed() -> None:
    found = written(flow(task("first"), REFUSED), stub=True)
    assert code_of(found, "load") == (
        "@dg.asset(deps=[first])\ndef load() -> Any:\n"
        "    raise NotImplementedError('its argument `x` is a Lock')"
    )
    assert "- **load**: its argument `x` is a Lock" in found.files["NOT_CARRIED.md"]
    assert found.refused == {"load": "its argument `x` is a Lock"}


def test_values_that_the_flow_computed_are_listed() -> None:
    recorded = replace(flow(*CHAIN), computed=((0, "limit", "10"),))
    assert "- **orders**: `limit` is `10`" in written(recorded).files["NOT_CARRIED.md"]


def test_each_file_names_the_commands() -> None:
    found = written(flow(*CHAIN))
    again = "prefect-compat skeleton --flow flows.py:daily -o out"
    assert all(again in text for text in found.files.values())
    assert "prefect-compat compare -f out/definitions.py --candidate flows.py:daily" in (
        ast.get_docstring(ast.parse(found.files["definitions.py"])) or ""
    )


def test_the_commands_hide_secrets() -> None:
    given = '{"api_key": "abc", "store": "s3://ann:abc@host/db", "region": "eu"}'
    options = SkeletonOptions("flows.py:daily", "out", given)
    found = write_skeleton(flow(*CHAIN), FlowModule("flows", Path.cwd()), "", options)
    for text in (*found.files.values(), found.comparison):
        assert "abc" not in text
    assert '"region": "eu"' in found.comparison


def test_a_flow_elsewhere_is_imported_from_there(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "flows.py").touch()
    module = FlowModule.of(f"{tmp_path}/shop/flows.py:daily")
    assert module == FlowModule("shop.flows", tmp_path)
    found = write_skeleton(flow(*CHAIN), module, "", SkeletonOptions("flows.py:daily", "out/"))
    assert "from shop import flows" in found.files["definitions.py"]
    assert f"-f out/definitions.py -d {tmp_path} " in found.comparison


@pytest.mark.parametrize("entrypoint", ["flows.daily", "nowhere.py:daily", "flows.py:"])
def test_an_entrypoint_that_is_no_file_and_flow_is_refused(entrypoint: str) -> None:
    with pytest.raises(SkeletonError, match="expected a file and the flow in it"):
        FlowModule.of(entrypoint)


@pytest.mark.parametrize("name", ["definitions.py", "my-flows.py"])
def test_a_file_that_cannot_be_imported_by_its_name_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(SkeletonError, match="Rename the file"):
        FlowModule.of(f"{tmp_path / name}:daily")
