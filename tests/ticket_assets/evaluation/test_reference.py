"""Days of the real log, recomputed straight from the CSV with plain pandas and scikit-learn."""

import zipfile
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    mean_squared_error,
    median_absolute_error,
    r2_score,
)

from tests.projects import project, run_dagster

pytestmark = pytest.mark.xdist_group("reference")  # they share what took long to make

# A usual day, one of three rows, an empty one, and the largest.
REFERENCE_DAYS = ["2016-03-08", "2016-12-03", "2016-12-04", "2016-03-24", "2017-02-18"]
HOURS = {"1 - Critical": 6, "2 - High": 24, "3 - Moderate": 120, "4 - Low": 240}


@pytest.fixture(scope="module")
def csv(uci_archive: Path) -> pd.DataFrame:
    with zipfile.ZipFile(uci_archive).open("incident_event_log.csv") as file:
        table = pd.read_csv(file, usecols=["priority", "sys_updated_at", "closed_at"])
    for column in ("sys_updated_at", "closed_at"):
        table[column] = pd.to_datetime(table[column], format="%d/%m/%Y %H:%M")
    return table


@pytest.mark.parametrize("day", REFERENCE_DAYS)
def test_a_day_s_metrics_agree_with_scikit_learn(
    day: str, csv: pd.DataFrame, uci_archive: Path, tmp_path: Path
) -> None:
    defs = project(tmp_path, str(uci_archive))
    with dg.DagsterInstance.ephemeral() as instance:
        config = {"sampled_batch": {"batch_size": 20_000}}
        assert run_dagster(defs, day, instance, config).success
    (row,) = pd.read_parquet(tmp_path / "metrics" / f"{day}.parquet").to_dict("records")
    rows = csv[csv["closed_at"].dt.strftime("%Y-%m-%d") == day]
    assert row["num_obs"] == len(rows)
    if rows.empty:
        assert np.isnan(row["mae_s"])
        return
    actual = (rows["closed_at"] - rows["sys_updated_at"]).dt.total_seconds()
    predicted = rows["priority"].map(HOURS) * 3600.0
    expected = {
        "mae_s": mean_absolute_error(actual, predicted),
        "medae_s": median_absolute_error(actual, predicted),
        "mse_s2": mean_squared_error(actual, predicted),
        "r2": r2_score(actual, predicted),
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-9)
