"""A Dagster instance in memory, for one run."""

import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

import dagster as dg
from dagster._core.event_api import EventLogCursor, EventRecordsResult
from dagster._core.instance import InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.event_log import in_memory as event_tables
from dagster._core.storage.event_log.base import AssetEntry, AssetRecord
from dagster._core.storage.event_log.sql_event_log import enforce_max_records_limit
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage, TemporaryLocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage
from dagster._core.storage.runs import in_memory as run_tables
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

Latest = dict[dg.AssetKey, dg.EventLogRecord]


def make_instance(folder: str | None) -> dg.DagsterInstance:
    """A Dagster instance in memory. Its files lie in `folder`, or in a temporary one."""
    storage = LocalArtifactStorage(folder) if folder else TemporaryLocalArtifactStorage()
    return dg.DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=storage,
        run_storage=RunStorage(),
        event_storage=RunEventLog(),
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=DefaultRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
    )


class _Late:
    """A storage in memory whose tables are made when something first asks for them.

    Making them costs Dagster 15 ms, and most runs never ask.
    """

    _tables: ModuleType  # Dagster's module, whose `__init__` makes them

    def __init__(self) -> None:
        # Reentrant: what fills the tables, under this lock, connects to them again.
        self._order = threading.RLock()
        vars(self)["_instance_weakref"] = None  # Dagster reads it before it sets it

    def __getattr__(self, name: str) -> Any:
        with self._order:
            if not self._is_set_up:
                # The storage's own `__init__`, which ours has left out until now. Not the stamp
                # of the tables' version, which only a file's migration asks for: it loads the 90
                # migrations of Dagster's history, 12 ms.
                with patch.object(self._tables, "stamp_alembic_rev", lambda *arguments: None):
                    super().__init__()
                self._share_between_threads()
                self._fill()
        return object.__getattribute__(self, name)

    def _share_between_threads(self) -> None:
        """Replaces the connection that keeps the tables in memory alive.

        Dagster's belongs to the thread that first asked, and no other thread could close it.
        """
        storage: Any = self
        url = storage._engine.url.update_query_dict({"check_same_thread": "false"})
        # Opened first: SQLite drops a database in memory when its last connection closes.
        connection = create_engine(url, poolclass=NullPool).connect()
        storage._held_conn.close()
        storage._held_conn = connection

    def _fill(self) -> None:
        """Called once, when the tables have been made."""

    def dispose(self) -> None:
        if self._is_set_up:
            super().dispose()  # type: ignore[misc]  # the storage's

    @property
    def _is_set_up(self) -> bool:
        return "_engine" in vars(self)


class RunEventLog(_Late, InMemoryEventLogStorage):
    """Dagster's event log in memory, which answers the questions of every step from dicts.

    Steps ask for the latest event of an asset and of its partitions, and for the tags of those.
    Checks of many partitions ask for their latest materializations. The SQL tables are filled when
    anything else is asked: they cost about 5 ms a step, more than everything else that Dagster does
    for a small step, and half of a run of a year's partitions.
    """

    _tables = event_tables

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[dg.EventLogEntry] = deque()
        self._stored = 0
        self._materialized: Latest = {}
        self._observed: Latest = {}
        # Of each asset and type of event: the latest event of each partition.
        self._latest: dict[Any, dict[str, dg.EventLogRecord]] = defaultdict(dict)
        self._is_filling = False

    def store_event(self, event: dg.EventLogEntry) -> None:
        with self._order:
            # Counts as the ids of the tables do, because the events go there in this order.
            self._stored += 1
            self._waiting.append(event)
            stored = event.dagster_event
            if stored is None or stored.asset_key is None:
                return
            record = dg.EventLogRecord(self._stored, event)
            if stored.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
                self._materialized[stored.asset_key] = record
            elif stored.event_type is dg.DagsterEventType.ASSET_OBSERVATION:
                self._observed[stored.asset_key] = record
            if stored.partition is not None:
                of_type = self._latest[stored.asset_key, stored.event_type]
                of_type[stored.partition] = record

    @property
    def asset_records_have_last_observation(self) -> bool:
        return True

    def get_asset_records(
        self, asset_keys: Sequence[dg.AssetKey] | None = None
    ) -> Sequence[AssetRecord]:
        with self._order:
            known = {**self._observed, **self._materialized}
            wanted = known if asset_keys is None else [k for k in asset_keys if k in known]
            return [
                AssetRecord(
                    storage_id=known[key].storage_id,
                    asset_entry=AssetEntry(
                        asset_key=key,
                        last_materialization_record=self._materialized.get(key),
                        last_observation_record=self._observed.get(key),
                        last_run_id=known[key].run_id,
                    ),
                )
                for key in wanted
            ]

    def get_latest_tags_by_partition(
        self,
        asset_key: dg.AssetKey,
        event_type: dg.DagsterEventType,
        tag_keys: Sequence[str],
        asset_partitions: Sequence[str] | None = None,
        before_cursor: int | None = None,
        after_cursor: int | None = None,
    ) -> Mapping[str, Mapping[str, str]]:
        # The dicts have only each partition's latest event, so the tables answer this.
        if before_cursor is not None or after_cursor is not None:
            return super().get_latest_tags_by_partition(
                asset_key, event_type, tag_keys, asset_partitions, before_cursor, after_cursor
            )
        with self._order:
            latest = dict(self._latest[asset_key, event_type])
        wanted = latest if asset_partitions is None else asset_partitions
        chosen = {}
        for partition in wanted:
            tags = _tags(latest[partition]) if partition in latest else {}
            chosen[partition] = {name: tags[name] for name in tag_keys if name in tags}
        return {partition: tags for partition, tags in chosen.items() if tags}

    def get_latest_storage_id_by_partition(
        self,
        asset_key: dg.AssetKey,
        event_type: dg.DagsterEventType,
        partitions: set[str] | None = None,
        after_cursor: int | None = None,
    ) -> Mapping[str, int]:
        with self._order:
            latest = dict(self._latest[asset_key, event_type])
        # No partitions are all of them, as in the tables.
        return {
            partition: record.storage_id
            for partition, record in latest.items()
            if not partitions or partition in partitions
            if after_cursor is None or record.storage_id > after_cursor
        }

    def fetch_materializations(
        self,
        records_filter: dg.AssetKey | dg.AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        found = None if cursor is not None else self._latest_with_ids(records_filter)
        if found is None:
            return super().fetch_materializations(records_filter, limit, cursor, ascending)
        enforce_max_records_limit(limit)
        found.sort(key=lambda record: record.storage_id, reverse=not ascending)
        del found[limit:]
        last = found[-1].storage_id if found else -1
        return EventRecordsResult(
            found, EventLogCursor.from_storage_id(last).to_string(), len(found) == limit
        )

    def _latest_with_ids(
        self, wanted: dg.AssetKey | dg.AssetRecordsFilter
    ) -> list[dg.EventLogRecord] | None:
        """The materializations that are wanted, if by their ids and each the latest."""
        if not isinstance(wanted, dg.AssetRecordsFilter) or not wanted.storage_ids:
            return None
        if wanted != dg.AssetRecordsFilter(wanted.asset_key, storage_ids=wanted.storage_ids):
            return None
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        with self._order:
            latest = {
                record.storage_id: record
                for record in self._latest[wanted.asset_key, kind].values()
            }
        ids = set(wanted.storage_ids)
        return [latest[one] for one in ids] if ids <= latest.keys() else None

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        with self._order:
            # `store_event` connects too. The flag lets that call through to the tables.
            if not self._is_filling:
                self._is_filling = True
                try:
                    while self._waiting:
                        super().store_event(self._waiting[0])  # type: ignore[no-untyped-call]  # Dagster's
                        self._waiting.popleft()  # only now: it is stored
                finally:
                    self._is_filling = False
            with super()._connect() as connection:
                yield connection


def _tags(record: dg.EventLogRecord) -> Mapping[str, str]:
    """The tags of a materialization or an observation; none of another event."""
    event = record.event_log_entry.dagster_event
    assert event is not None
    if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
        return event.step_materialization_data.materialization.tags or {}
    if event.event_type is dg.DagsterEventType.ASSET_OBSERVATION:
        return event.asset_observation_data.asset_observation.tags or {}
    return {}


class RunStorage(_Late, InMemoryRunStorage):
    """Dagster's run storage in memory."""

    _tables = run_tables

    def __init__(self) -> None:
        super().__init__()
        self._remembered: list[dg.DagsterRun] = []

    def remember(self, run: dg.DagsterRun) -> None:
        """Adds a run, when its tables are made."""
        with self._order:
            self._remembered.append(run)
            if self._is_set_up:
                self._fill()

    def _fill(self) -> None:
        while self._remembered:
            self.add_run(self._remembered.pop())


def remember_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Lets the steps of a run find it in their instance, one of `make_instance`."""
    storage = instance.run_storage
    assert isinstance(storage, RunStorage)
    storage.remember(run)
