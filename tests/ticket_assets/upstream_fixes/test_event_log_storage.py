"""The event log that keeps its connections stores the same as Dagster's own, in the same files."""

import importlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from ticket_assets.upstream_fixes.event_log_storage import (
    KEPT_ENGINES,
    KeptConnectionsEventLogStorage,
)

ENTRY = """
event_log_storage:
  module: ticket_assets.upstream_fixes.event_log_storage
  class: KeptConnectionsEventLogStorage
"""
LETTERS = dg.StaticPartitionsDefinition(["a", "b", "c"])


@dg.asset(partitions_def=LETTERS, backfill_policy=dg.BackfillPolicy.single_run())
def letters() -> None: ...


@dg.asset_check(asset=letters)
def is_good() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


JOB = dg.Definitions(
    [letters], asset_checks=[is_good], jobs=[dg.define_asset_job("letters_job")]
).resolve_job_def("letters_job")
RANGE = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}


@contextmanager
def home(path: Path, entry: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    path.mkdir(exist_ok=True)
    (path / "dagster.yaml").write_text(f"telemetry:\n  enabled: false\n{entry}")
    monkeypatch.setenv("DAGSTER_HOME", str(path))
    with dg.DagsterInstance.get() as instance:
        yield instance


def rows(path: Path) -> dict[str, int]:
    """The number of rows in each table of every event database."""
    counts = {}
    for file in sorted((path / "history" / "runs").glob("*.db")):
        with sqlite3.connect(file) as connection:
            tables = connection.execute("select name from sqlite_master where type = 'table'")
            for (table,) in tables.fetchall():
                name = f"{'index' if file.stem == 'index' else 'run'} {table}"
                (count,) = connection.execute(f"select count(*) from {table}").fetchone()
                counts[name] = count
    return counts


def test_every_event_is_where_dagster_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, entry in (("theirs", ""), ("ours", ENTRY)):
        with home(tmp_path / name, entry, monkeypatch) as instance:
            assert isinstance(instance.event_log_storage, KeptConnectionsEventLogStorage) is (
                name == "ours"
            )
            assert JOB.execute_in_process(instance=instance, tags=RANGE).success
            assert instance.get_materialized_partitions(letters.key) == {"a", "b", "c"}
    assert rows(tmp_path / "ours") == rows(tmp_path / "theirs")
    assert rows(tmp_path / "ours")["index event_logs"] > 3


def test_each_storage_reads_the_events_of_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with home(tmp_path / "home", ENTRY, monkeypatch) as instance:
        run_id = JOB.execute_in_process(instance=instance, tags=RANGE).run_id
        with home(tmp_path / "home", "", monkeypatch) as theirs:
            assert theirs.get_materialized_partitions(letters.key) == {"a", "b", "c"}
            assert len(theirs.all_logs(run_id)) == len(instance.all_logs(run_id))
            JOB.execute_in_process(instance=theirs, tags=RANGE)
        assert len(instance.get_runs()) == 2


def test_more_runs_than_are_kept_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with home(tmp_path / "home", ENTRY, monkeypatch) as instance:
        run_ids = [
            JOB.execute_in_process(instance=instance, tags=RANGE).run_id
            for _ in range(KEPT_ENGINES + 4)
        ]
        with ThreadPoolExecutor(4) as threads:
            logs = list(threads.map(instance.all_logs, run_ids))
        assert len({len(log) for log in logs}) == 1
        instance.wipe()
        assert instance.get_runs() == []
        assert JOB.execute_in_process(instance=instance, tags=RANGE).success


class TestEngines:
    """The reason for the class: upstream makes an engine for each transaction."""

    @staticmethod
    def count(module: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The addresses of the databases for which the module makes engines from now on."""
        addresses: list[str] = []
        original = importlib.import_module(module).create_engine

        def counted(address: str, *arguments: Any, **options: Any) -> Any:
            addresses.append(address)
            return original(address, *arguments, **options)

        monkeypatch.setattr(f"{module}.create_engine", counted)
        return addresses

    def test_upstream_still_makes_one_for_each_transaction(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If this fails, Dagster keeps its engines: `event_log_storage.py` may go."""
        with home(tmp_path / "home", "", monkeypatch) as instance:
            addresses = self.count(SqliteEventLogStorage.__module__, monkeypatch)
            JOB.execute_in_process(instance=instance, tags=RANGE)
        assert len(addresses) > 10 * len(set(addresses))

    def test_here_each_database_has_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with home(tmp_path / "home", ENTRY, monkeypatch) as instance:
            addresses = self.count(KeptConnectionsEventLogStorage.__module__, monkeypatch)
            JOB.execute_in_process(instance=instance, tags=RANGE)
        assert addresses
        assert len(addresses) == len(set(addresses))
