"""Dagster's event log in memory, with one transaction for many events.

For the `InMemoryEventLogStorage` of Dagster 1.13, which an ephemeral instance has.
`batched_events.py` says what is stored together and which issue it answers. Upstream opens a
connection and sets it up for each statement of each event: more than half of a year's run.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.event_api import EventLogCursor
from dagster._core.events.log import EventLogEntry
from dagster._core.instance import InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import TemporaryLocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage

from ticket_assets.upstream_fixes.batched_events import BatchedEvents, Row, ask_for_batches


def instance_in_memory() -> dg.DagsterInstance:
    """`DagsterInstance.ephemeral()` with the event log of this module."""
    ask_for_batches({})
    return dg.DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=TemporaryLocalArtifactStorage(),
        run_storage=InMemoryRunStorage(),
        event_storage=BatchedInMemoryEventLogStorage(),
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=DefaultRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
    )


class BatchedInMemoryEventLogStorage(BatchedEvents, InMemoryEventLogStorage):
    """`InMemoryEventLogStorage` that stores many events in one transaction."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # The connection of this thread's transaction, which inner ones join.
        self._of_thread = threading.local()
        super().__init__(*arguments, **options)

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        joined = getattr(self._of_thread, "connection", None)
        if joined is not None:
            yield joined
            return
        self.store_waiting()  # whoever reads finds them
        with super()._connect() as connection:
            self._of_thread.connection = connection
            try:
                yield connection
            finally:
                self._of_thread.connection = None

    def store_alone(self, event: EventLogEntry) -> None:
        with self._connect():
            super().store_alone(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        super().store_event_batch(events)
        for event in events:
            self._tell_watchers(event)

    def _tell_watchers(self, event: EventLogEntry) -> None:
        self._storage_id += 1
        cursor = EventLogCursor.from_storage_id(self._storage_id).to_string()
        for watcher in list(self._handlers[event.run_id]):
            try:
                watcher(event, cursor)
            except Exception:
                logging.exception("Exception in callback for event watch on run %s.", event.run_id)

    @contextmanager
    def batch_transaction(self, rows: Sequence[Row]) -> Iterator[Any]:
        """One transaction, which the storage's inner ones join."""
        with self._connect() as connection:
            yield connection

    def is_indexed(self, event: EventLogEntry) -> bool:
        return True

    def dispose(self) -> None:
        self.store_waiting()
        super().dispose()  # type: ignore[no-untyped-call]  # Dagster's
