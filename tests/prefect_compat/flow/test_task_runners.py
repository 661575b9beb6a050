"""The same flow on Prefect's task runners."""

import os
from pathlib import Path

import dagster as dg
import pytest
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from prefect_compat import as_flow
from prefect_compat.errors import ConfigError
from prefect_compat.flow.task_runners import named_task_runner
from tests import needs
from tests.prefect_compat.graphs import stored
from tests.prefect_compat.importable import defs
from tests.projects import JOB

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


@pytest.mark.nightly
def test_a_dask_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real scheduler with two worker processes."""
    DaskTaskRunner = pytest.importorskip("prefect_dask").DaskTaskRunner

    monkeypatch.setenv("IMPORTABLE_STORE", str(tmp_path))
    cluster = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    runner = DaskTaskRunner(cluster_kwargs=cluster)
    result = as_flow(defs, job="the_job", task_runner=runner)(first={"size": 3})
    found = stored(tmp_path)
    assert (found["first"], found["squares"], found["second"][0]) == (3, 5, 4)
    assert found["second"][1] != os.getpid()
    assert len(result.materializations) == 4


@pytest.mark.nightly
def test_a_running_dask_scheduler_is_used_again_and_again(tmp_path: Path) -> None:
    """The tickets, twice the same day: what the first run's workers held they have let go."""
    tickets = needs.tickets().defs
    from dask.distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as cluster:
        runner = named_task_runner("dask", address=cluster.scheduler_address)
        flow = as_flow(tickets, job=JOB, task_runner=runner)
        first, second = (flow(partition="2016-05-06") for _ in range(2))
    in_threads = as_flow(tickets, job=JOB)(partition="2016-05-06")
    assert len(first.materializations) == 9
    versions = [
        {made.output: made.data_version for made in result.materializations}
        for result in (first, second, in_threads)
    ]
    assert versions[0] == versions[1] == versions[2]


@pytest.mark.parametrize(
    ("name", "workers", "kind"),
    [
        ("threads", 3, ThreadPoolTaskRunner),
        ("sequential", None, ThreadPoolTaskRunner),
        ("processes", 2, ProcessPoolTaskRunner),
    ],
)
def test_a_runner_by_its_name(name: str, workers: int | None, kind: type[object]) -> None:
    assert isinstance(named_task_runner(name, workers), kind)


@pytest.mark.parametrize(
    ("name", "workers", "address", "words"),
    [
        ("threads", None, "tcp://a:1", "running Dask scheduler"),
        ("dask", 2, "tcp://a:1", "with its own workers"),
        ("sequential", 2, None, "one worker"),
    ],
)
def test_what_does_not_go_together_is_refused(
    name: str, workers: int | None, address: str | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        named_task_runner(name, workers, address)
