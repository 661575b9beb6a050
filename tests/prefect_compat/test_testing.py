"""The drop-ins return and raise what Dagster's own functions do, on the same assets."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import pytest

import prefect_compat

pytestmark = pytest.mark.usefixtures("prefect_server")

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-05")


class Settings(dg.Config):
    size: int = 1


class Database(dg.ConfigurableResource[Any]):
    name: str = "default"


@dg.asset
def one() -> int:
    return 1


@dg.asset
def two(one: int) -> int:
    return one + 1


@dg.asset
def sized(config: Settings) -> int:
    return config.size


@dg.asset
def stored(database: Database) -> str:
    return database.name


@dg.asset(partitions_def=DAYS)
def daily(context: dg.AssetExecutionContext) -> str:
    return context.partition_key


@dg.asset
def broken(one: int) -> int:
    raise ValueError(f"no number after {one}")


@dg.asset
def after(broken: int) -> int:
    return broken


@dg.asset_check(asset=one)
def is_one(one: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=one == 1)


@dg.asset(io_manager_key="files")
def kept() -> int:
    return 3


def facts(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Returns what a caller can read of a run, but for ids and times."""
    events = result.all_events
    return {
        "success": result.success,
        "job": result.job_def.name,
        "status": result.dagster_run.status,
        "tags": {k: v for k, v in result.dagster_run.tags.items() if not k.startswith(".dagster")},
        "steps": sorted(
            (str(event.step_key), event.event_type_value)
            for event in events
            if event.is_step_success or event.is_step_failure or event.is_step_skipped
        ),
        "materializations": sorted(
            (made.asset_key.to_user_string(), made.partition)
            for event in result.get_asset_materialization_events()
            for made in [event.materialization]
        ),
        "checks": sorted(
            (check.check_name, check.passed) for check in result.get_asset_check_evaluations()
        ),
        "outputs": {
            key: result.output_for_node(key)
            for key in sorted({str(e.step_key) for e in events if e.is_step_success})
            if result.job_def.graph.has_node_named(key) and "is_one" not in key
        },
    }


def failed_with(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(Exception) as raised:  # noqa: PT011  # any: Dagster's is the claim
        call()
    return type(raised.value).__qualname__, str(raised.value)


RUNS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "two assets": ([one, two], {}),
    "a check": ([one, is_one], {}),
    "a run config": ([sized], {"run_config": {"ops": {"sized": {"config": {"size": 7}}}}}),
    "a run config by class": (
        [sized],
        {"run_config": dg.RunConfig(ops={"sized": Settings(size=8)})},
    ),
    "a resource": ([stored], {"resources": {"database": Database(name="mine")}}),
    "a partition": ([daily], {"partition_key": "2024-01-03"}),
    "tags": ([one], {"tags": {"owner": "me"}}),
    "a selection of keys": ([one, two], {"selection": ["one"]}),
    "a selection by text": ([one, two], {"selection": "+two"}),
    "a failure left in the result": ([one, broken, after], {"raise_on_error": False}),
}
NAMES = ("materialize", "materialize_to_memory")


@pytest.mark.parametrize("case", RUNS)
@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_the_same(name: str, case: str) -> None:
    assets, arguments = RUNS[case]
    theirs, ours = (getattr(module, name)(assets, **arguments) for module in (dg, prefect_compat))
    assert facts(ours) == facts(theirs)
    assert facts(ours)["success"] is (case != "a failure left in the result")


ERRORS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "a step that fails": ([one, broken, after], {}),
    "a partition that does not exist": ([daily], {"partition_key": "2023-01-01"}),
    "no partition": ([daily], {}),
    "a wrong run config": ([sized], {"run_config": {"ops": {"sized": {"config": {"size": "x"}}}}}),
    "a resource that is not given": ([stored], {}),
    "a selection of nothing": ([one], {"selection": ["other"]}),
    "an input that nothing makes": ([two], {}),
}


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.parametrize("name", NAMES)
def test_an_error_is_the_same(name: str, case: str) -> None:
    assets, arguments = ERRORS[case]
    theirs, ours = (
        failed_with(lambda: getattr(module, name)(assets, **arguments))  # noqa: B023
        for module in (dg, prefect_compat)
    )
    assert ours == theirs


def test_a_given_instance_records_the_run_and_answers_the_next() -> None:
    for module in (dg, prefect_compat):
        instance = dg.DagsterInstance.ephemeral()
        first = module.materialize([one], instance=instance)
        assert [run.run_id for run in instance.get_runs()] == [first.run_id]
        event = instance.get_latest_materialization_event(dg.AssetKey("one"))
        assert event is not None
        assert event.run_id == first.run_id
        second = module.materialize([one, two], instance=instance, selection=["two"])
        assert second.output_for_node("two") == 2


def test_in_memory_no_io_manager_is_needed_and_none_may_be_given() -> None:
    manager = {"files": dg.mem_io_manager}
    for module in (dg, prefect_compat):
        assert module.materialize_to_memory([kept]).output_for_node("kept") == 3
    theirs, ours = (
        failed_with(lambda: module.materialize_to_memory([kept], resources=manager))  # noqa: B023
        for module in (dg, prefect_compat)
    )
    assert ours == theirs
    assert "io manager key 'files'" in ours[1]


@dg.op
def first(number: int) -> int:
    return number + 1


@dg.op(required_resource_keys={"factor"})
def second(context: dg.OpExecutionContext, number: int) -> int:
    return number * int(context.resources.factor)


@dg.graph
def numbers(number: int) -> int:
    return second(first(number))


JOB = numbers.to_job(resource_defs={"factor": dg.ResourceDefinition.hardcoded_resource(10)})
ASSET_JOB = dg.Definitions(
    [one, two, sized], jobs=[dg.define_asset_job("all_of_it")]
).resolve_job_def("all_of_it")

EXECUTIONS: dict[str, tuple[dg.JobDefinition, Mapping[str, Any]]] = {
    "input values": (JOB, {"input_values": {"number": 4}}),
    "resources": (JOB, {"input_values": {"number": 4}, "resources": {"factor": 3}}),
    "an op selection": (JOB, {"input_values": {"number": 4}, "op_selection": ["first"]}),
    "an asset selection": (ASSET_JOB, {"asset_selection": [dg.AssetKey("one")]}),
    "a run config": (ASSET_JOB, {"run_config": {"ops": {"sized": {"config": {"size": 5}}}}}),
    "tags": (ASSET_JOB, {"tags": {"owner": "me"}}),
}


@pytest.mark.parametrize("case", EXECUTIONS)
def test_a_job_is_executed_the_same(case: str) -> None:
    job, arguments = EXECUTIONS[case]
    theirs = job.execute_in_process(**arguments)
    ours = prefect_compat.execute_in_process(job, **arguments)
    assert facts(ours) == facts(theirs)
    assert ours.success


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"input_values": {"other": 4}},
        {"input_values": {"number": 4}, "op_selection": ["third"]},
        {"input_values": {"number": "four"}},
        {"input_values": {"number": 4}, "resources": {"factor": "x"}},
        {"input_values": {"number": 4}, "partition_key": "a"},
    ],
    ids=[
        "an input without a value",
        "another input",
        "no such op",
        "a wrong type",
        "a wrong value",
        "no partitions",
    ],
)
def test_a_job_refuses_the_same(arguments: dict[str, Any]) -> None:
    theirs = failed_with(lambda: JOB.execute_in_process(**arguments))
    assert failed_with(lambda: prefect_compat.execute_in_process(JOB, **arguments)) == theirs


def test_a_run_has_the_id_that_is_asked_for() -> None:
    run_id = "4e1c5b1c-9a39-4a0e-8f0e-0a8d1b1f5a4e"
    result = prefect_compat.execute_in_process(ASSET_JOB, run_id=run_id)
    assert result.run_id == ASSET_JOB.execute_in_process(run_id=run_id).run_id == run_id


def test_a_run_within_an_except_block_succeeds() -> None:
    instance = dg.DagsterInstance.ephemeral()
    try:
        raise ValueError("an error of the caller's own, being handled")
    except ValueError:
        result = prefect_compat.materialize([one], instance=instance)
    assert result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS


def test_a_resource_that_cannot_be_set_up_fails_the_run() -> None:
    @dg.resource
    def unreachable(_: dg.InitResourceContext) -> None:
        raise OSError("no such host")

    @dg.asset(required_resource_keys={"database"})
    def reader() -> int:
        return 2

    instance = dg.DagsterInstance.ephemeral()
    with pytest.raises(dg.DagsterResourceFunctionError):
        prefect_compat.materialize([reader], instance=instance, resources={"database": unreachable})
    (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
    (failure,) = [
        entry.get_dagster_event()
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    ]
    assert "An exception was thrown" in str(failure.message)
    assert "no such host" in failure.job_failure_data.error.to_string()
