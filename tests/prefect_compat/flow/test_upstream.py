"""Results of upstream tasks, and the client that flow runs share."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest.mock import patch

import dagster as dg
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from prefect_compat import StepError, as_flow
from prefect_compat.flow.prefect_port import shared_client

pytestmark = pytest.mark.usefixtures("prefect_server")


@contextmanager
def results_read() -> Iterator[list[str]]:
    """The states whose result is read by way of Prefect's event loop."""
    read: list[str] = []
    original = State.result

    def result(self: State, *arguments: object, **options: object) -> object:
        read.append(str(self.name))
        return original(self, *arguments, **options)

    with patch.object(State, "result", result):
        yield read


def test_a_task_reads_upstream_results_without_an_event_loop() -> None:
    @dg.asset
    def numbers() -> int:
        return 1

    @dg.asset
    def total(numbers: int) -> int:
        return numbers + 1

    @dg.asset(deps=[total])
    def report() -> None: ...

    flow = as_flow(dg.Definitions([numbers, total, report]), task_runner="threads")
    with results_read() as read:
        result = flow(return_state=True).data
    assert result is not None
    assert read == []


def test_a_task_after_a_failed_one_does_not_start() -> None:
    @dg.asset
    def broken() -> int:
        raise ValueError("no such file")

    @dg.asset
    def total(broken: int) -> int:
        return broken + 1

    flow = as_flow(dg.Definitions([broken, total]), task_runner="threads")
    with pytest.raises(StepError, match="Not started, because they depend on it: total"):
        flow()


def test_flow_runs_share_a_client_while_the_settings_stay() -> None:
    def client() -> SyncPrefectClient:
        with shared_client():
            return get_client(sync_client=True)

    first = client()
    assert client() is first
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}):
        other = client()
    assert other is not first
    assert client() is not other


def test_a_client_in_use_outlives_a_run_with_other_settings() -> None:
    def other() -> SyncPrefectClient:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}), shared_client():
            return get_client(sync_client=True)

    with shared_client(), ThreadPoolExecutor(1) as thread:
        client = get_client(sync_client=True)
        assert thread.submit(other).result() is not client
        assert client.hello().status_code == 200
