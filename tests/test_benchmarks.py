"""What the benchmarks compare is the same work."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from benchmarks.year_floor import run
from tests.projects import project, run_dagster
from ticket_assets.settings import Settings


def test_the_floor_of_the_year_leaves_the_bytes_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Dagster and Prefect, and without the store's locks and flushes."""
    settings = Settings.from_environment()
    run(tmp_path / "plain", date(2016, 3, 7), date(2016, 3, 8), settings)
    defs = project(tmp_path / "store", settings.event_log, settings.cache)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_dagster(defs, "2016-03-07...2016-03-08", instance).success
    plain, stored = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and ".locks" not in path.parts
        }
        for folder in (tmp_path / "plain", tmp_path / "store")
    )
    assert plain == stored
    assert len(plain) == 6 * 2
