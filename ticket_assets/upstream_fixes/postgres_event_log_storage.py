"""Dagster's event log in PostgreSQL, with one transaction for many events.

For the `PostgresEventLogStorage` of dagster-postgres 0.29. `batched_events.py` says what is stored
together and which issue it answers. Upstream opens a connection for each event that is not part of
a batch: 300 partitions in one run took 10.5 s, and 8.8 s with DAGSTER_EVENT_BATCH_SIZE.

`deployment/dagster-postgres.yaml` names this class. The tables are Dagster's own, so the entry can
be replaced by upstream's at any time.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dagster._core.events.log import EventLogEntry
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from ticket_assets.upstream_fixes.batched_events import (
    FIELDS,
    BatchedEvents,
    Row,
    ask_for_batches,
)


class BatchedPostgresEventLogStorage(BatchedEvents, PostgresEventLogStorage):
    """`PostgresEventLogStorage` that stores many events in one transaction."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # The connection of this thread's batch, which inner transactions join.
        self._of_thread = threading.local()
        super().__init__(*arguments, **options)

    @classmethod
    def config_type(cls) -> Any:
        upstream: Any = PostgresEventLogStorage.config_type()
        return {**upstream, **FIELDS}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchedPostgresEventLogStorage":
        """The storage, with upstream's settings."""
        ask_for_batches(config_value)
        return cls(
            inst_data=inst_data,
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            token_provider=get_token_provider_from_config(config_value),
        )

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        joined = getattr(self._of_thread, "connection", None)
        if joined is not None:
            yield joined
            return
        self.store_waiting()  # whoever reads finds them
        with super()._connect() as connection:
            yield connection

    @contextmanager
    def batch_transaction(self, rows: Sequence[Row]) -> Iterator[Any]:
        """One transaction, which the storage's inner ones join."""
        with self.index_transaction() as connection:
            self._of_thread.connection = connection
            try:
                yield connection
            finally:
                self._of_thread.connection = None

    def is_indexed(self, event: EventLogEntry) -> bool:
        return True

    def dispose(self) -> None:
        self.store_waiting()
        super().dispose()
