"""The checks find planted faults, in one day and in each day of a range."""

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from tests.projects import project, run_dagster, small_project
from tests.ticket_settings import DAYS
from ticket_assets import checks
from ticket_assets.assets import DAILY_ASSETS
from ticket_assets.checks import CHECKS

CONTEXT = dg.build_asset_check_context()
raw_log_schema = checks.raw_log_schema.define(DAYS)
sample_is_of_the_log = checks.sample_is_of_the_log.define(DAYS)
predictions_are_positive = checks.predictions_are_positive.define(DAYS)
no_drift = checks.no_drift.define(DAYS)


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """A day's products, which no test changes in place."""
    defs = project(tmp_path_factory.mktemp("products"))
    with dg.DagsterInstance.ephemeral() as instance:
        run_dagster(defs, "2016-03-08", instance)
        return {
            name: defs.load_asset_value(name, partition_key="2016-03-08", instance=instance)
            for name in (asset.name for asset in DAILY_ASSETS)
        }


@pytest.mark.xdist_group("checks")  # they share what took long to make
class TestChecksFindPlantedFaults:
    def test_a_column_of_the_wrong_type(self, products: dict[str, pd.DataFrame]) -> None:
        result = raw_log_schema(CONTEXT, products["raw_log"].astype({"sys_mod_count": "float64"}))
        assert not result.passed
        assert "column sys_mod_count, expected int64, found float64" in str(result.description)
        assert not raw_log_schema(CONTEXT, products["raw_log"].drop(columns="vendor")).passed

    def test_a_sample_of_other_rows_or_of_too_few(self, products: dict[str, pd.DataFrame]) -> None:
        batch, log = products["sampled_batch"], products["raw_log"]
        assert sample_is_of_the_log(CONTEXT, batch, log).passed
        stray = batch.assign(log_row=batch["log_row"].where(batch.index > 0, 10**9))
        for wrong in (stray, batch.iloc[1:], pd.concat([batch.iloc[1:], batch.iloc[[1]]])):
            wrong = wrong.sort_values("log_row", ignore_index=True)
            wrong.attrs = batch.attrs
            assert not sample_is_of_the_log(CONTEXT, wrong, log).passed

    def test_a_prediction_that_is_none(self, products: dict[str, pd.DataFrame]) -> None:
        predictions = products["predictions"]
        assert predictions_are_positive(CONTEXT, predictions).passed
        broken = predictions.assign(
            predicted_s=predictions["predicted_s"].where(lambda s: s.index > 0)
        )
        assert not predictions_are_positive(CONTEXT, broken).passed

    @pytest.mark.parametrize(("ratio", "passes"), [(None, True), (1.2, True), (1.8, False)])
    def test_drift(self, ratio: float | None, passes: bool) -> None:
        result = no_drift({"drift": {"ratio": ratio}})
        assert result.passed is passes
        assert result.severity is dg.AssetCheckSeverity.WARN


def test_an_unknown_priority_is_warned_of_and_gets_the_default(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    defs = small_project(tmp_path, [{"priority": "4 - Lower"}, {}])
    result = run_dagster(defs, "2016-03-05", instance)
    assert result.success
    (warned,) = (e for e in result.get_asset_check_evaluations() if not e.passed)
    assert (warned.check_name, warned.severity) == (
        "known_priorities",
        dg.AssetCheckSeverity.WARN,
    )
    assert "priority 4 - Lower" in (warned.description or "")
    predictions = pd.read_parquet(tmp_path / "store/predictions/2016-03-05.parquet")
    assert predictions["predicted_s"].tolist() == [180 * 3600.0, 120 * 3600.0]


def test_of_a_range_each_day_has_its_own_check_results(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    odd = {"priority": "4 - Lower", "closed_at": "7/3/2016 12:00"}
    defs = small_project(tmp_path, [{}, odd])
    assert run_dagster(defs, "2016-03-05...2016-03-07", instance).success
    shown = check_states(instance)
    days = ["2016-03-05", "2016-03-06", "2016-03-07"]
    assert shown.pop(("known_priorities", "SUCCEEDED")) == days[:2]
    assert shown.pop(("known_priorities", "FAILED")) == days[2:]
    assert {status for _, status in shown} == {"SUCCEEDED"}
    assert list(shown.values()) == [days] * 5


def test_a_ticket_closed_before_its_last_update_stops_the_evaluation(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    defs = small_project(tmp_path, [{}, {"sys_updated_at": "6/3/2016 12:00"}])
    result = run_dagster(defs, "2016-03-05", instance)
    assert not result.success
    (broken,) = (e for e in result.get_asset_check_evaluations() if not e.passed)
    assert broken.check_name == "no_negative_target"
    assert "log_row 2, target_s -86400.0" in (broken.description or "")
    assert not (tmp_path / "store/metrics").exists()


def check_states(instance: dg.DagsterInstance) -> dict[tuple[str, str], list[str]]:
    """The days of each check by status, as Dagster's UI shows them."""
    keys = [
        (dg.AssetCheckKey(dg.AssetKey(check.options["asset"]), check.name), DAYS)
        for check in CHECKS
        if check.is_daily
    ]
    states = instance.event_log_storage.get_asset_check_state(keys)
    return {
        (key.name, status.name): sorted(days)
        for key, state in states.items()
        for status, subset in state.subsets.items()
        if (days := subset.value.get_partition_keys())
    }
