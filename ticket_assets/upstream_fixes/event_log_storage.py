"""Dagster's event log in SQLite, with kept connections and one transaction for many events.

Answers dagster issue 19618 (many events of one run are slow to store; closed as stale), for the
`SqliteEventLogStorage` of Dagster 1.13. Upstream makes an engine for each transaction, opens the
database anew and compiles each SQL statement again: three quarters of the cost of an event. The
reentrant lock also answers issue 32217 (a log record written during a transaction deadlocks).
`batched_events.py` says what is stored together.

`dagster.yaml` names this class. Tables, files and their place are Dagster's own, so the entry can
be removed at any time. `tests/ticket_assets/upstream_fixes/test_event_log_storage.py` fails once
upstream keeps its engines or batches: look then whether this module can go.
"""

import os
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData

from ticket_assets.upstream_fixes.batched_events import (
    FIELDS,
    BatchedEvents,
    Row,
    ask_for_batches,
    type_of,
)

KEPT_ENGINES = 20  # each run has one database, and all runs share the index
MIRRORED = {*ASSET_EVENTS, *ASSET_CHECK_EVENTS, *EVENT_TYPE_TO_PIPELINE_RUN_STATUS}


class KeptConnectionsEventLogStorage(BatchedEvents, SqliteEventLogStorage):
    """`SqliteEventLogStorage` that keeps its engines, and stores many events in one transaction."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Any] = OrderedDict()
        self._tables: set[str] = set()
        # Connections of open transactions by database; guarded by the lock.
        self._open: dict[str, Any] = {}
        super().__init__(base_dir, inst_data)
        # In place of the plain lock that the parent's `__init__` has just made.
        lock: Any = threading.RLock()  # reentrant: one transaction may open within another
        self._db_lock = self._guard = lock

    @classmethod
    def config_type(cls) -> Any:
        return FIELDS

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "KeptConnectionsEventLogStorage":
        """The storage at Dagster's own default place below DAGSTER_HOME."""
        ask_for_batches(config_value)
        return cls(str(Path(os.environ["DAGSTER_HOME"], "history", "runs")), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        with self._db_lock:
            if shard in self._open:
                # An inner transaction joins the outer one, which alone commits.
                yield self._open[shard]
                return
            if not self._open:
                self.store_waiting()  # whoever reads finds them
            with self._engine(shard).connect() as connection, connection.begin():
                self._open[shard] = connection
                try:
                    yield connection
                finally:
                    del self._open[shard]

    def store_alone(self, event: EventLogEntry) -> None:
        """Stores the event in one transaction of the index.

        Upstream commits a check's result there twice: as an event and as a result.
        """
        with self.index_connection():
            super().store_alone(event)

    @contextmanager
    def batch_transaction(self, rows: Sequence[Row]) -> Iterator[Any]:
        """One transaction of each run's database, and one of the index.

        All stay open until the index is written: an error takes back the events of runs too.
        """
        by_run: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_run[row["run_id"]].append(row)
        with self.index_connection() as index, ExitStack() as opened:
            for run_id, of_run in by_run.items():
                connection = opened.enter_context(self.run_connection(run_id))
                connection.execute(SqlEventLogStorageTable.insert(), of_run)
            yield index

    def is_indexed(self, event: EventLogEntry) -> bool:
        return type_of(event) in MIRRORED

    def _engine(self, shard: str) -> Any:
        """Returns the database's kept engine, creating it and its tables if needed."""
        if shard not in self._engines:
            self._engines[shard] = create_engine(
                self.conn_string_for_shard(shard),
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
            while len(self._engines) > KEPT_ENGINES:
                self._engines.popitem(last=False)[1].dispose()
        self._engines.move_to_end(shard)
        if shard not in self._initialized_dbs:
            self._initdb(self._engines[shard])
            self._initialized_dbs.add(shard)
        return self._engines[shard]

    def has_table(self, table_name: str) -> bool:
        """Remembers existing tables, because Dagster asks with each event and a table stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        with self._db_lock:
            self._waiting.clear()
            self._dispose_engines()
        super().wipe()

    def dispose(self) -> None:
        self.store_waiting()
        # The parent's comes first: it ends the thread that reads new events through the engines.
        super().dispose()
        self._dispose_engines()

    def _dispose_engines(self) -> None:
        with self._db_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()
            self._tables.clear()
