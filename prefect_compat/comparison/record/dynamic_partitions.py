"""Dynamic partitions that the steps of a run add and delete.

Dagster writes no event for them, and has no public list of the definitions' names.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import dagster as dg

from prefect_compat.comparison.record.record import Pairs


class DynamicPartitions:
    """Changes to dynamic partitions, in any instance of this process, in their order."""

    def __init__(self) -> None:
        self._changes: list[tuple[str, str]] = []

    def changes(self) -> Pairs:
        """Each change as (name of the definition, `added` or `deleted` and the key).

        Sorted: steps that run at the same time change them in any order.
        """
        return tuple(sorted(self._changes))

    @contextmanager
    def recorded(self) -> Iterator["DynamicPartitions"]:
        """Records while it is open, what user code does through Dagster's public methods."""
        add = dg.DagsterInstance.add_dynamic_partitions
        delete = dg.DagsterInstance.delete_dynamic_partition

        def adding(instance: Any, name: str, partition_keys: Sequence[str]) -> None:
            # The change comes first: one that Dagster refuses must not be recorded.
            add(instance, name, partition_keys)
            self._changes += [(name, f"added {key}") for key in partition_keys]

        def deleting(instance: Any, name: str, partition_key: str) -> None:
            delete(instance, name, partition_key)
            self._changes.append((name, f"deleted {partition_key}"))

        with (
            patch.object(dg.DagsterInstance, "add_dynamic_partitions", adding),
            patch.object(dg.DagsterInstance, "delete_dynamic_partition", deleting),
        ):
            yield self
