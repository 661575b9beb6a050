"""Prefect's optional additions: caching, artifacts, limits, and reports to Dagster."""

import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

from prefect_compat import as_flow
from prefect_compat.flow.artifacts import artifact_key
from tests import needs
from tests.prefect_compat.graphs import DAYS, project, stored

pytestmark = pytest.mark.usefixtures("prefect_server")


class Size(dg.Config):
    size: int = 1


class TestCaching:
    """Counted by the calls of the functions, over several flow runs."""

    calls: list[str]

    def flow(self, root: Path, version: str | None = "1") -> Any:
        calls = self.calls

        @dg.asset(code_version=version, partitions_def=DAYS)
        def first(context: dg.AssetExecutionContext, config: Size) -> int:
            calls.append(f"first {context.partition_key}")
            return config.size

        @dg.asset(code_version="1", partitions_def=DAYS)
        def second(first: int) -> int:
            calls.append("second")
            return first + 1

        @dg.asset(code_version="1", deps=[second], partitions_def=DAYS)
        def third() -> int:
            calls.append("third")
            return 3

        return as_flow(project(root, [first, second, third]), job="the_job", caches_results=True)

    @pytest.fixture(autouse=True)
    def _no_calls(self) -> None:
        self.calls = []

    def test_unchanged_work_is_not_done_again(self, tmp_path: Path) -> None:
        self.flow(tmp_path)(partition="2016-05-10")
        result = self.flow(tmp_path)(partition="2016-05-10")
        assert self.calls == ["first 2016-05-10", "second", "third"]
        assert len(result.materializations) == 3

    @pytest.mark.parametrize(
        ("change", "redone"),
        [
            ("code version", ["first 2016-05-10", "second", "third"]),
            ("configuration", ["first 2016-05-10", "second", "third"]),
            ("partition", ["first 2016-05-11", "second", "third"]),
            ("store", ["first 2016-05-10", "second", "third"]),
        ],
    )
    def test_what_a_change_concerns_is_done_again(
        self, tmp_path: Path, change: str, redone: list[str]
    ) -> None:
        self.flow(tmp_path / "a")(partition="2016-05-10")
        self.calls.clear()
        root = tmp_path / ("b" if change == "store" else "a")
        flow = self.flow(root, "2" if change == "code version" else "1")
        key = "2016-05-11" if change == "partition" else "2016-05-10"
        flow(partition=key, first={"size": 2 if change == "configuration" else 1})
        assert self.calls == redone

    def test_without_a_code_version_nothing_is_cached(self, tmp_path: Path) -> None:
        self.flow(tmp_path, None)(partition="2016-05-12")
        self.flow(tmp_path, None)(partition="2016-05-12")
        assert self.calls.count("first 2016-05-12") == 2
        assert self.calls.count("second") == 2


def test_metadata_as_artifacts(tmp_path: Path) -> None:
    @dg.asset
    def shown() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(
            metadata={
                "summary": dg.MetadataValue.md("**bold**"),
                "figures": dg.MetadataValue.json({"a": {"b": 1}}),
                "said": dg.MetadataValue.json(["a_b is *bad*\nand worse", "two"]),
                "link": dg.MetadataValue.url("http://127.0.0.1/"),
                "plot": dg.MetadataValue.md("![a plot](data:image/png;base64,aGk=)"),
                "dagster/row_count": 3,
                "error_h": 1.5,
            }
        )

    as_flow(project(tmp_path, [shown]), job="the_job", makes_artifacts=True)()
    with get_client(sync_client=True) as client:
        found = {artifact.key: artifact for artifact in client.read_artifacts()}
    assert found["shown--summary"].data == "**bold**"
    assert '"b": 1' in str(found["shown--figures"].data)
    assert found["shown--said"].data == "- a\\_b is \\*bad\\* and worse\n- two"
    assert "127.0.0.1" in str(found["shown--link"].data)
    assert found["shown--plot"].type == "image"
    assert found["shown--plot"].data == "data:image/png;base64,aGk="
    assert json.loads(str(found["shown"].data)) == [{"row_count": 3, "error_h": 1.5}]
    own = {key for key in found if str(key).startswith("shown")}
    assert own == {
        "shown",
        *(f"shown--{n}" for n in ("summary", "figures", "said", "link", "plot")),
    }


def test_of_a_range_the_numbers_of_each_partition(tmp_path: Path) -> None:
    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def counted(context: dg.AssetExecutionContext) -> None:
        for number, key in enumerate(context.partition_keys):
            context.add_asset_metadata({"rows": number}, partition_key=key)

    flow = as_flow(project(tmp_path, [counted]), job="the_job", makes_artifacts=True)
    flow(partition="2016-05-10...2016-05-11")
    with get_client(sync_client=True) as client:
        (found,) = (a for a in client.read_artifacts() if a.key == "counted")
    rows = json.loads(str(found.data))
    assert rows == [{"partition": f"2016-05-{10 + n}", "rows": n} for n in (0, 1)]


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=300), min_size=1, max_size=6)


@given(NAMES, NAMES)
def test_artifact_keys_do_not_collide(left: str, right: str) -> None:
    keys = [artifact_key(("a",), name) for name in (left, right)]
    assert artifact_key((left,)) not in keys
    assert (keys[0] == keys[1]) is (left == right)
    assert re.fullmatch(r"[a-z0-9-]+", keys[0])


def test_a_pool_is_the_concurrency_limit_of_its_name(tmp_path: Path) -> None:
    running, most = 0, 0
    guard = threading.Lock()

    def build(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"pooled_{number}", pool="one_at_a_time")
        def pooled() -> int:
            nonlocal running, most
            with guard:
                running += 1
                most = max(most, running)
            time.sleep(0.1)
            with guard:
                running -= 1
            return 1

        return pooled

    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(
            GlobalConcurrencyLimitCreate(name="one_at_a_time", limit=1)
        )
    as_flow(project(tmp_path, [build(n) for n in range(3)]), job="the_job")()
    assert most == 1
    assert len(stored(tmp_path)) == 3


def test_a_run_is_reported_to_a_dagster_instance(tmp_path: Path) -> None:
    @dg.asset(partitions_def=DAYS)
    def daily() -> int:
        return 1

    @dg.asset_check(asset=daily, **needs.check_partitions(DAYS))
    def is_one(daily: int) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=daily == 1)

    with dg.instance_for_test() as instance:
        defs = project(tmp_path, [daily], [is_one])
        as_flow(defs, job="the_job", report_to=instance)(partition="2016-05-10")
        assert instance.get_materialized_partitions(daily.key) == {"2016-05-10"}
        (run,) = instance.get_runs()
        assert (run.job_name, run.status) == ("the_job", dg.DagsterRunStatus.SUCCESS)
        assert run.tags["dagster/partition"] == "2016-05-10"
        event = instance.get_latest_materialization_event(daily.key)
        assert event is not None
        assert event.run_id == run.run_id


def test_data_versions_are_those_that_dagster_computes(tmp_path: Path) -> None:
    """Also without an instance to report to, from the events of the run alone."""

    @dg.asset(code_version="a")
    def first() -> int:
        return 1

    @dg.asset(code_version="b", partitions_def=DAYS)
    def second(first: int) -> int:
        return first

    @dg.asset(code_version="c", partitions_def=DAYS)
    def third(second: int) -> int:
        return second

    defs = project(tmp_path, [first, second, third])
    under_dagster = defs.resolve_job_def("the_job").execute_in_process(partition_key="2016-05-10")
    expected = {
        event.asset_key.path[0]: event.materialization.tags["dagster/data_version"]
        for event in under_dagster.get_asset_materialization_events()
        if event.asset_key and event.materialization.tags
    }
    result = as_flow(defs, job="the_job")(partition="2016-05-10")
    assert {m.output.asset_key[0]: m.data_version for m in result.materializations} == expected
