"""The event log of a run answers from its dicts what Dagster's own answers from its tables."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg
import pytest

from prefect_compat.engine.dagster_port.instance import make_instance

DAYS = ("monday", "tuesday", "wednesday")
FIRST, OTHER = dg.AssetKey("first"), dg.AssetKey("other")
MADE = dg.DagsterEventType.ASSET_MATERIALIZATION
SEEN = dg.DagsterEventType.ASSET_OBSERVATION
TAG = "dagster/data_version"


@pytest.fixture
def instances() -> Iterator[tuple[dg.DagsterInstance, dg.DagsterInstance]]:
    """Ours and Dagster's, after the same events."""
    ours, dagsters = make_instance(None), dg.DagsterInstance.ephemeral()
    with ours, dagsters:
        for instance in (ours, dagsters):
            _report(instance)
        yield ours, dagsters


def _report(instance: dg.DagsterInstance) -> None:
    events: list[dg.AssetMaterialization | dg.AssetObservation] = [
        dg.AssetMaterialization(FIRST, partition="monday", tags={TAG: "1"}),
        dg.AssetMaterialization(FIRST, partition="tuesday", tags={TAG: "1"}),
        dg.AssetObservation(FIRST, partition="tuesday", tags={TAG: "seen"}),
        dg.AssetMaterialization(FIRST, partition="monday", tags={TAG: "2"}),
        dg.AssetMaterialization(FIRST),
        dg.AssetMaterialization(OTHER, partition="monday"),
        dg.AssetObservation(OTHER, partition="wednesday", tags={TAG: "seen"}),
    ]
    for event in events:
        instance.report_runless_asset_event(event)


@pytest.mark.parametrize("kind", [MADE, SEEN])
@pytest.mark.parametrize("key", [FIRST, OTHER, dg.AssetKey("never")])
@pytest.mark.parametrize("partitions", [None, set(), {"monday"}, {"tuesday", "sunday"}])
@pytest.mark.parametrize("after", [None, 0, 2, 100])
def test_latest_ids_by_partition(
    instances: tuple[dg.DagsterInstance, dg.DagsterInstance],
    kind: dg.DagsterEventType,
    key: dg.AssetKey,
    partitions: set[str] | None,
    after: int | None,
) -> None:
    options = {} if after is None else {"after_cursor": after}
    ours, dagsters = (
        instance.event_log_storage.get_latest_storage_id_by_partition(
            key, kind, partitions, **options
        )
        for instance in instances
    )
    assert ours == dagsters


@pytest.mark.parametrize("days", [None, DAYS, ("monday",)])
@pytest.mark.parametrize("kind", [MADE, SEEN])
@pytest.mark.parametrize("key", [FIRST, OTHER])
def test_latest_tags_by_partition(
    instances: tuple[dg.DagsterInstance, dg.DagsterInstance],
    key: dg.AssetKey,
    kind: dg.DagsterEventType,
    days: Sequence[str] | None,
) -> None:
    ours, dagsters = (
        instance.event_log_storage.get_latest_tags_by_partition(key, kind, [TAG], days)
        for instance in instances
    )
    assert ours == dagsters


def _by_ids(*ids: int) -> Callable[..., Any]:
    return lambda instance, **options: instance.fetch_materializations(
        dg.AssetRecordsFilter(FIRST, storage_ids=ids), **options
    )


def _by_key(instance: dg.DagsterInstance, **options: Any) -> dg.EventRecordsResult:
    return instance.fetch_materializations(FIRST, **options)


def _by_partition(instance: dg.DagsterInstance, **options: Any) -> dg.EventRecordsResult:
    wanted = dg.AssetRecordsFilter(FIRST, asset_partitions=["monday"])
    return instance.fetch_materializations(wanted, **options)


def _by_ids_and_partition(instance: dg.DagsterInstance, **options: Any) -> dg.EventRecordsResult:
    wanted = dg.AssetRecordsFilter(FIRST, asset_partitions=["monday"], storage_ids=[2, 4])
    return instance.fetch_materializations(wanted, **options)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(_by_ids(2, 4), id="the latest of two days"),
        pytest.param(_by_ids(4, 4), id="one id twice"),
        pytest.param(_by_ids(1, 2), id="one that is not the latest"),
        pytest.param(_by_ids(5), id="one without a partition"),
        pytest.param(_by_ids(3), id="an observation"),
        pytest.param(_by_ids(77), id="no such id"),
        pytest.param(_by_ids(), id="no id"),
        pytest.param(_by_key, id="all of the asset"),
        pytest.param(_by_partition, id="of a partition"),
        pytest.param(_by_ids_and_partition, id="by id and partition"),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 10])
@pytest.mark.parametrize("is_ascending", [False, True])
def test_materializations(
    instances: tuple[dg.DagsterInstance, dg.DagsterInstance],
    ask: Callable[..., dg.EventRecordsResult],
    limit: int,
    is_ascending: bool,
) -> None:
    ours, dagsters = (ask(i, limit=limit, ascending=is_ascending) for i in instances)
    assert [record.storage_id for record in ours.records] == [
        record.storage_id for record in dagsters.records
    ]
    assert [record.partition_key for record in ours.records] == [
        record.partition_key for record in dagsters.records
    ]
    assert ours[1:] == dagsters[1:]  # the cursor, and whether there are more


def test_the_tables_are_left_out_for_the_latest_materializations() -> None:
    with make_instance(None) as instance:
        _report(instance)
        storage: Any = instance.event_log_storage
        ids = storage.get_latest_storage_id_by_partition(FIRST, MADE, set(DAYS))
        found = _by_ids(*ids.values())(instance, limit=10)
        assert len(found.records) == 2
        assert len(storage._waiting) == 7
        _by_key(instance, limit=10)
        assert not storage._waiting
