"""Tasks run as the job's executor runs steps."""

import asyncio
import sys
import textwrap
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest

from prefect_compat import as_flow, execute_in_process
from prefect_compat.errors import StepError
from prefect_compat.flow.result import FlowResult
from prefect_compat.flow.task_runners import declared_runner
from prefect_compat.graph.job import JobChoice, read_plan, resolve_job
from prefect_compat.graph.job_source import JobSource
from prefect_compat.graph.project import Project

TWO_ASSETS = """
    import dagster as dg

    @dg.asset
    def first(): return 1

    @dg.asset
    def second(first): return first + 1

    defs = dg.Definitions([first, second])
"""


def work(name: str, priority: int = 0) -> dg.AssetsDefinition:
    @dg.asset(name=name, op_tags={"dagster/priority": str(priority)})
    def asset() -> str:
        return name

    return asset


def two(**options: object) -> JobSource:
    defs = dg.Definitions([work("a"), work("b")], **options)  # type: ignore[arg-type]
    return JobSource(defs, JobChoice())


IN_PROCESS = {"execution": {"config": {"in_process": {}}}}


@pytest.mark.parametrize(
    ("source", "run_config", "expected"),
    [
        (two(executor=dg.in_process_executor), {}, "one at a time: the job's executor is in_pro"),
        (two(), IN_PROCESS, "one at a time: the job's executor is multi_or_in_process_executor"),
        (two(resources={"io_manager": dg.mem_io_manager}), {}, "one at a time: 'io_manager' keeps"),
        (two(), {}, "in threads: the job's executor is multi_or_in_process_executor, but no other"),
        (JobSource(dg.Definitions([work("a")]), JobChoice()), {}, "one at a time: the job has one"),
    ],
)
def test_the_choice_and_its_reason(
    source: JobSource, run_config: dict[str, object], expected: str
) -> None:
    assert declared_runner(source, run_config).words.startswith(expected)


def test_processes_where_another_process_can_import_the_definitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "two_of_runner.py").write_text(textwrap.dedent(TWO_ASSETS))
    monkeypatch.setattr(sys, "path", [*sys.path])
    source = JobSource(Project("two_of_runner", folder=str(tmp_path)), JobChoice())
    limited = {"execution": {"config": {"multiprocess": {"max_concurrent": 2}}}}
    found = declared_runner(source, limited)
    assert (found.name, found.workers) == ("processes", 2)


def order_under(source: JobSource) -> list[str]:
    result = source.job.execute_in_process()
    return [event.step_key or "" for event in result.all_events if event.is_step_start]


def test_one_at_a_time_is_in_dagster_s_order(prefect_server: str) -> None:
    """Priorities first, then the order in which steps became ready."""

    @dg.asset(deps=["c"])
    def after_c() -> None: ...

    @dg.asset(deps=["a"], op_tags={"dagster/priority": "5"})
    def after_a() -> None: ...

    assets = [work("a", 1), work("b"), work("c", 3), after_c, after_a]
    source = JobSource(dg.Definitions(assets, executor=dg.in_process_executor), JobChoice())
    expected = order_under(source)
    assert expected == ["c", "a", "after_a", "b", "after_c"]
    assert list(read_plan(source.job).start_order) == expected
    result = as_flow(dg.Definitions(assets, executor=dg.in_process_executor))()
    assert isinstance(result, FlowResult)
    assert [step.step.name for step in result.steps] == expected


def test_code_finds_its_own_run_and_all_of_its_events(prefect_server: str) -> None:
    seen: dict[str, object] = {}

    @dg.asset
    def first() -> int:
        return 1

    @dg.asset
    def second(context: dg.AssetExecutionContext, first: int) -> int:
        run = context.instance.get_run_by_id(context.run_id)
        seen["job"] = run and run.job_name
        logged = context.instance.all_logs(context.run_id)
        seen["events"] = {entry.dagster_event_type for entry in logged}
        return first

    as_flow(dg.Definitions([first, second], executor=dg.in_process_executor))()
    assert seen["job"] == "all_assets"
    assert seen["events"] >= {  # type: ignore[operator]  # a set
        dg.DagsterEventType.RUN_START,
        dg.DagsterEventType.STEP_OUTPUT,
        dg.DagsterEventType.STEP_SUCCESS,
        dg.DagsterEventType.ASSET_MATERIALIZATION,
    }


def test_inside_a_running_event_loop(prefect_server: str) -> None:
    """As in a notebook or in an async test, with a step that is a coroutine itself."""

    @dg.op
    async def slept() -> int:
        await asyncio.sleep(0)
        return 3

    @dg.job(executor_def=dg.in_process_executor)
    def naps() -> None:
        slept()

    async def run() -> tuple[int, int]:
        result = as_flow(dg.Definitions(jobs=[naps]), job="naps")()
        other = execute_in_process(naps)
        return len(result.steps), other.output_for_node("slept")

    assert asyncio.run(run()) == (1, 3)


def test_a_resource_that_cannot_be_set_up_is_a_failed_run(prefect_server: str) -> None:
    @dg.resource
    def broken() -> None:
        raise ValueError("no connection")

    @dg.op(required_resource_keys={"broken"})
    def needs_it() -> None: ...

    @dg.job(resource_defs={"broken": broken})
    def job() -> None:
        needs_it()

    result = execute_in_process(job, raise_on_error=False)
    assert not result.success
    with pytest.raises(dg.DagsterResourceFunctionError):
        execute_in_process(job)


def test_what_steps_print_is_in_the_compute_logs(prefect_server: str, tmp_path: Path) -> None:
    @dg.asset
    def spoken() -> None:
        sys.__stdout__.write("words of the step\n")  # type: ignore[union-attr]  # it is open
        sys.__stdout__.flush()  # type: ignore[union-attr]

    logs = tmp_path / "storage"
    with (
        patch.dict("os.environ", {"DAGSTER_HOME": str(tmp_path)}),
        dg.DagsterInstance.get() as instance,
    ):
        flow = as_flow(
            dg.Definitions([spoken], executor=dg.in_process_executor), report_to=instance
        )
        flow()
    texts = [file.read_text() for file in logs.rglob("*.out")]
    assert len(texts) == 1
    # pytest may hold stdout itself; then the file is there and empty.
    assert texts[0] in ("", "words of the step\n")


def test_a_dynamic_job_with_inputs_from_the_run_config(prefect_server: str) -> None:
    @dg.op(out=dg.DynamicOut())
    def parts(number: int):  # type: ignore[no-untyped-def]
        for part in range(number):
            yield dg.DynamicOutput(part, str(part))

    @dg.op
    def doubled(part: int) -> int:
        return 2 * part

    @dg.op
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    @dg.job(executor_def=dg.in_process_executor)
    def job() -> None:
        total(parts().map(doubled).collect())

    config = {"ops": {"parts": {"inputs": {"number": 4}}}}
    steps = as_flow(dg.Definitions(jobs=[job]), job="job", run_config=config)().steps
    assert [str(step.step) for step in steps][:2] == ["parts", "doubled[0]"]
    assert execute_in_process(job, run_config=config).output_for_node("total") == 12


def test_a_nested_config_with_defaults_asks_for_no_parameter(prefect_server: str) -> None:
    class Inner(dg.Config):
        size: int = 3

    class Outer(dg.Config):
        inner: Inner

    seen = []

    @dg.asset
    def sized(config: Outer) -> None:
        seen.append(config.inner.size)

    as_flow(dg.Definitions([sized]))()
    assert seen == [3]


def test_the_configuration_of_a_partition_is_not_asked_for(prefect_server: str) -> None:
    class Size(dg.Config):
        size: int

    seen = []

    @dg.op
    def sized(config: Size) -> None:
        seen.append(config.size)

    @dg.static_partitioned_config(["1", "2"])
    def by_key(key: str) -> dict[str, object]:
        return {"ops": {"sized": {"config": {"size": int(key)}}}}

    @dg.job(config=by_key)
    def job() -> None:
        sized()

    flow = as_flow(dg.Definitions(jobs=[job]), job="job")
    flow(partition="2")
    flow(partition="*")
    assert seen == [2, 1, 2]
    assert resolve_job(dg.Definitions(jobs=[job]), "job").partitions_def is not None


FAILING = """
    import dagster as dg

    @dg.asset
    def first() -> bool: return None  # an error that holds a type, and cannot be unpickled

    @dg.asset
    def after_first(first): ...

    @dg.asset
    def other(): return 1

    @dg.asset
    def after_other(other): return other + 1

    defs = dg.Definitions([first, after_first, other, after_other])
"""


def test_a_failure_in_a_pool_of_processes_is_that_of_its_step(
    prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps that depend on it do not start, the others run, and the error is the step's own."""
    (tmp_path / "failing_of_runner.py").write_text(textwrap.dedent(FAILING))
    monkeypatch.setattr(sys, "path", [*sys.path])
    project = Project("failing_of_runner", folder=str(tmp_path))
    flow = as_flow(project, task_runner="processes")
    with pytest.raises(StepError, match="first failed: DagsterTypeCheckDidNotPass: ") as raised:
        flow()
    assert "Not started, because they depend on it: after_first." in str(raised.value)
    assert {made.output.label for made in raised.value.result.materializations} == {
        *("other", "after_other"),
    }
