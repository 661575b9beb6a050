"""Dagster's event log in SQLite, with kept connections and one transaction for many events.

Answers three issues of dagster, for the `SqliteEventLogStorage` of Dagster 1.13:

- 19618 (many events of one run are slow to store; closed as stale). Upstream makes an engine for
  each transaction, opens the database anew and compiles each SQL statement again.
- 18789 (a run of 12,000 partitions takes 28 minutes). Dagster hands the events of an output to
  `store_event_batch`, which upstream's SQLite storage stores one by one.
- 32217 (a log record written during a transaction deadlocks): the lock is reentrant.

`store_event_batch` needs nothing of this project and could stand in `SqliteEventLogStorage` itself.
So could `_store_asset_check_evaluations`, in `SqlEventLogStorage`.

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

import dagster as dg
import sqlalchemy as db
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    DagsterEventType,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData, serialize_value

KEPT_ENGINES = 20  # each run has one database, and all runs share the index
# Dagster's own switch for batches: the number of events of one output in a transaction.
BATCH_SIZE_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
MIRRORED = {*ASSET_EVENTS, *ASSET_CHECK_EVENTS, *EVENT_TYPE_TO_PIPELINE_RUN_STATUS}
Stored = tuple[EventLogEntry, int]


class KeptConnectionsEventLogStorage(SqliteEventLogStorage):
    """`SqliteEventLogStorage` that keeps its engines, and stores many events in one transaction.

    Each event is committed before the call returns, as upstream. Only the results of checks wait
    for the next event of their process, at the latest for the one that ends their step.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Any] = OrderedDict()
        self._tables: set[str] = set()
        self._has_asset_columns: bool | None = None
        # Connections of open transactions by database; guarded by the lock, as the results are.
        self._open: dict[str, Any] = {}
        self._check_results: list[EventLogEntry] = []
        super().__init__(base_dir, inst_data)
        # In place of the plain lock that the parent's `__init__` has just made.
        lock: Any = threading.RLock()  # reentrant: one transaction may open within another
        self._db_lock = lock

    @classmethod
    def config_type(cls) -> Any:
        return {"event_batch_size": dg.Field(int, is_required=False, default_value=1000)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "KeptConnectionsEventLogStorage":
        """The storage at Dagster's own default place below DAGSTER_HOME.

        `event_batch_size` is the default for DAGSTER_EVENT_BATCH_SIZE in this process; 0 stores
        each event alone.
        """
        os.environ.setdefault(BATCH_SIZE_VARIABLE, str(config_value.get("event_batch_size", 1000)))
        return cls(str(Path(os.environ["DAGSTER_HOME"], "history", "runs")), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        with self._db_lock:
            if shard in self._open:
                # An inner transaction joins the outer one, which alone commits.
                yield self._open[shard]
                return
            if not self._open:
                self._store_check_results()  # whoever reads finds them
            with self._engine(shard).connect() as connection, connection.begin():
                self._open[shard] = connection
                try:
                    yield connection
                finally:
                    del self._open[shard]

    def store_event(self, event: EventLogEntry) -> None:
        """Stores the event in one transaction of the index.

        Upstream commits a check's result there twice: as an event and as a result. A range run
        yields a result for each check and partition, one after the other: they are stored together.
        """
        size = int(os.environ.get(BATCH_SIZE_VARIABLE) or 0)
        if _type_of(event) is DagsterEventType.ASSET_CHECK_EVALUATION and event.run_id and size:
            with self._db_lock:
                self._check_results.append(event)
                if len(self._check_results) >= size:
                    self._store_check_results()
            return
        with self.index_connection():
            super().store_event(event)

    def _store_check_results(self) -> None:
        """Stores the results that wait; after an error they still wait."""
        waiting = list(self._check_results)
        if waiting:
            self._check_results.clear()
            try:
                self.store_event_batch(waiting)
            except BaseException:
                self._check_results[:0] = waiting
                raise

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Stores the events in one transaction of each run's database, and one of the index.

        The rows are those that `store_event` writes for one event after the other.
        """
        rows = [self._event_to_row(event) for event in events]
        by_run: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            by_run[row["run_id"]].append(row)
        with self.index_connection() as index, ExitStack() as opened:
            # All stay open until the index is written: an error takes back the events of runs too.
            for run_id, of_run in by_run.items():
                connection = opened.enter_context(self.run_connection(run_id))
                connection.execute(SqlEventLogStorageTable.insert(), of_run)
            mirrored = [number for number, e in enumerate(events) if _type_of(e) in MIRRORED]
            if mirrored:
                ids = index.scalars(
                    SqlEventLogStorageTable.insert().returning(
                        SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
                    ),
                    [rows[number] for number in mirrored],
                ).all()
                self._index(index, [(events[n], i) for n, i in zip(mirrored, ids, strict=True)])

    def _index(self, index: Any, stored: Sequence[Stored]) -> None:
        """Brings the index's tables of assets and checks up to date."""
        of_assets = [
            entry
            for entry in stored
            if _type_of(entry[0]) in ASSET_EVENTS and entry[0].get_dagster_event().asset_key
        ]
        if of_assets:
            self._store_asset_event_tags(index, *zip(*of_assets, strict=True))
            self._store_asset_keys(index, of_assets)
        results = []
        for event, event_id in stored:
            if _type_of(event) is DagsterEventType.ASSET_CHECK_EVALUATION and event.run_id:
                results.append((event, event_id))
            elif _type_of(event) in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, event_id)
        self._store_asset_check_evaluations(index, results)

    def _store_asset_keys(self, index: Any, stored: Sequence[Stored]) -> None:
        """Writes the row of each asset once, as its events would have left it."""
        # The last event of each kind decides; the order between the kinds stays.
        last = {(_asset(event), _type_of(event)): (event, i) for event, i in stored}
        values: dict[str, dict[str, Any]] = defaultdict(dict)
        for event, event_id in sorted(last.values(), key=lambda entry: entry[1]):
            values[_asset(event)].update(
                self._get_asset_entry_values(event, event_id, self._has_columns(index))
            )
        for key, columns in values.items():
            changed = index.execute(
                AssetKeyTable.update().where(AssetKeyTable.c.asset_key == key).values(**columns)
            )
            if not changed.rowcount:
                index.execute(AssetKeyTable.insert().values(asset_key=key, **columns))

    def _store_asset_check_evaluations(self, index: Any, stored: Sequence[Stored]) -> None:
        """Writes results into the rows that were planned for them; a row is new without one."""
        if not stored:
            return
        rows = [self._evaluation_row(event, event_id) for event, event_id in stored]
        with_key = [row for row in rows if row["partition"] is not None]
        changed = 0
        if with_key:
            changed = index.execute(UPDATE_EVALUATION, [_bound(row) for row in with_key]).rowcount
        if changed == len(rows):
            return
        # Some without a plan or a partition: upstream's own way finds out which, and repeats the
        # others with the same values.
        for event, event_id in stored:
            self._update_asset_check_evaluation(event, event_id)

    def _evaluation_row(self, event: EventLogEntry, event_id: int) -> dict[str, Any]:
        evaluation: Any = event.get_dagster_event().event_specific_data
        target = evaluation.target_materialization_data
        status = AssetCheckExecutionRecordStatus
        return {
            "asset_key": evaluation.asset_key.to_string(),
            "check_name": evaluation.check_name,
            "run_id": event.run_id,
            "partition": evaluation.partition,
            "execution_status": (status.SUCCEEDED if evaluation.passed else status.FAILED).value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]  # Dagster's
            "evaluation_event_storage_id": event_id,
            "materialization_event_storage_id": target.storage_id if target else None,
        }

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: Any) -> None:
        """Upstream serializes the event anew for the row of each partition."""
        planned: Any = event.get_dagster_event().event_specific_data
        subset = planned.partitions_subset
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]  # Dagster's
            "evaluation_event_storage_id": event_id,
        }
        with self.index_connection() as index:
            index.execute(
                AssetCheckExecutionsTable.insert(),
                [
                    {**row, "partition": key}
                    for key in (subset.get_partition_keys() if subset else [None])
                ],
            )

    def _has_columns(self, index: Any) -> bool:
        if self._has_asset_columns is None:
            self._has_asset_columns = self._has_asset_key_index_cols_on_connection(index)
        return self._has_asset_columns

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
            self._check_results.clear()
            self._dispose_engines()
        super().wipe()

    def dispose(self) -> None:
        with self._db_lock:
            self._store_check_results()
        # The parent's comes first: it ends the thread that reads new events through the engines.
        super().dispose()
        self._dispose_engines()

    def _dispose_engines(self) -> None:
        with self._db_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()
            self._tables.clear()
            self._has_asset_columns = None


KEYS = ("asset_key", "check_name", "run_id", "partition")
UPDATE_EVALUATION = (
    AssetCheckExecutionsTable.update()
    .where(*(AssetCheckExecutionsTable.c[name] == db.bindparam(f"of_{name}") for name in KEYS))
    .values(
        {
            name: db.bindparam(name)
            for name in (
                *("execution_status", "evaluation_event", "evaluation_event_timestamp"),
                *("evaluation_event_storage_id", "materialization_event_storage_id"),
            )
        }
    )
)


def _bound(row: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of UPDATE_EVALUATION; a column's own name stands for its new value."""
    return {f"of_{name}" if name in KEYS else name: value for name, value in row.items()}


def _type_of(event: EventLogEntry) -> DagsterEventType | None:
    return event.dagster_event_type if event.is_dagster_event else None


def _asset(event: EventLogEntry) -> str:
    key = event.get_dagster_event().asset_key
    assert key is not None  # only events with an asset come here
    return key.to_string()
