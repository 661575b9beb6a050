"""The event log that keeps its connections stores the same as Dagster's own, in the same files."""

import importlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage

from tests.ticket_assets.upstream_fixes.letters import (
    JOB,
    RANGE,
    Row,
    in_any_order,
    lasting,
    letters,
)
from ticket_assets.upstream_fixes.event_log_storage import (
    KEPT_ENGINES,
    KeptConnectionsEventLogStorage,
)

ENTRY = """
event_log_storage:
  module: ticket_assets.upstream_fixes.event_log_storage
  class: KeptConnectionsEventLogStorage
"""
OFF = """  config:
    event_batch_size: 0
"""


@contextmanager
def home(path: Path, entry: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    path.mkdir(exist_ok=True)
    (path / "dagster.yaml").write_text(f"telemetry:\n  enabled: false\n{entry}")
    monkeypatch.setenv("DAGSTER_HOME", str(path))
    with dg.DagsterInstance.get() as instance:
        yield instance


def tables(path: Path) -> dict[str, list[Row]]:
    """The rows of each table of every event database, in their order, without ids and times."""
    found: dict[str, list[Row]] = {}
    for file in sorted((path / "history" / "runs").glob("*.db")):
        with sqlite3.connect(file) as connection:
            connection.row_factory = sqlite3.Row
            names = connection.execute("select name from sqlite_master where type = 'table'")
            for (table,) in names.fetchall():
                name = f"{'index' if file.stem == 'index' else 'run'} {table}"
                rows = connection.execute(f"select * from {table}").fetchall()
                found.setdefault(name, []).extend(lasting(dict(row)) for row in rows)
    return found


def stored_by(folder: Path, entry: str, size: str) -> dict[str, list[Row]]:
    """The rows of two runs; the second finds the assets' rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_EVENT_BATCH_SIZE", size)
        with home(folder, entry, patch) as instance:
            ours = isinstance(instance.event_log_storage, KeptConnectionsEventLogStorage)
            assert ours is (entry == ENTRY)
            for _ in range(2):
                assert JOB.execute_in_process(instance=instance, tags=RANGE).success
            assert instance.get_materialized_partitions(letters.key) == {"a", "b", "c"}
    return tables(folder)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    return stored_by(tmp_path_factory.mktemp("theirs"), "", "0")


@pytest.mark.xdist_group("event log storage")  # they share the rows of Dagster's own storage
@pytest.mark.parametrize("size", ["0", "2", "1000"])
def test_every_row_is_the_one_that_dagster_writes(
    tmp_path: Path, theirs: dict[str, list[Row]], size: str
) -> None:
    """In all tables of all databases, whatever the size of a batch."""
    ours = stored_by(tmp_path, ENTRY, size)
    assert ours.keys() == theirs.keys()
    for table in theirs:
        assert "\n".join(in_any_order(ours[table])) == "\n".join(in_any_order(theirs[table])), table
    assert len(theirs["index asset_check_executions"]) == 2 * (3 + 1 + 1)
    assert len(theirs["index asset_event_tags"]) > 3


def test_the_entry_asks_for_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction for the materializations, one for the results; no setting is needed."""
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    counts = Counter[int]()
    original = KeptConnectionsEventLogStorage.store_event_batch

    def counted(self: Any, events: Any) -> None:
        counts[len(events)] += 1
        original(self, events)

    monkeypatch.setattr(KeptConnectionsEventLogStorage, "store_event_batch", counted)
    with home(tmp_path / "home", ENTRY, monkeypatch) as instance:
        assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == "1000"
        assert JOB.execute_in_process(instance=instance, tags=RANGE).success
    # Planned events; materializations; results of each partition; those of the check's functions.
    assert counts == {6: 1, 3: 1 + 1, 1: 2}
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE")
    with home(tmp_path / "home", ENTRY + OFF, monkeypatch):
        assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == "0"


def test_results_that_wait_are_there_for_who_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a write that fails loses none of them."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "10")
    with home(tmp_path / "home", ENTRY, monkeypatch) as instance:
        run_id = JOB.execute_in_process(instance=instance, tags=RANGE).run_id
        storage: Any = instance.event_log_storage
        entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        before = len(instance.all_logs(run_id))
        for entry in entries[:2]:
            storage.store_event(entry)
        assert len(instance.all_logs(run_id)) == before + 2
        with monkeypatch.context() as patch:
            patch.setattr(storage, "_index", Mock(side_effect=OSError("disk full")))
            storage.store_event(entries[0])
            with pytest.raises(OSError, match="disk full"):
                instance.all_logs(run_id)
        assert len(instance.all_logs(run_id)) == before + 3


def test_upstream_still_stores_a_batch_one_by_one() -> None:
    """If this fails, SQLite's own storage has batches: `store_event_batch` may go."""
    assert "store_event_batch" not in vars(SqliteEventLogStorage)
    assert "store_event_batch" not in vars(SqlEventLogStorage)


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


@pytest.mark.nightly
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
