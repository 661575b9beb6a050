"""The iris project as its users run it, under either orchestrator."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import LogSort

from examples.iris_assets import flowers
from examples.iris_assets.definitions import defs
from prefect_compat import as_flow
from prefect_compat.errors import StepError
from prefect_compat.flow.parameters import read_run_config
from tests.projects import failure

ENGINEERING = {"iris", "classes", "encoded", "test_flowers", "training_flowers"}
SCIENCE = {"model", "predicted_species", "accuracy"}
Calls = Counter[str]


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    """Run config that puts the products into a folder of the test's own."""
    return {"resources": {"io_manager": {"config": {"store": str(tmp_path / "store")}}}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The number of calls of each function; `train` fails the first time."""
    counts: Calls = Counter()

    def counted(name: str) -> Callable[..., Any]:
        function = getattr(flowers, name)

        def call(*arguments: Any) -> Any:
            counts[name] += 1
            if name == "train" and counts[name] == 1:
                raise RuntimeError("the machine was needed elsewhere")
            return function(*arguments)

        return call

    for name in ("load", "classes", "encode", "split", "train", "predict", "accuracy"):
        monkeypatch.setattr(flowers, name, counted(name))
    return counts


ONCE_BUT_FOR_THE_FAILURE = {
    "load": 1, "classes": 1, "encode": 1, "split": 1, "train": 2, "predict": 1, "accuracy": 1,
}  # fmt: skip


def run(
    job: str, instance: dg.DagsterInstance, config: dict[str, Any], **options: Any
) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance, run_config=config, **options
    )


def products(tmp_path: Path) -> dict[str, bytes]:
    (day,) = (tmp_path / "store").iterdir()
    return {path.name: path.read_bytes() for path in day.iterdir()}


def test_one_job_reads_what_the_other_has_left_under_templated_names(
    tmp_path: Path, store: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    assert run("data_engineering", instance, store).success
    assert {Path(name).stem for name in products(tmp_path)} == ENGINEERING
    assert run("data_science", instance, store).success
    found = json.loads(products(tmp_path)["accuracy.json"])
    assert found["of"] == 30
    assert found["accuracy"] > 0.9


def test_the_code_location_can_be_loaded_beside_the_others() -> None:
    from examples.taxi_assets.definitions import defs as taxi
    from ticket_assets.definitions import defs as tickets

    assert defs.get_repository_def().has_job("flowers")
    keys = [each.resolve_asset_graph().get_all_asset_keys() for each in (defs, taxi, tickets)]
    assert len(set().union(*keys)) == sum(map(len, keys))


def test_another_template(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    manager = {"store": str(tmp_path), "template": "flowers/{asset}_of_{date}"}
    run("flowers", instance, {"resources": {"io_manager": {"config": manager}}})
    assert len(list((tmp_path / "flowers").glob("test_flowers_of_20*.parquet"))) == 1


def test_science_without_engineering_says_what_to_run(
    store: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    result = run("data_science", instance, store, raise_on_error=False)
    assert "Materialize classes first" in failure(result)


def test_a_csv_of_one_s_own_and_one_that_lacks_a_column(tmp_path: Path) -> None:
    whole = flowers.load()
    whole.to_csv(tmp_path / "whole.csv", index=False)
    pd.testing.assert_frame_equal(flowers.load(str(tmp_path / "whole.csv")), whole)
    whole.drop(columns="species").to_csv(tmp_path / "bare.csv", index=False)
    with pytest.raises(flowers.FlowerError, match=r"bare.csv has no column species; expected"):
        flowers.load(str(tmp_path / "bare.csv"))
    with pytest.raises(flowers.FlowerError, match="cannot be read as CSV"):
        flowers.load(str(tmp_path / "nowhere.csv"))


def test_a_target_that_is_no_column_is_named() -> None:
    with pytest.raises(flowers.FlowerError, match=r"'colour'; expected one of the columns sepal"):
        flowers.split(flowers.load(), "colour", 0.2, 0)


class TestUnderDagster:
    def test_after_a_failure_only_what_is_missing_is_done(
        self, store: dict[str, Any], instance: dg.DagsterInstance, calls: Calls
    ) -> None:
        failed = run("flowers", instance, store, raise_on_error=False)
        assert not failed.success
        job = dg.reconstructable(flowers_job)
        again = dg.execute_job(
            job,
            instance,
            run_config=store,
            reexecution_options=dg.ReexecutionOptions.from_failure(failed.run_id, instance),
        )
        assert again.success
        assert calls == ONCE_BUT_FOR_THE_FAILURE

    def test_science_is_asked_for_when_its_data_are_new(
        self, store: dict[str, Any], instance: dg.DagsterInstance
    ) -> None:
        before = dg.evaluate_automation_conditions(defs, instance)
        run("data_engineering", instance, store)
        first = dg.evaluate_automation_conditions(defs, instance, cursor=before.cursor)
        assert {key.to_user_string() for key, _ in _requested(first)} == SCIENCE
        run("data_science", instance, store)
        second = dg.evaluate_automation_conditions(defs, instance, cursor=first.cursor)
        assert second.total_requested == 0
        run("data_engineering", instance, store)
        third = dg.evaluate_automation_conditions(defs, instance, cursor=second.cursor)
        assert {key.to_user_string() for key, _ in _requested(third)} == SCIENCE


def flowers_job() -> dg.JobDefinition:
    return defs.resolve_job_def("flowers")


def _requested(result: Any) -> list[tuple[dg.AssetKey, int]]:
    found = [(each.key, each.true_subset.size) for each in result.results]
    return [(key, size) for key, size in found if size]


@pytest.mark.usefixtures("prefect_server")
class TestUnderPrefect:
    def test_the_same_products(
        self, tmp_path: Path, store: dict[str, Any], instance: dg.DagsterInstance
    ) -> None:
        run("flowers", instance, store)
        here = {"config": {"store": str(tmp_path / "prefect" / "store")}}
        as_flow(defs, job="flowers", run_config={"resources": {"io_manager": here}})()
        assert products(tmp_path) == products(tmp_path / "prefect")

    def test_after_a_failure_only_what_is_missing_is_done(
        self, store: dict[str, Any], calls: Calls
    ) -> None:
        flow = as_flow(defs, job="flowers", run_config=store, caches_results=True)
        with pytest.raises(StepError, match="needed elsewhere"):
            flow()
        flow()
        assert calls == ONCE_BUT_FOR_THE_FAILURE

    def test_parameters_by_keyword_and_by_a_json_file(
        self, tmp_path: Path, store: dict[str, Any]
    ) -> None:
        as_flow(defs, job="flowers", run_config=store)(split={"test_data_ratio": 0.5})
        assert json.loads(products(tmp_path)["accuracy.json"])["of"] == 75
        given = store | {"ops": {"split": {"config": {"test_data_ratio": 0.4}}}}
        (tmp_path / "parameters.json").write_text(json.dumps(given))
        as_flow(
            defs, job="flowers", run_config=read_run_config(str(tmp_path / "parameters.json"))
        )()
        assert json.loads(products(tmp_path)["accuracy.json"])["of"] == 60

    def test_both_jobs_as_one_flow_and_what_they_print_in_its_log(
        self, tmp_path: Path, store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from examples.iris_assets import flows

        for job in ("data_engineering", "data_science"):
            flow = as_flow(defs, job=job, run_config=store).with_options(log_prints=True)
            monkeypatch.setattr(flows, job, flow)
        state = flows.iris(test_data_ratio=0.2, return_state=True)
        assert state.result() > 0.9
        assert _is_logged("of 30 flowers recognised")


def _is_logged(text: str) -> bool:
    """Lines reach the server a little after they are written."""
    with get_client(sync_client=True) as client:
        for _ in range(60):
            lines = client.read_logs(limit=200, sort=LogSort.TIMESTAMP_DESC)
            if any(text in line.message for line in lines):
                return True
            time.sleep(0.25)
    return False
