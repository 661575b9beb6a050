"""Dagster's steps on a real Dask scheduler with two worker processes."""

import inspect
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import dagster_dask.executor
import dask.config
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.execution.retries import RetryMode

from tests.conftest import ROOT
from tests.projects import JOB, failure
from ticket_assets.assets import DAILY_ASSETS

PROJECT = "tests.ticket_assets.upstream_fixes.dask_project"


pytestmark = pytest.mark.xdist_group("Dagster on Dask")  # they share what took long to make

RUNS = 4  # twice as many as workers


@dataclass(frozen=True)
class Cluster:
    """A running scheduler, an instance that its workers share, and the project's folder."""

    address: str
    instance: dg.DagsterInstance
    folder: Path

    def run(self, key: str, module: str = PROJECT, job: str = "the_job") -> dg.JobExecutionResult:
        recon_job = ReconstructableRepository.for_module(module, "defs").get_reconstructable_job(
            job
        )
        existing = {"existing": {"address": self.address}}
        # One instance a run, as each process that runs one has it.
        with dg.DagsterInstance.from_ref(self.instance.get_ref()) as instance:
            return dg.execute_job(
                recon_job,
                instance,
                run_config={"execution": {"config": {"dask": {"cluster": existing}}}},
                tags={"dagster/partition": key},
            )

    def stored(self, asset: str, key: str) -> int:
        with dg.build_resources(
            {"io_manager": dg.FilesystemIOManager(base_dir=self.instance.storage_directory())}
        ) as resources:
            context = dg.build_input_context(asset_key=dg.AssetKey(asset), partition_key=key)
            return int(resources.io_manager.load_input(context))


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


@contextmanager
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    from dask.distributed import LocalCluster

    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("project")
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    env = {"DASK_PROJECT": str(folder), "DAGSTER_HOME": str(home)}
    with (
        dg.DagsterInstance.from_config(str(home)) as instance,
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            env=env,
        ) as running,
    ):
        yield Cluster(running.scheduler_address, instance, folder)


def test_a_day_of_tickets(cluster: Cluster) -> None:
    result = cluster.run("2016-05-05", "ticket_assets.definitions", JOB)
    assert result.success, failure(result)
    processes = {event.pid for event in result.all_events if event.is_step_success}
    assert os.getpid() not in processes
    made = [event.asset_key.path[-1] for event in result.get_asset_materialization_events()]
    assert sorted(made) == sorted([asset.name for asset in DAILY_ASSETS])


@pytest.mark.nightly
def test_runs_at_once_keep_their_days_apart(cluster: Cluster, tmp_path: Path) -> None:
    """Each in a process of its own, as a shell or a daemon starts them."""
    keys = [str(number) for number in range(RUNS)]
    existing = f"{{existing: {{address: '{cluster.address}'}}}}"
    (tmp_path / "config.yaml").write_text(
        f"execution: {{config: {{dask: {{cluster: {existing}}}}}}}"
    )
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", PROJECT, "-j", "the_job"]
    runs = [
        subprocess.Popen(
            [
                *command,
                *("-c", str(tmp_path / "config.yaml")),
                *("--tags", f'{{"dagster/partition": "{key}"}}'),
            ],
            cwd=ROOT,
            env={**os.environ, "DAGSTER_HOME": str(cluster.instance.root_directory)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for key in keys
    ]
    assert [run.wait(timeout=600) for run in runs] == [0] * RUNS
    assert [cluster.stored("third", key) for key in keys] == [10 * n + 1 for n in range(RUNS)]


def test_a_failure_stops_the_steps_downstream_and_leaves_no_stale_value(cluster: Cluster) -> None:
    assert cluster.run("1").success
    (cluster.folder / "second-1-fails").write_text("always")
    result = cluster.run("1")
    (cluster.folder / "second-1-fails").unlink()
    assert not result.success
    assert "second of 1 fails" in failure(result)
    ended = {event.step_key for event in result.all_events if event.is_step_success}
    assert ended == {"first"}


def test_a_retry_policy_is_honoured(cluster: Cluster) -> None:
    (cluster.folder / "first-2-fails").write_text("once")
    result = cluster.run("2")
    assert result.success
    assert any(event.is_step_up_for_retry for event in result.all_events)


@pytest.mark.nightly
def test_a_worker_that_dies_is_replaced(own_cluster: Cluster) -> None:
    (own_cluster.folder / "second-3-kills").touch()
    result = own_cluster.run("3")
    assert result.success
    assert not (own_cluster.folder / "second-3-kills").exists()
    assert own_cluster.stored("third", "3") == 31


@pytest.mark.nightly
def test_a_step_that_takes_every_worker_down_fails_the_run(own_cluster: Cluster) -> None:
    (own_cluster.folder / "second-4-kills-always").touch()
    result = own_cluster.run("4")
    (own_cluster.folder / "second-4-kills-always").unlink()
    assert not result.success
    run = own_cluster.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    messages = [str(entry.dagster_event) for entry in own_cluster.instance.all_logs(result.run_id)]
    assert any("KilledWorker" in text for text in messages)


def test_a_cluster_that_stood_idle_runs_again(cluster: Cluster) -> None:
    time.sleep(3)
    assert cluster.run("5").success


def test_a_run_fails_if_its_scheduler_does_not_answer(cluster: Cluster) -> None:
    recon_job = ReconstructableRepository.for_module(PROJECT, "defs").get_reconstructable_job(
        "the_job"
    )
    existing = {"existing": {"address": "tcp://127.0.0.1:1"}}
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        result = dg.execute_job(
            recon_job,
            cluster.instance,
            run_config={"execution": {"config": {"dask": {"cluster": existing}}}},
            tags={"dagster/partition": "6"},
        )
    assert not result.success


def test_upstream_still_gives_two_runs_the_same_task_keys_and_never_retries() -> None:
    """If this fails, dagster_dask repaired one of them: see the list in `dask_executor.py`."""
    source = inspect.getsource(dagster_dask.executor.DaskExecutor.execute)
    assert 'dask_task_name = f"{job_name}.{step.key}"' in source
    assert dagster_dask.executor.DaskExecutor("local", {}).retries is RetryMode.DISABLED


@pytest.mark.nightly
def test_upstream_still_fails_on_partitioned_jobs(tmp_path: Path) -> None:
    """If this fails, dagster_dask runs them itself: look which parts of ours can go."""
    (tmp_path / "plain.py").write_text(
        textwrap.dedent(
            """
            import dagster as dg
            from dagster_dask import dask_executor


            @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2016-05-01"))
            def thing():
                return 1


            defs = dg.Definitions(
                [thing], jobs=[dg.define_asset_job("the_job")], executor=dask_executor
            )
            """
        )
    )
    (tmp_path / "config.yaml").write_text(
        "execution: {config: {cluster: {local: {n_workers: 1, dashboard_address: '127.0.0.1:0'}}}}"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dagster", "job", "execute", "-f", "plain.py"),
            *("-j", "the_job", "-c", "config.yaml"),
            *("--tags", '{"dagster/partition": "2016-05-02"}'),
        ],
        cwd=tmp_path,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode != 0
    assert "Iteration is not allowed" in done.stdout + done.stderr


def test_a_large_log_uses_the_workers_that_run_its_steps(cluster: Cluster, tmp_path: Path) -> None:
    """Under Dask a step's own Dask work goes to the same cluster: none is started on a worker."""
    done = subprocess.run(
        [sys.executable, "-c", NESTED, cluster.address, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["3", "3", "same"], done.stderr


NESTED = """
import sys
from dask.distributed import Client
from ticket_assets.store.workers import dask_client, run_all

def nested(number):
    with dask_client("local:1") as client:
        address = client.scheduler.address
    return sum(run_all(int, [(1,), (number,)], "local:1")), address

if __name__ == "__main__":
    with Client(sys.argv[1]) as client:
        for future in client.map(nested, [2, 2], pure=False):
            total, address = future.result()
            print(total)
        print("same" if address == sys.argv[1] else address)
"""
