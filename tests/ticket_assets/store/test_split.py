import pandas as pd
import pyarrow as pa
import pytest

from tests.ticket_assets.store.things import KEYS, table
from ticket_assets.errors import DataError
from ticket_assets.store.provenance import from_schema_metadata
from ticket_assets.store.split import rows_by_day, split


def test_each_day_has_its_rows_and_its_provenance() -> None:
    pieces = split(table(), KEYS)
    assert list(pieces) == KEYS
    assert [pieces[key]["log_row"].to_pylist() for key in KEYS] == [[0, 1], [], [2]]
    provenances = [from_schema_metadata(pieces[key].schema.metadata) for key in KEYS]
    assert provenances == [{"seed": 0}, {"seed": 1}, {"seed": 2}]
    assert {pieces[key].schema.field("day").type for key in KEYS} == {pa.date32()}


def test_documents_are_split_by_key() -> None:
    assert split({key: {"id": key} for key in KEYS}, KEYS[:1]) == {KEYS[0]: {"id": KEYS[0]}}


def test_the_rows_of_a_day_are_found_by_position() -> None:
    assert rows_by_day(table((2, 0, 1)), KEYS) == [slice(0, 2), slice(2, 2), slice(2, 3)]


def test_rows_of_a_day_outside_of_the_run_are_refused() -> None:
    with pytest.raises(
        DataError,
        match=r"rows of 2016-05-12, .* expected days from 2016-05-10 to 2016-05-11\. Return",
    ):
        rows_by_day(table(), KEYS[:2])


def test_rows_out_of_order_are_refused() -> None:
    swapped = pd.concat([table().iloc[:1], table().iloc[2:], table().iloc[1:2]])
    with pytest.raises(DataError, match=r"row 3: found 2016-05-10 after 2016-05-12, .* Sort the"):
        rows_by_day(swapped, KEYS)
