"""Flow runs on a real Dask scheduler with two worker processes that outlives them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.settings import get_current_settings

from prefect_compat import as_flow
from prefect_compat.errors import StepError
from prefect_compat.flow.build import FlowResult
from prefect_compat.flow.task_runners import named_task_runner
from tests import needs
from tests.conftest import ROOT
from tests.waits import waited_for

needs.tickets()

from tests.prefect_compat.flow.dask_days import defs  # noqa: E402  # the tickets' Dask executor

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.xdist_group("flows on Dask"),  # they share what took long to make
]


RUNS = 4  # twice as many as workers


@dataclass(frozen=True)
class Cluster:
    """A running scheduler; the folder whose files say what goes wrong; the folder of the store."""

    address: str
    folder: Path
    store: Path

    def run(self, key: str) -> FlowResult:
        runner = named_task_runner("dask", address=self.address)
        return as_flow(defs, job="the_job", task_runner=runner)(partition=key)

    def stored(self, asset: str, key: str) -> int:
        return int(json.loads((self.store / asset / f"{key}.json").read_text()))


@contextmanager
def started(folders: pytest.TempPathFactory) -> Iterator[Cluster]:
    from dask.distributed import LocalCluster

    folder, store = folders.mktemp("project"), folders.mktemp("store")
    environment = {"DASK_PROJECT": str(folder), "DASK_DAYS_STORE": str(store)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DASK_DAYS_STORE", str(store))
        with LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", env=environment
        ) as running:
            yield Cluster(running.scheduler_address, folder, store)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with started(tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose workers a test may kill.

    Dask starts new ones, but not always: on a busy machine all were gone for good after a step had
    killed one after the other, and the next run waited for a worker without end.
    """
    with started(tmp_path_factory) as running:
        yield running


@pytest.mark.nightly
def test_flow_runs_at_once_keep_their_days_apart(cluster: Cluster) -> None:
    keys = [str(number) for number in range(RUNS)]
    runs = [
        subprocess.Popen(
            [
                *(Path(sys.executable).parent / "prefect-compat", "run"),
                *("-m", "tests.prefect_compat.flow.dask_days", "-j", "the_job", "--partition", key),
                *("--task-runner", "dask", "--address", cluster.address),
            ],
            cwd=ROOT,
            env={**os.environ, "PREFECT_API_URL": str(get_current_settings().api.url)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for key in keys
    ]
    assert [run.wait(timeout=600) for run in runs] == [0] * RUNS
    assert [cluster.stored("third", key) for key in keys] == [10 * n + 1 for n in range(RUNS)]


@pytest.mark.nightly
def test_a_failure_stops_what_is_downstream_and_leaves_no_stale_value(cluster: Cluster) -> None:
    cluster.run("1")
    (cluster.folder / "second-1-fails").write_text("always")
    with pytest.raises(StepError, match=r"second failed: .*second of 1 fails") as failed:
        cluster.run("1")
    (cluster.folder / "second-1-fails").unlink()
    made = [made.output.label for made in failed.value.result.materializations]
    assert [label.split("[")[0] for label in made] == ["first"]


@pytest.mark.nightly
def test_a_worker_that_dies_is_replaced(own_cluster: Cluster) -> None:
    (own_cluster.folder / "second-3-kills").touch()
    assert len(own_cluster.run("3").materializations) == 3
    assert not (own_cluster.folder / "second-3-kills").exists()
    assert own_cluster.stored("third", "3") == 31


@pytest.mark.nightly
def test_a_step_that_takes_every_worker_down_fails_the_run(own_cluster: Cluster) -> None:
    (own_cluster.folder / "second-4-kills-always").touch()
    with pytest.raises(
        StepError, match=r"second failed: its worker was lost: KilledWorker"
    ) as lost:
        own_cluster.run("4")
    (own_cluster.folder / "second-4-kills-always").unlink()
    assert "Not started, because they depend on it: third." in str(lost.value)
    assert not (own_cluster.store / "third" / "4.json").exists()
    with get_client(sync_client=True) as client:
        where = FlowRunFilter(name={"any_": ["the_job 4"]}, state={"type": {"any_": ["FAILED"]}})
        (run,) = client.read_flow_runs(flow_run_filter=where)

        def final_states() -> dict[str, str]:
            """Those of the two steps that ran: the server records them a little later."""
            tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [run.id]}))
            states = {each.name: each.state for each in tasks if each.state}
            ended = {name: state.type.value for name, state in states.items() if state.is_final()}
            return ended if ended.keys() >= {"first", "second"} else {}

        states = waited_for(final_states, seconds=120)
    assert run.state is not None
    assert run.state.is_failed()
    assert (states["first"], states["second"]) == ("COMPLETED", "CRASHED")


def test_a_cluster_that_stood_idle_runs_again(cluster: Cluster) -> None:
    time.sleep(3)
    assert len(cluster.run("5").materializations) == 3
