"""Many events in one transaction, for Dagster's event logs in SQLite and PostgreSQL.

Answers dagster issue 18789 (a run of 12,000 partitions takes 28 minutes), for Dagster 1.13. Dagster
hands the events of an output, and those that a run plans, to `store_event_batch`. In SQLite
upstream stores them one by one. In PostgreSQL it does so unless all are materializations, or all
are observations. The results of checks it never batches.

Needs nothing of this project: `store_event_batch` and `_store_asset_check_evaluations` could stand
in `SqlEventLogStorage` itself. One planned event with a subset of partitions would be fewer rows
still, but the queries of Dagster's own storages look for failed partitions in the column
`partition`, and would find none.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._serdes import serialize_value

# Dagster's own switch for batches: the number of events of one output in a transaction.
BATCH_SIZE_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
BATCH_SIZE = 1000
FIELDS = {"event_batch_size": dg.Field(int, is_required=False, default_value=BATCH_SIZE)}
Row = dict[str, Any]
Stored = tuple[EventLogEntry, int]


def ask_for_batches(config: Mapping[str, Any]) -> None:
    """Makes the setting of FIELDS the default for Dagster's switch in this process.

    0 stores each event alone.
    """
    size = config.get("event_batch_size", BATCH_SIZE)
    os.environ.setdefault(BATCH_SIZE_VARIABLE, str(size))


class BatchedEvents(SqlEventLogStorage):
    """Stores the events of a batch in one transaction, with the rows of upstream.

    Each event is committed before the call returns, as upstream. Only the results of checks wait
    for the next event of their process, at the latest for the one that ends their step: a range run
    yields one for each check and partition, one after the other.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._waiting: list[EventLogEntry] = []
        self._guard = threading.RLock()
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]  # Dagster's

    def batch_transaction(self, rows: Sequence[Row]) -> AbstractContextManager[Any]:
        """A connection to the index, in a transaction that every inner one joins.

        `rows` are those of the events, for a storage that keeps each run in its own database.
        """
        raise NotImplementedError

    def is_indexed(self, event: EventLogEntry) -> bool:
        """True if the event's row belongs into the index."""
        raise NotImplementedError

    def store_event(self, event: EventLogEntry) -> None:
        """Stores the event; a check's result is stored with those that follow at once."""
        size = int(os.environ.get(BATCH_SIZE_VARIABLE) or 0)
        if type_of(event) is DagsterEventType.ASSET_CHECK_EVALUATION and event.run_id and size:
            with self._guard:
                self._waiting.append(event)
                if len(self._waiting) >= size:
                    self.store_waiting()
            return
        self.store_waiting()
        self.store_alone(event)

    def store_alone(self, event: EventLogEntry) -> None:
        """Stores one event as upstream does."""
        super().store_event(event)

    def store_waiting(self) -> None:
        """Stores the results that wait; after an error they still wait."""
        if not self._waiting:
            return
        with self._guard:
            waiting = list(self._waiting)
            self._waiting.clear()
            try:
                self.store_event_batch(waiting)
            except BaseException:
                self._waiting[:0] = waiting
                raise

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Stores the events in one transaction, with the rows that `store_event` would write."""
        rows = [self._event_to_row(event) for event in events]
        if not rows:
            return
        with self.batch_transaction(rows) as index:
            places = [number for number, event in enumerate(events) if self.is_indexed(event)]
            if not places:
                return
            statement = SqlEventLogStorageTable.insert().returning(
                SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
            )
            ids = index.scalars(statement, [rows[number] for number in places]).all()
            self._index(index, [(events[n], i) for n, i in zip(places, ids, strict=True)])

    def _index(self, index: Any, stored: Sequence[Stored]) -> None:
        """Brings the tables of assets and checks up to date."""
        of_assets = [
            entry
            for entry in stored
            if type_of(entry[0]) in ASSET_EVENTS and entry[0].get_dagster_event().asset_key
        ]
        if of_assets:
            self._store_asset_event_tags(index, *zip(*of_assets, strict=True))
            # An asset's row is as the last event of each kind leaves it.
            last = {
                (event.get_dagster_event().asset_key, type_of(event)): (event, event_id)
                for event, event_id in of_assets
            }
            for event, event_id in sorted(last.values(), key=lambda entry: entry[1]):
                self._store_asset_event(index, event, event_id)
        results = []
        for event, event_id in stored:
            if type_of(event) is DagsterEventType.ASSET_CHECK_EVALUATION and event.run_id:
                results.append((event, event_id))
            elif type_of(event) in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, event_id)
        self._store_asset_check_evaluations(index, results)

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


def type_of(event: EventLogEntry) -> DagsterEventType | None:
    """The event's type; None for a line of a log."""
    return event.dagster_event_type if event.is_dagster_event else None
