import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_compat.errors import DefinitionError
from prefect_compat.graph.ids import OutputId
from prefect_compat.graph.job import read_plan, resolve_job
from prefect_compat.graph.plan import Plan
from tests import needs
from tests.prefect_compat.graphs import DAILY, DAYS, project
from tests.projects import JOB, REPORT_JOB


def plan_of(assets: list[Any], checks: list[Any] | None = None) -> Plan:
    return read_plan(resolve_job(project(Path("unused"), assets, checks or []), "the_job"))


@given(st.lists(st.text(min_size=1), min_size=1).map(tuple), st.none() | st.text())
def test_an_output_s_identity_survives_its_text_form(
    path: tuple[str, ...], partition: str | None
) -> None:
    output = OutputId(path, partition)
    assert OutputId.parse(str(output)) == output


def test_two_outputs_that_look_alike_stay_apart() -> None:
    assert str(OutputId(("a", "b"))) != str(OutputId(("a/b",)))
    assert str(OutputId(("a_b",))) != str(OutputId(("a", "b")))


class TestOurOwnJob:
    @pytest.fixture
    def plan(self) -> Plan:
        defs = needs.tickets().defs
        return read_plan(resolve_job(defs, JOB))

    def test_its_steps_and_edges(self, plan: Plan) -> None:
        assert [step.name for step in plan.steps] == [
            "raw_log",
            "raw_log_known_priorities",
            "raw_log_raw_log_schema",
            "challenger",
            "sampled_batch",
            "challenger_predictions",
            "predictions",
            "predictions_predictions_are_positive",
            "sampled_batch_sample_is_of_the_log",
            "targets",
            "targets_no_negative_target",
            "metrics",
            "metrics_metrics_are_finite",
            "model_scores",
            "trial_summary",
        ]
        values = {(e.upstream, e.downstream) for e in plan.edges if e.kind == "value"}
        assert {edge for edge in values if edge[1] in ("metrics", "trial_summary")} == {
            ("targets", "metrics"),
            ("predictions", "metrics"),
            ("targets", "trial_summary"),
            ("metrics", "trial_summary"),
            ("model_scores", "trial_summary"),
        }
        assert plan.external_keys == (("event_log",),)

    def test_a_blocking_check_stands_before_what_is_downstream_of_its_asset(
        self, plan: Plan
    ) -> None:
        order = {(e.upstream, e.downstream) for e in plan.edges if e.kind == "order"}
        assert ("raw_log_raw_log_schema", "sampled_batch") in order
        assert ("targets_no_negative_target", "metrics") in order
        assert not {edge for edge in order if edge[0] == "raw_log_known_priorities"}

    def test_its_configuration_resources_and_retries(self, plan: Plan) -> None:
        models = {step.name: step.config_model for step in plan.steps if step.config_model}
        assert models == {
            "sampled_batch": "SampledBatchConfig",
            "predictions": "PredictionsConfig",
        }
        # The store's IO manager tells `raw_log` how many rows a day had at its last evaluation.
        assert plan.step("raw_log").resource_keys == ("event_log", "io_manager")
        assert plan.step("raw_log").retry.delays_s == (1.0,)

    def test_its_digest_is_the_same_each_time_it_is_read(self, plan: Plan) -> None:
        defs = needs.tickets().defs
        assert read_plan(resolve_job(defs, JOB)).digest == plan.digest
        assert read_plan(resolve_job(defs, REPORT_JOB)).digest != plan.digest


def test_the_report_reads_all_partitions_of_assets_outside_its_job() -> None:
    defs = needs.tickets().defs
    plan = read_plan(resolve_job(defs, REPORT_JOB))
    report = plan.step("performance_report")
    assert [entry.asset_key for entry in report.inputs] == [
        ("metrics",),
        ("predictions",),
        ("targets",),
    ]
    assert all("AllPartitionMapping" in str(entry.partition_mapping) for entry in report.inputs)
    assert not plan.is_partitioned


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [(None, (2.0, 2.0, 2.0)), (dg.Backoff.LINEAR, (2.0, 4.0, 6.0)),
     (dg.Backoff.EXPONENTIAL, (2.0, 6.0, 14.0))],
)  # fmt: skip
def test_retry_delays_are_dagster_s(backoff: dg.Backoff | None, delays: tuple[float, ...]) -> None:
    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=3, delay=2, backoff=backoff))
    def flaky() -> int:
        return 1

    assert plan_of([flaky]).step("flaky").retry.delays_s == delays


def test_an_unknown_job_is_answered_with_those_there_are() -> None:
    with pytest.raises(DefinitionError, match=r"no job 'other'.*there are: the_job"):
        resolve_job(project(Path("unused"), []), "other")


def test_partitions_are_told_apart() -> None:
    @dg.asset(**DAILY)
    def daily() -> int:
        return 1

    @dg.asset
    def whole() -> int:
        return 1

    plan = plan_of([daily, whole])
    assert plan.step("daily").partitions == DAYS.get_serializable_unique_identifier()
    assert plan.step("daily").partitions_per_run is None
    assert plan.step("whole").partitions is None


def test_the_digest_is_the_same_in_another_process() -> None:
    """Whatever the order of Python's sets there."""
    here = read_plan(resolve_job(needs.tickets().defs, JOB)).digest
    code = (
        "from prefect_compat.graph.job import read_plan, resolve_job\n"
        "from ticket_assets.definitions import defs\n"
        f"print(read_plan(resolve_job(defs, '{JOB}')).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert digests == {f"{here}\n"}


def test_a_mapping_without_a_repr_has_the_same_text_in_every_process() -> None:
    """Python's default `repr` has a memory address."""

    class Shifted(dg.IdentityPartitionMapping):
        __repr__ = object.__repr__

        def __new__(cls, days: int) -> "Shifted":
            mapping = super().__new__(cls)
            object.__setattr__(mapping, "days", days)
            return mapping

    def plan_of(days: int) -> Plan:
        @dg.asset(partitions_def=DAYS)
        def upstream() -> int:
            return 1

        @dg.asset(
            partitions_def=DAYS,
            ins={"upstream": dg.AssetIn(partition_mapping=Shifted(days))},
        )
        def downstream(upstream: int) -> int:
            return upstream

        job = dg.define_asset_job("the_job")
        return read_plan(
            dg.Definitions([upstream, downstream], jobs=[job]).resolve_job_def("the_job")
        )

    (entry,) = plan_of(1).step("downstream").inputs
    assert entry.partition_mapping is not None
    assert " at 0x" not in entry.partition_mapping
    assert "Shifted" in entry.partition_mapping
    assert plan_of(1).digest == plan_of(1).digest != plan_of(2).digest


def test_assets_come_in_dagster_s_order() -> None:
    def asset(name: str, *deps: str) -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=list(deps))
        def made() -> None: ...

        return made

    # By level and then by name; `a` and `z` have a longer way from the roots than their names tell.
    graph = [asset("a", "q", "c"), asset("c", "d"), asset("d"), asset("q"), asset("z", "a", "d")]
    job = dg.Definitions(graph, jobs=[dg.define_asset_job("all")]).resolve_job_def("all")
    expected = [tuple(key.path) for key in job.asset_layer.asset_graph.toposorted_asset_keys]
    assert [asset.key for asset in read_plan(job).assets] == expected
    assert [path for (path,) in expected] == ["d", "q", "c", "a", "z"]


def test_an_asset_that_reads_its_own_day_before_is_planned() -> None:
    """Dagster's asset graph has the asset among its own upstream assets: no cycle."""
    days = dg.DailyPartitionsDefinition("2016-05-01")
    before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

    @dg.asset(partitions_def=days)
    def first() -> int:
        return 1

    @dg.asset(
        partitions_def=days,
        ins={"balance": dg.AssetIn(partition_mapping=before)},
    )
    def balance(balance: int, first: int) -> int:
        return balance + first

    @dg.asset(partitions_def=days)
    def after(balance: int) -> int:
        return balance

    job = dg.Definitions([after, balance, first]).resolve_implicit_global_asset_job_def()
    expected = [tuple(key.path) for key in job.asset_layer.asset_graph.toposorted_asset_keys]
    assert [asset.key for asset in read_plan(job).assets] == expected
    assert [path for (path,) in expected] == ["first", "balance", "after"]
