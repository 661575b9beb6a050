"""The batched event log in memory has the rows of Dagster's own, and tells who watches a run."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text

from tests.ticket_assets.upstream_fixes.letters import JOB, RANGE, Row, in_any_order, lasting
from ticket_assets.upstream_fixes.in_memory_event_log_storage import (
    BatchedInMemoryEventLogStorage,
    instance_in_memory,
)

TABLES = {"event_logs", "asset_keys", "asset_event_tags", "asset_check_executions"}


def stored_by(make: Callable[[], dg.DagsterInstance], size: str) -> dict[str, list[Row]]:
    """The rows of each table after two runs; the second finds the assets' rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_EVENT_BATCH_SIZE", size)
        with make() as instance:
            for _ in range(2):
                assert JOB.execute_in_process(instance=instance, tags=RANGE).success
            storage: Any = instance.event_log_storage
            with storage.index_connection() as connection:
                return {
                    name: [
                        lasting(dict(row))
                        for row in connection.execute(text(f"select * from {name}")).mappings()
                    ]
                    for name in TABLES
                }


@pytest.mark.parametrize("size", ["0", "2", "1000"])
def test_every_row_is_the_one_that_dagster_writes(size: str) -> None:
    ours = stored_by(instance_in_memory, size)
    theirs = stored_by(dg.DagsterInstance.ephemeral, "0")
    for table in theirs:
        assert in_any_order(ours[table]) == in_any_order(theirs[table]), table
    assert len(theirs["asset_check_executions"]) == 2 * (3 + 1 + 1)


def test_events_come_in_batches_and_watchers_see_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    sizes: list[int] = []
    original = BatchedInMemoryEventLogStorage.store_event_batch

    def counted(self: Any, events: Any) -> None:
        sizes.append(len(events))
        original(self, events)

    monkeypatch.setattr(BatchedInMemoryEventLogStorage, "store_event_batch", counted)
    seen: list[tuple[str | None, str]] = []
    with instance_in_memory() as instance:
        run_id = JOB.execute_in_process(instance=instance, tags=RANGE).run_id
        assert max(sizes) == 6  # the planned events
        entries = instance.all_logs(run_id)
        instance.event_log_storage.watch(
            run_id, None, lambda event, cursor: seen.append((event.step_key, cursor))
        )
        instance.event_log_storage.store_event_batch(entries[:3])
    assert [step for step, _ in seen] == [entry.step_key for entry in entries[:3]]
    assert len({cursor for _, cursor in seen}) == 3


def test_one_watcher_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def fails(event: dg.EventLogEntry, cursor: str) -> None:
        raise ValueError("no")

    seen: list[str] = []
    with instance_in_memory() as instance:
        run_id = JOB.execute_in_process(instance=instance, tags=RANGE).run_id
        storage = instance.event_log_storage
        storage.watch(run_id, None, fails)
        storage.watch(run_id, None, lambda event, cursor: seen.append(cursor))
        storage.store_event_batch(instance.all_logs(run_id)[:1])
    assert len(seen) == 1
    assert "Exception in callback for event watch" in caplog.text
