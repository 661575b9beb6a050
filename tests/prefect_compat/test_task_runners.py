"""The same flow on Prefect's task runners."""

import os
from pathlib import Path

import dagster as dg
import pytest
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from prefect_compat import as_flow
from tests.prefect_compat.graphs import stored
from tests.prefect_compat.importable import defs

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.mark.parametrize("workers", [1, 4])
def test_threads(tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPORTABLE_STORE", str(tmp_path))
    runner: ThreadPoolTaskRunner[object] = ThreadPoolTaskRunner(max_workers=workers)
    as_flow(defs, job="the_job", task_runner=runner)(first={"size": 3})
    found = stored(tmp_path)
    assert (found["first"], found["squares"]) == (3, 5)
    assert found["second"] == [4, os.getpid()]


def test_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process sets the resources up for itself; dynamic outputs and retries work there too."""
    monkeypatch.setenv("IMPORTABLE_STORE", str(tmp_path))
    runner: ProcessPoolTaskRunner[object] = ProcessPoolTaskRunner(max_workers=2)
    result = as_flow(defs, job="the_job", task_runner=runner)(first={"size": 3})
    found = stored(tmp_path)
    assert (found["first"], found["squares"], found["second"][0]) == (3, 5, 4)
    assert found["second"][1] != os.getpid()
    assert len(result.materializations) == 4


def test_definitions_that_no_other_process_can_import_are_refused(tmp_path: Path) -> None:
    @dg.asset
    def thing() -> int:
        return 1

    local = dg.Definitions([thing], jobs=[dg.define_asset_job("the_job")])
    flow = as_flow(local, job="the_job", task_runner=ProcessPoolTaskRunner(max_workers=1))
    with pytest.raises(Exception, match="Put them into a module"):
        flow()


def test_a_dask_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real scheduler with two worker processes."""
    from prefect_dask import DaskTaskRunner

    monkeypatch.setenv("IMPORTABLE_STORE", str(tmp_path))
    cluster = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    runner = DaskTaskRunner(cluster_kwargs=cluster)
    result = as_flow(defs, job="the_job", task_runner=runner)(first={"size": 3})
    found = stored(tmp_path)
    assert (found["first"], found["squares"], found["second"][0]) == (3, 5, 4)
    assert found["second"][1] != os.getpid()
    assert len(result.materializations) == 4
