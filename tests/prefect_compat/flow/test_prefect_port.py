"""The ids of task runs sort as the flow made them."""

from uuid import RFC_4122, UUID

import pytest
from prefect import flow, task
from prefect.runtime import task_run

from prefect_compat.flow.prefect_port import _OrderedIds, ordered_task_runs


def test_more_ids_than_fit_into_a_millisecond_are_in_order() -> None:
    make = _OrderedIds()
    ids = [make() for _ in range(10_000)]
    assert ids == sorted(ids)
    assert len({*ids}) == len(ids)
    assert {(entry.version, entry.variant) for entry in ids} == {(7, RFC_4122)}


@pytest.mark.usefixtures("prefect_server")
def test_runs_that_are_mapped_called_and_submitted_are_in_order() -> None:
    @task
    def own_id(number: int) -> UUID:
        return UUID(str(task_run.id))

    @flow
    def several() -> list[UUID]:
        mapped = own_id.map(range(20)).result()
        called = own_id(20)
        return [*mapped, called, own_id.submit(21).result()]

    with ordered_task_runs():
        ids = several()
    assert ids == sorted(ids)
    assert {entry.version for entry in ids} == {7}
