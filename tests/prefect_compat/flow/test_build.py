"""The derived flow as a real flow run against a real Prefect API."""

import time
from pathlib import Path
from typing import Any

import dagster as dg
import prefect
import pytest
from prefect.exceptions import ParameterTypeError

from prefect_compat import as_flow
from prefect_compat.comparison.record.flow_runs import read_flow_run
from prefect_compat.errors import ConfigError, PartitionError, StepError
from prefect_compat.flow.build import FlowResult
from tests.prefect_compat.graphs import DAILY, DAYS, project, stored

pytestmark = pytest.mark.usefixtures("prefect_server")


class Size(dg.Config):
    size: int = 3


def run(defs: dg.Definitions, **parameters: Any) -> FlowResult:
    result: FlowResult = as_flow(defs, job="the_job")(**parameters)
    return result


def test_values_flow_through_the_io_manager(tmp_path: Path) -> None:
    @dg.asset
    def first() -> list[int]:
        return [1, 2]

    @dg.asset
    def second(first: list[int]) -> int:
        return sum(first)

    result = run(project(tmp_path, [first, second]))
    assert stored(tmp_path) == {"first": [1, 2], "second": 3}
    assert [made.output.label for made in result.materializations] == ["first", "second"]
    assert result.materializations[0].metadata["written"].value == 1


def test_prefect_records_the_graph(tmp_path: Path) -> None:
    """Task runs by the steps' names, each with the task runs that it took its inputs from."""

    @dg.asset
    def first() -> int:
        return 1

    @dg.asset
    def second(first: int) -> int:
        return first

    @dg.asset(deps=[second])
    def third() -> int:
        return 3

    flow = as_flow(project(tmp_path, [first, second, third]), job="the_job")
    assert isinstance(flow, prefect.Flow)
    assert flow.name == "the-job"
    state = flow(return_state=True)
    task_runs = read_flow_run(state, state.result()).by_step
    ids = {run.id: step.name for step, run in task_runs.items()}
    inputs = {
        step.name: {
            key: [ids[entry.id] for entry in entries] for key, entries in run.task_inputs.items()
        }
        for step, run in task_runs.items()
    }
    assert inputs["first"] == {"__dagster_run": []}
    assert inputs["second"] == {"__dagster_run": [], "first": ["first"]}
    assert inputs["third"] == {"__dagster_run": [], "wait_for": ["second"]}


class TestPartitions:
    def defs(self, root: Path) -> dg.Definitions:
        @dg.asset(**DAILY)
        def daily(context: dg.AssetExecutionContext, config: Size) -> Any:
            for key in context.partition_keys:
                context.add_asset_metadata({"day": key}, partition_key=key)
            values = dict.fromkeys(context.partition_keys, config.size)
            return values if len(values) > 1 else config.size

        @dg.asset(**DAILY)
        def after(daily: Any) -> Any:
            return daily

        return project(root, [daily, after])

    def test_one_day(self, tmp_path: Path) -> None:
        run(self.defs(tmp_path), partition="2016-05-10", daily={"size": 7})
        assert stored(tmp_path) == {"after/2016-05-10": 7, "daily/2016-05-10": 7}

    def test_a_range_is_one_call_and_each_day_has_its_metadata(self, tmp_path: Path) -> None:
        result = run(self.defs(tmp_path), partition="2016-05-10...2016-05-12")
        assert len(stored(tmp_path)) == 6
        days = [made.metadata["day"].value for made in result.materializations[:3]]
        assert days == ["2016-05-10", "2016-05-11", "2016-05-12"]

    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({"partition": "2017-05-10"}, "'2017-05-10' does not exist"),
            ({"partition": "2016-05-12...2016-05-10"}, "is reversed"),
            ({"partition": "2016-05-10", "daily": {"size": "large"}}, r"daily\.size"),
            ({"partition": "2016-05-10", "daily": {"sise": 3}}, "no field 'sise'; it has: size"),
        ],
    )
    def test_a_wrong_parameter_is_refused_before_any_task_runs(
        self, tmp_path: Path, parameters: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(ParameterTypeError, match=words):
            run(self.defs(tmp_path), **parameters)
        assert stored(tmp_path) == {}

    def test_a_partition_is_asked_for(self, tmp_path: Path) -> None:
        with pytest.raises(PartitionError, match="the-job is partitioned: pass --partition"):
            run(self.defs(tmp_path))

    def test_its_parameters_have_a_schema_for_the_form(self, tmp_path: Path) -> None:
        schema = as_flow(self.defs(tmp_path), job="the_job").parameters
        assert schema.required == ["partition"]
        assert schema.definitions["Size"]["properties"]["size"]["type"] == "integer"
        assert schema.properties["daily"]["default"] == {"size": 3}

    def test_a_range_is_a_subflow_for_each_run_of_dagster_s_backfill(self, tmp_path: Path) -> None:
        calls: list[list[str]] = []

        @dg.asset(
            partitions_def=DAYS,
            backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=2),
        )
        def by_twos(context: dg.AssetExecutionContext) -> Any:
            calls.append(list(context.partition_keys))
            return dict.fromkeys(context.partition_keys, 1) if len(calls[-1]) > 1 else 1

        result = run(project(tmp_path, [by_twos]), partition="2016-05-10...2016-05-12")
        assert calls == [["2016-05-10", "2016-05-11"], ["2016-05-12"]]
        assert len(result.materializations) == len(stored(tmp_path)) == 3

    def test_a_partition_that_its_mapping_lacks_is_named(self, tmp_path: Path) -> None:
        """Dagster says the same when the run comes to load the input."""
        younger = dg.DailyPartitionsDefinition(start_date="2016-05-05", end_date="2016-06-01")
        late = dg.AssetSpec("late", partitions_def=younger)

        @dg.asset(**DAILY)
        def reads(late: Any) -> int:
            return int(late) + 1

        defs = project(tmp_path, [late, reads])
        with pytest.raises(StepError, match=r"reads failed: .*depends on invalid partitions"):
            run(defs, partition="2016-05-04")


class TestFailure:
    def test_what_depends_on_a_failed_step_never_starts_and_the_rest_runs_on(
        self, tmp_path: Path
    ) -> None:
        @dg.asset
        def broken() -> int:
            raise ValueError("no luck")

        @dg.asset
        def downstream(broken: int) -> int:
            return broken

        @dg.asset(deps=[downstream])
        def further() -> int:
            return 1

        @dg.asset
        def apart() -> int:
            time.sleep(0.1)
            return 1

        flow = as_flow(project(tmp_path, [broken, downstream, further, apart]), job="the_job")
        state = flow(return_state=True)
        assert state.is_failed()
        assert "broken failed: no luck" in str(state.message)
        assert "Not started, because they depend on it: downstream, further" in str(state.message)
        expected = {
            "broken": "Failed",
            "downstream": "NotReady",
            "further": "NotReady",
            "apart": "Completed",
        }
        result = state.result(raise_on_failure=False).result
        task_runs = read_flow_run(state, result, expected=result.task_runs).by_step
        assert {step.name: run.state_name for step, run in task_runs.items()} == expected
        assert stored(tmp_path) == {"apart": 1}

    def test_a_step_is_tried_again_as_its_policy_says(self, tmp_path: Path) -> None:
        attempts: list[int] = []

        @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2, delay=0))
        def flaky() -> int:
            attempts.append(1)
            if len(attempts) < 3:
                raise ValueError("not yet")
            return 1

        run(project(tmp_path, [flaky]))
        assert len(attempts) == 3

    def test_a_failure_that_allows_no_retries_is_final(self, tmp_path: Path) -> None:
        attempts: list[int] = []

        @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2, delay=0))
        def hopeless() -> int:
            attempts.append(1)
            raise dg.Failure("this cannot be mended", allow_retries=False)

        with pytest.raises(StepError, match="hopeless failed: this cannot be mended"):
            run(project(tmp_path, [hopeless]))
        assert len(attempts) == 1

    def test_a_value_of_the_wrong_type_fails_as_under_dagster(self, tmp_path: Path) -> None:
        @dg.asset
        def number() -> int:
            return "text"  # type: ignore[return-value]

        with pytest.raises(StepError, match='expected type "Int"'):
            run(project(tmp_path, [number]))


class TestChecks:
    def defs(self, root: Path, passed: bool, **options: Any) -> dg.Definitions:
        @dg.asset
        def thing() -> int:
            return 1

        @dg.asset
        def downstream(thing: int) -> int:
            return thing

        severity = options.pop("severity", dg.AssetCheckSeverity.ERROR)

        @dg.asset_check(asset=thing, **options)
        def is_good(thing: int) -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=passed, severity=severity, description="looked")

        return project(root, [thing, downstream], [is_good])

    def test_a_result_is_recorded(self, tmp_path: Path) -> None:
        (check,) = run(self.defs(tmp_path, passed=False)).checks
        assert (check.check.name, check.passed, check.severity) == ("is_good", False, "ERROR")
        assert stored(tmp_path) == {"thing": 1, "downstream": 1}

    def test_a_blocking_check_that_fails_stops_what_is_downstream(self, tmp_path: Path) -> None:
        with pytest.raises(StepError, match="1 blocking asset check failed with ERROR severity"):
            run(self.defs(tmp_path, passed=False, blocking=True))
        assert stored(tmp_path) == {"thing": 1}

    def test_a_blocking_check_that_only_warns_stops_nothing(self, tmp_path: Path) -> None:
        warn = dg.AssetCheckSeverity.WARN
        run(self.defs(tmp_path, passed=False, blocking=True, severity=warn))
        assert stored(tmp_path) == {"thing": 1, "downstream": 1}


class TestResources:
    def defs(self, root: Path, events: list[str], fail: bool = False) -> dg.Definitions:
        class Connection(dg.ConfigurableResource["Connection"]):
            name: str

            def setup_for_execution(self, context: dg.InitResourceContext) -> None:
                events.append(f"open {self.name}")

            def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
                events.append("close")

        @dg.asset
        def one(connection: Connection) -> int:
            events.append("one")
            return 1

        @dg.asset(deps=[one])
        def two(connection: Connection) -> int:
            if fail:
                raise ValueError("two fails")
            events.append("two")
            return 2

        return project(root, [one, two], connection=Connection(name="db"))

    def test_they_are_set_up_once_a_flow_run(self, tmp_path: Path) -> None:
        events: list[str] = []
        run(self.defs(tmp_path, events))
        assert events == ["open db", "one", "two", "close"]

    def test_they_are_released_when_the_run_fails(self, tmp_path: Path) -> None:
        events: list[str] = []
        with pytest.raises(StepError):
            run(self.defs(tmp_path, events, fail=True))
        assert events == ["open db", "one", "close"]

    def test_run_config_configures_them_as_under_dagster(self, tmp_path: Path) -> None:
        events: list[str] = []
        config = {"resources": {"connection": {"config": {"name": "other"}}}}
        as_flow(self.defs(tmp_path, events), job="the_job", run_config=config)()
        assert events[0] == "open other"


class TestRunConfig:
    def defs(self, root: Path) -> dg.Definitions:
        @dg.asset
        def sized(config: Size) -> int:
            return config.size

        return project(root, [sized])

    def test_its_ops_are_the_parameters_defaults(self, tmp_path: Path) -> None:
        config = {"ops": {"sized": {"config": {"size": 9}}}}
        flow = as_flow(self.defs(tmp_path), job="the_job", run_config=config)
        flow()
        assert stored(tmp_path) == {"sized": 9}
        flow(sized={"size": 1})
        assert stored(tmp_path) == {"sized": 1}

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"ops": {"other": {"config": {}}}}, "Dagster refuses this run config"),
            ({"ops": {"sized": {"config": {"size": "large"}}}}, "Dagster refuses this run config"),
            ({"ops": {"sized": {"config": {"sise": 1}}}}, "Dagster refuses this run config"),
            ({"opps": {}}, "the section 'opps'"),
        ],
    )
    def test_what_dagster_refuses_is_refused(
        self, tmp_path: Path, config: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(ConfigError, match=words):
            as_flow(self.defs(tmp_path), job="the_job", run_config=config)


def test_the_asset_s_log_is_the_task_run_s_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @dg.asset
    def talks(context: dg.AssetExecutionContext) -> int:
        context.log.info("hello from %s", context.asset_key.to_user_string())
        return 1

    run(project(tmp_path, [talks]))
    (record,) = [entry for entry in caplog.records if "hello from talks" in entry.getMessage()]
    assert record.name == "prefect.task_runs"
