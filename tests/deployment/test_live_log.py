"""A live log with Dagster's real daemon, and with Prefect's real schedule and worker.

The simulator appends days. They are evaluated by themselves, and again if rows come late.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from prefect.client.orchestration import SyncPrefectClient

from deployment.dev import HOST, POOL, Service, finish, start, stop, wait_for
from tests.waits import waited_for
from ticket_assets.event_log.simulate import main
from tools.second_checkout import environment_of, free_port

pytestmark = pytest.mark.nightly


@dataclass(frozen=True)
class LiveFolder:
    """A folder to which the simulator appends days, and a store of its own."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        settings = {
            "TICKET_EVENT_LOG": f"{self.folder}/log/",
            "TICKET_FIRST_DAY": "2016-03-01",
            "TICKET_SCHEDULE": "* * * * *",
        }
        return environment_of(self.folder, settings)

    def simulate(self, start: str, days: int, late: float) -> None:
        folder = str(self.folder / "log")
        options = ["--start", start, "--days", str(days), "--late", str(late)]
        assert main(["--into", folder, *options]) == 0

    def summary(self, day: str) -> Path:
        return self.folder / "store" / "trial_summary" / f"{day}.json"

    def log_sha256(self, day: str) -> str:
        """The identity of the day's rows in its summary; empty if there is none."""
        try:
            return str(json.loads(self.summary(day).read_text())["provenance"]["log_sha256"])
        except FileNotFoundError:
            return ""

    def add_late_rows(self, day: str, file: str, count: int) -> None:
        """Appends a file that has rows of an earlier day alone: copies under other numbers."""
        header, *rows = (self.folder / "log" / f"{day}.csv").read_text().splitlines()
        late = [row.replace("INC", "INC9", 1) for row in rows[:count]]
        temporary = self.folder / "log" / f".{file}.tmp"
        temporary.write_text("\n".join([header, *late]) + "\n")
        temporary.rename(self.folder / "log" / f"{file}.csv")


@contextmanager
def running(services: list[Service]) -> Iterator[None]:
    try:
        yield
    finally:
        stop(services)


def test_dagster_s_daemon_evaluates_new_days_and_late_rows_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveFolder(tmp_path)
    live.simulate("2016-03-01", 2, late=0)
    environment = live.environment
    monkeypatch.setenv("DAGSTER_HOME", environment["DAGSTER_HOME"])
    daemon = ["dagster-daemon", "run", "-m", "ticket_assets.definitions"]
    services = [start("daemon", daemon, environment, tmp_path)]
    with running(services), dg.DagsterInstance.get() as instance:
        raw_log = dg.AssetKey("raw_log")

        def late_rows(day: str) -> list[object]:
            """The numbers of late rows, of each evaluation of the day in turn."""
            of_day = dg.AssetRecordsFilter(raw_log, asset_partitions=[day])
            records = instance.fetch_materializations(of_day, limit=9, ascending=True).records
            made = [record.asset_materialization for record in records]
            return [each.metadata["late_rows"].value for each in made if each]

        waited_for(lambda: live.summary("2016-03-01").exists() and live.log_sha256("2016-03-02"))
        first = live.log_sha256("2016-03-01")
        live.simulate("2016-03-03", 1, late=0)
        live.add_late_rows("2016-03-01", "2016-03-04", 5)
        waited_for(lambda: live.log_sha256("2016-03-03") and live.summary("2016-03-04").exists())
        waited_for(lambda: live.log_sha256("2016-03-01") not in ("", first))
        days = ["2016-03-01", "2016-03-02", "2016-03-03", "2016-03-04"]
        assert [late_rows(day) for day in days] == [[0, 5], [0], [0], [0]]
        said = "\n".join(
            entry.user_message
            for run in instance.get_runs()
            for entry in instance.all_logs(run.run_id)
        )
        assert "2016-03-01: 5 late rows:" in said
        trial = dg.AssetKey("trial_summary")
        state = waited_for(lambda: instance.get_freshness_state_records([trial]).get(trial))
        assert state.freshness_state == "PASS"


def test_prefect_s_schedule_evaluates_new_days_and_late_rows(tmp_path: Path) -> None:
    live = LiveFolder(tmp_path)
    live.simulate("2016-03-01", 2, late=0)
    address = f"http://{HOST}:{free_port()}"
    environment = {**live.environment, "PREFECT_API_URL": f"{address}/api"}
    port = address.rpartition(":")[2]
    server = ["prefect", "server", "start", "--host", HOST, "--port", port]
    services = [start("server", server, environment, tmp_path)]
    with running(services):
        wait_for(services, [f"{address}/api/health"])
        finish(["prefect", "work-pool", "create", POOL, "--type", "process"], environment)
        finish(["prefect", "--no-prompt", "deploy", "-n", "daily"], environment)
        worker = ["prefect", "worker", "start", "--pool", POOL]
        services.append(start("worker", worker, environment, tmp_path))
        client = SyncPrefectClient(f"{address}/api")
        daily = client.read_deployment_by_name("oldest-days-first/daily")
        (each_minute,) = daily.schedules
        client.update_deployment_schedule(daily.id, each_minute.id, active=True)

        waited_for(lambda: live.log_sha256("2016-03-01") and live.log_sha256("2016-03-02"))
        first, second = live.log_sha256("2016-03-01"), live.summary("2016-03-02").stat()
        live.simulate("2016-03-03", 1, late=0)
        live.add_late_rows("2016-03-01", "2016-03-04", 5)
        waited_for(lambda: live.log_sha256("2016-03-04"))
        assert live.log_sha256("2016-03-01") not in ("", first)
        assert live.summary("2016-03-02").stat().st_mtime_ns == second.st_mtime_ns
        messages = [entry.message for entry in client.read_logs(limit=None)]
        assert any("2016-03-01: 5 late rows:" in message for message in messages)
        assert "Other rows than when they were evaluated: 2016-03-01." in messages
