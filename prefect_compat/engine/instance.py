"""The asset events of one flow run, for Dagster's step code to look up while the run lasts."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.events.log import EventLogEntry
from dagster._core.instance import DagsterInstance, InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.event_log.base import AssetEntry, AssetRecord
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage, TemporaryLocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

Latest = dict[dg.AssetKey, dg.EventLogRecord]


class _Late:
    """A storage in memory that is set up when something is first asked of its tables.

    Setting one up costs Dagster 15 ms, for tables that most runs never ask.
    """

    def __init__(self) -> None:
        self._order = threading.RLock()
        vars(self)["_instance_weakref"] = None  # Dagster looks for it before it sets it

    def __getattr__(self, name: str) -> Any:
        with self._order:
            if not self._is_set_up:
                super().__init__()
                self._hold_from_any_thread()
        return object.__getattribute__(self, name)

    def _hold_from_any_thread(self) -> None:
        """Tables in memory last as long as a connection is held to them. That of the thread that
        first asked could not be closed from another."""
        own: Any = self
        url = own._engine.url.update_query_dict({"check_same_thread": "false"})
        held = create_engine(url, poolclass=NullPool).connect()
        own._held_conn.close()
        own._held_conn = held

    def dispose(self) -> None:
        if self._is_set_up:
            super().dispose()  # type: ignore[misc]  # the storage's

    @property
    def _is_set_up(self) -> bool:
        return "_engine" in vars(self)


class RunEventLog(_Late, InMemoryEventLogStorage):
    """Dagster's event log in memory, with what every step asks for (the latest event of an asset
    and the tags of its partitions) at hand, and its SQL tables filled when something else is asked.

    The tables cost about 5 ms a step, more than all else that Dagster does for a small step.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[EventLogEntry] = []
        self._stored = 0
        self._materialized: Latest = {}
        self._observed: Latest = {}
        self._tags: dict[Any, dict[str, Mapping[str, str]]] = defaultdict(dict)
        self._is_filling = False

    def store_event(self, event: EventLogEntry) -> None:
        with self._order:
            self._stored += 1
            self._waiting.append(event)
            found = event.dagster_event
            if found is None or found.asset_key is None:
                return
            record = dg.EventLogRecord(self._stored, event)
            kind = found.event_type
            if kind is dg.DagsterEventType.ASSET_MATERIALIZATION:
                self._materialized[found.asset_key] = record
                tags = found.step_materialization_data.materialization.tags
            elif kind is dg.DagsterEventType.ASSET_OBSERVATION:
                self._observed[found.asset_key] = record
                tags = found.asset_observation_data.asset_observation.tags
            else:
                return
            if found.partition is not None:
                self._tags[found.asset_key, kind][found.partition] = tags or {}

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
        if before_cursor is not None or after_cursor is not None:
            return super().get_latest_tags_by_partition(
                asset_key, event_type, tag_keys, asset_partitions, before_cursor, after_cursor
            )
        with self._order:
            by_partition = self._tags[asset_key, event_type]
            wanted = by_partition if asset_partitions is None else asset_partitions
            found = {
                partition: {name: tags[name] for name in tag_keys if name in tags}
                for partition, tags in ((p, by_partition.get(p, {})) for p in wanted)
            }
        return {partition: tags for partition, tags in found.items() if tags}

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        with self._order:
            if not self._is_filling:
                self._is_filling = True
                try:
                    for event in self._waiting:
                        super().store_event(event)  # type: ignore[no-untyped-call]  # Dagster's
                    self._waiting.clear()
                finally:
                    self._is_filling = False
            with super()._connect() as connection:
                yield connection


class RunStorage(_Late, InMemoryRunStorage):
    """Dagster's run storage in memory."""


def make_instance(folder: str | None) -> dg.DagsterInstance:
    """A Dagster instance in memory for one flow run; files lie in `folder`, or for a while."""
    storage = LocalArtifactStorage(folder) if folder else TemporaryLocalArtifactStorage()
    return DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=storage,
        run_storage=RunStorage(),
        event_storage=RunEventLog(),
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=DefaultRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
    )
