"""Dagster's event log in SQLite, without a new engine and connection for every event.

Named in `dagster.yaml`. Tables, files and their place are Dagster's own, so that the entry can be
taken out again at any time.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData

KEPT = 20  # databases: one for each run, and one for all


class KeptConnectionsEventLogStorage(SqliteEventLogStorage):
    """`SqliteEventLogStorage` of Dagster 1.13 makes an engine for each transaction, opens the
    database and compiles each SQL statement again: three quarters of what an event costs. Here the
    engines and connections of the latest databases are kept, and what one event changes in the
    index is one transaction. When it is committed is as it was."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._tables: set[str] = set()
        self._open: dict[str, Any] = {}  # connections within a transaction; guarded by the lock
        super().__init__(base_dir, inst_data)
        lock: Any = threading.RLock()  # so that a transaction can hold another
        self._db_lock = lock

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "KeptConnectionsEventLogStorage":
        """Where Dagster's own default lies: below DAGSTER_HOME."""
        return cls(str(Path(os.environ["DAGSTER_HOME"], "history", "runs")), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        with self._db_lock:
            if shard in self._open:
                yield self._open[shard]
                return
            with self._engine(shard).connect() as connection, connection.begin():
                self._open[shard] = connection
                try:
                    yield connection
                finally:
                    del self._open[shard]

    def store_event(self, event: EventLogEntry) -> None:
        """Dagster commits a check's result in the index twice: as an event, and as a result."""
        with self.index_connection():
            super().store_event(event)

    def _engine(self, shard: str) -> Any:
        """That of a database, made and its tables set up where it is not kept."""
        if shard not in self._kept:
            self._kept[shard] = create_engine(
                self.conn_string_for_shard(shard),
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)[1].dispose()
        self._kept.move_to_end(shard)
        if shard not in self._initialized_dbs:
            self._initdb(self._kept[shard])
            self._initialized_dbs.add(shard)
        return self._kept[shard]

    def has_table(self, table_name: str) -> bool:
        """Asked for with each event. A table that is there stays, so that is asked once."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        self._let_go()
        super().wipe()

    def dispose(self) -> None:
        super().dispose()
        self._let_go()

    def _let_go(self) -> None:
        with self._db_lock:
            for engine in self._kept.values():
                engine.dispose()
            self._kept.clear()
            self._tables.clear()
