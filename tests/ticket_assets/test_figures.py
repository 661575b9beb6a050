from pathlib import Path

import dagster as dg
import pytest

from tests.projects import project, run_dagster
from ticket_assets.errors import StoreError
from ticket_assets.figures import table, trials


def test_a_line_a_day_in_hours(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run_dagster(project(tmp_path), "2016-03-07...2016-03-09", instance)
    lines = list(table(trials(tmp_path, "2016-03-08...2016-03-09")))
    assert lines[0].split() == ["day", "tickets", "MAE", "h", "MedAE", "h", "MSE", "h2", "R2"]
    assert [line.split()[0] for line in lines[1:]] == ["2016-03-08", "2016-03-09"]


def test_a_store_without_trials_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no trial summary of 2016-03-08"):
        trials(tmp_path, "2016-03-08")
